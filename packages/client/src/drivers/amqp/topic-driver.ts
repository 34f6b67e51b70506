/**
 * Topics are fan-out exchanges. A stored one also has a stream queue, from which it can be read again; a live one reaches those
 * who have a queue bound to it at that moment.
 */
import type {
  GroupSink,
  GroupSubscription,
  Position,
  PublishOutcome,
  TopicDriver,
  TopicSink,
  TopicSpec,
  TopicSubscription,
} from '../../driver/driver.ts';
import { PolymqError } from '../../errors.ts';
import type { WireMessage } from '../../message/wire-message.ts';
import type { Publication } from './batch.ts';
import { beginCommits, type GroupPlace, lastCommit } from './commits.ts';
import { declareGroup, GroupMember, type MemberParts } from './group-member.ts';
import type { AmqpChannel } from './library.ts';
import type { Link } from './link.ts';
import { toBuffer, toProperties } from './message-format.ts';
import { groupLock, streamQueue } from './names.ts';
import type { Publisher } from './publisher.ts';
import { LiveSource, StreamSource } from './sources.ts';
import { offsetOfPosition, streamRange } from './stream-range.ts';
import { TopicReader } from './topic-reader.ts';
import type { Topology } from './topology.ts';

const NOWHERE: PublishOutcome = Object.freeze({ partition: -1, offset: -1 });

export class AmqpTopics implements TopicDriver {
  readonly #link: Link;
  readonly #topology: Topology;
  readonly #publisher: Publisher;
  readonly #live = new Set<string>();

  constructor(link: Link, topology: Topology, publisher: Publisher) {
    this.#link = link;
    this.#topology = topology;
    this.#publisher = publisher;
  }

  async declareTopic({ name, live, retentionMs }: TopicSpec): Promise<void> {
    await this.#topology.declare(`topic ${name}`, `declaring topic "${name}"`, async (channel) => {
      await channel.assertExchange(name, 'fanout', { durable: true });
      if (!live) await declareStream(channel, name, retentionMs);
    });
    if (live) this.#live.add(name);
    else this.#live.delete(name);
  }

  async deleteTopic(topic: string): Promise<void> {
    this.#topology.forget(`topic ${topic}`);
    await this.#topology.run(`deleting topic "${topic}"`, async (channel) => {
      await channel.deleteExchange(topic);
      await channel.deleteQueue(streamQueue(topic));
    });
    this.#live.delete(topic);
  }

  async publish(
    topic: string,
    messages: readonly WireMessage[],
    timeoutMs?: number | undefined,
  ): Promise<readonly PublishOutcome[]> {
    const persistent = !this.#live.has(topic);
    const publications = messages.map((message) => publicationOf(topic, message, persistent));
    const what = `publishing to topic "${topic}"`;
    const outcomes = await this.#publisher.publish(publications, what, timeoutMs);
    const failed = outcomes?.find((outcome) => 'error' in outcome);
    if (failed !== undefined && 'error' in failed) throw failed.error;
    return messages.map(() => NOWHERE);
  }

  async subscribeTopic(topic: string, from: Position, sink: TopicSink): Promise<TopicSubscription> {
    const source = this.#live.has(topic)
      ? new LiveSource(topic)
      : new StreamSource(topic, from, this.#link.context.clock);
    const reader = new TopicReader(this.#link, source, sink);
    await reader.open();
    return reader;
  }

  get #parts(): MemberParts {
    return { link: this.#link, topology: this.#topology, publisher: this.#publisher };
  }

  async joinGroup(
    topic: string,
    group: string,
    from: Position,
    sink: GroupSink,
  ): Promise<GroupSubscription> {
    const place = { topic, group };
    const member = new GroupMember(this.#parts, { place, from, sink });
    await member.open();
    return member;
  }

  async groupLag(topic: string, group: string): Promise<ReadonlyMap<number, number>> {
    const place: GroupPlace = { topic, group };
    const commit = await lastCommit(this.#link, place);
    const { first, end } = await streamRange(this.#link, topic);
    return new Map([[0, Math.max(0, end - Math.max(first, commit ?? first))]]);
  }

  async seekGroup(topic: string, group: string, to: Position): Promise<void> {
    const place: GroupPlace = { topic, group };
    await this.#topology.run(`moving group "${group}"`, async (channel) => {
      const { consumerCount } = await declareGroup(channel, place);
      if (consumerCount > 0) throw hasMembers(place);
    });
    await beginCommits(this.#parts, place, await offsetOfPosition(this.#link, topic, to));
  }

  async bindQueue(topic: string, queue: string): Promise<void> {
    const what = `binding queue "${queue}" to topic "${topic}"`;
    await this.#topology.declare(`binding ${topic} ${queue}`, what, (channel) =>
      channel.bindQueue(queue, topic, ''),
    );
  }
}

async function declareStream(
  channel: AmqpChannel,
  topic: string,
  retentionMs: number | undefined,
): Promise<void> {
  const age =
    retentionMs === undefined
      ? {}
      : { 'x-max-age': `${Math.max(1, Math.ceil(retentionMs / 1000))}s` };
  const queue = streamQueue(topic);
  await channel.assertQueue(queue, {
    durable: true,
    arguments: { 'x-queue-type': 'stream', ...age },
  });
  await channel.bindQueue(queue, topic, '');
}

function publicationOf(topic: string, message: WireMessage, persistent: boolean): Publication {
  return {
    id: message.id,
    exchange: topic,
    routingKey: '',
    body: toBuffer(message.body),
    properties: () => toProperties(message, { mandatory: false, persistent }),
  };
}

function hasMembers({ topic, group }: GroupPlace): PolymqError {
  return new PolymqError(
    'invalid-argument',
    `group "${group}" of topic "${topic}" has members (queue "${groupLock(topic, group)}" has consumers); close them before moving it`,
  );
}
