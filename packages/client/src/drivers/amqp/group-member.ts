/**
 * A member of a group that reads a stream. Streams know no groups over AMQP 0-9-1, so two small queues make one:
 *
 *   polymq.group.<topic>.<group>     holds one token, and has a single active consumer: who gets the token reads
 *                                    the topic; the other members stand by, and one of them gets it next
 *   polymq.commits.<topic>.<group>   holds the last commit (at most one message, the newest)
 *
 *   standing by ── token ──► reading from the last commit ── connection lost: `revoked` ──► standing by
 *
 * So the records are not read by several members at a time: a group gives order and takes over, it does not share load.
 */
import type { GroupSink, GroupSubscription, Position } from '../../driver/driver.ts';
import { PolymqError } from '../../errors.ts';
import type { Publication } from './batch.ts';
import { amqpError } from './errors.ts';
import type { AmqpChannel, AmqpConnection, AmqpMessage } from './library.ts';
import { type Link, type LinkPart, openChannel } from './link.ts';
import { groupCommits, groupLock } from './names.ts';
import type { Publisher } from './publisher.ts';
import { StreamSource } from './sources.ts';
import { streamEnd } from './stream-range.ts';
import { closeQuietly, TopicReader } from './topic-reader.ts';

/** RabbitMQ's streams have one partition. */
const PARTITION = 0;

export interface GroupPlace {
  readonly topic: string;
  readonly group: string;
}

export class GroupMember implements GroupSubscription, LinkPart {
  readonly #link: Link;
  readonly #publisher: Publisher;
  readonly #place: GroupPlace;
  readonly #from: Position;
  readonly #sink: GroupSink;
  #channel: AmqpChannel | undefined = undefined;
  #reader: TopicReader | undefined = undefined;
  #closed = false;

  constructor(
    link: Link,
    publisher: Publisher,
    { place, from, sink }: { place: GroupPlace; from: Position; sink: GroupSink },
  ) {
    this.#link = link;
    this.#publisher = publisher;
    this.#place = place;
    this.#from = from;
    this.#sink = sink;
  }

  async open(): Promise<void> {
    await this.#join(await this.#link.ready(this.#what), true);
    this.#link.add(this);
  }

  /** A new group that wants what is new begins here and now, whichever of its members reads first. */
  async #begin(channel: AmqpChannel): Promise<void> {
    if (this.#from.at !== 'new' || (await lastCommit(channel, this.#place)) !== undefined) return;
    await publishCommit(
      this.#publisher,
      this.#place,
      await streamEnd(this.#link, this.#place.topic),
    );
  }

  async commit(partition: number, offset: number): Promise<void> {
    if (partition !== PARTITION || this.#reader === undefined) return;
    await publishCommit(this.#publisher, this.#place, offset);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#link.remove(this);
    await this.#leave();
  }

  lost(): void {
    this.#channel = undefined;
    const reader = this.#reader;
    this.#reader = undefined;
    if (reader === undefined) return;
    void reader.close();
    void this.#sink.revoked([PARTITION]);
  }

  async restore(connection: AmqpConnection): Promise<void> {
    if (!this.#closed) await this.#join(connection, false);
  }

  get #what(): string {
    return `reading topic "${this.#place.topic}" for group "${this.#place.group}"`;
  }

  async #join(connection: AmqpConnection, isFirst: boolean): Promise<void> {
    const channel = await openChannel(connection, this.#what);
    this.#channel = channel;
    try {
      const { messageCount } = await declareGroup(channel, this.#place);
      if (isFirst) await this.#begin(channel);
      // Members that join together may make several tokens: the one who is active gets them all.
      if (messageCount === 0) channel.publish('', lockOf(this.#place), TOKEN, { persistent: true });
      await channel.consume(lockOf(this.#place), (token) => this.#onToken(channel, token), {});
    } catch (error) {
      await closeQuietly(channel);
      throw amqpError(error, this.#what);
    }
  }

  #onToken(channel: AmqpChannel, token: AmqpMessage | null): void {
    if (this.#channel !== channel || this.#closed) return;
    if (token === null) {
      this.#end(new PolymqError('not-found', `${this.#what} is over: its group was deleted`));
    } else if (this.#reader !== undefined) {
      channel.ack(token);
    } else {
      this.#read(channel).catch((error: unknown) => this.#end(amqpError(error, this.#what)));
    }
  }

  async #read(channel: AmqpChannel): Promise<void> {
    const { topic } = this.#place;
    const commit = await lastCommit(channel, this.#place);
    const from = commit === undefined ? this.#from : offsetAt(commit);
    const source = new StreamSource(topic, from, this.#link.context.clock);
    const reader = new TopicReader(this.#link, source, this.#sink);
    if (this.#channel !== channel || this.#closed) return;
    this.#reader = reader;
    await reader.open();
  }

  async #leave(): Promise<void> {
    const [reader, channel] = [this.#reader, this.#channel];
    this.#reader = undefined;
    this.#channel = undefined;
    await reader?.close();
    await closeQuietly(channel);
  }

  #end(error: PolymqError): void {
    if (this.#closed || error.code === 'disconnected') return;
    void this.close();
    this.#sink.ended(error);
  }
}

const TOKEN = Buffer.from('the one who has this reads');

function lockOf({ topic, group }: GroupPlace): string {
  return groupLock(topic, group);
}

/** The state of the queue that holds the token. */
export async function declareGroup(
  channel: AmqpChannel,
  place: GroupPlace,
): Promise<{ readonly messageCount: number; readonly consumerCount: number }> {
  await channel.assertQueue(groupCommits(place.topic, place.group), {
    durable: true,
    arguments: { 'x-max-length': 1 },
  });
  return channel.assertQueue(lockOf(place), {
    durable: true,
    arguments: { 'x-single-active-consumer': true },
  });
}

/** The offset behind the last record that is done; undefined: the group has not committed. */
export async function lastCommit(
  channel: AmqpChannel,
  { topic, group }: GroupPlace,
): Promise<number | undefined> {
  const message = await channel.get(groupCommits(topic, group), { noAck: false });
  if (message === false) return undefined;
  const offset = Number(message.content.toString());
  channel.nack(message, false, true);
  return Number.isSafeInteger(offset) ? offset : undefined;
}

export async function publishCommit(
  publisher: Publisher,
  { topic, group }: GroupPlace,
  offset: number,
): Promise<void> {
  const commit: Publication = {
    id: '',
    exchange: '',
    routingKey: groupCommits(topic, group),
    body: Buffer.from(String(offset)),
    properties: () => ({ deliveryMode: 2, contentType: 'text/plain' }),
  };
  await publisher.publish([commit], `committing for group "${group}" of topic "${topic}"`);
}

export function offsetAt(offset: number): Position {
  return { at: 'offsets', offsets: offset };
}
