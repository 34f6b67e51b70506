/**
 * Topics as Kafka's topics: what is published is stored, a subscriber reads all partitions by itself and without a
 * group, and a group is a consumer group of Kafka, which consumers of other languages may join as well.
 *
 * `bindQueue` copies: members of the group `polymq.bind.<queue>` read the topic and send its records to the queue, and
 * commit what the queue has. The bindings are those of this process; as long as no process with the binding runs, the
 * records wait in the topic, for as long as its retention keeps them. A crash may double a copy, and loses none.
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
import { PolymqError, UnsupportedError } from '../../errors.ts';
import type { TopicRecord, WireMessage } from '../../message/wire-message.ts';
import { GroupReader } from './group-reader.ts';
import { committedOffsets, moveCommits } from './groups.ts';
import { endOffsets, partitionCount, resolvePosition, startOffsets } from './offsets.ts';
import type { KafkaProducer } from './producer.ts';
import { createTopic, deleteTopic } from './topic-admin.ts';
import { TopicReader } from './topic-reader.ts';
import type { Wire } from './wire.ts';

export class KafkaTopics implements TopicDriver {
  readonly #wire: Wire;
  readonly #producer: KafkaProducer;
  readonly #open = new Set<{ close(): Promise<void> }>();
  readonly #bindings = new Map<string, Promise<GroupReader>>();

  constructor(wire: Wire, producer: KafkaProducer) {
    this.#wire = wire;
    this.#producer = producer;
  }

  async declareTopic(spec: TopicSpec): Promise<void> {
    if (spec.live) {
      throw new UnsupportedError('Kafka', 'live', 'use a stored topic and subscribe from "new"');
    }
    const configs: Record<string, string> = {};
    if (spec.retentionMs !== undefined) configs['retention.ms'] = `${Math.ceil(spec.retentionMs)}`;
    await createTopic(this.#wire, { name: spec.name, partitions: spec.partitions, configs });
  }

  deleteTopic(topic: string): Promise<void> {
    return deleteTopic(this.#wire, topic);
  }

  async publish(
    topic: string,
    messages: readonly WireMessage[],
  ): Promise<readonly PublishOutcome[]> {
    const outcomes = await this.#producer.send(topic, messages, { keyless: 'batch' });
    for (const outcome of outcomes) if (outcome instanceof PolymqError) throw outcome;
    return outcomes as PublishOutcome[];
  }

  async subscribeTopic(topic: string, from: Position, sink: TopicSink): Promise<TopicSubscription> {
    const positions = await resolvePosition(this.#wire, topic, from);
    return this.#track(new TopicReader(this.#wire, topic, positions, sink));
  }

  async joinGroup(
    topic: string,
    group: string,
    from: Position,
    sink: GroupSink,
  ): Promise<GroupSubscription> {
    await partitionCount(this.#wire, topic);
    const reader = new GroupReader(this.#wire, { topic, group, from }, sink);
    this.#track(reader);
    try {
      await reader.start();
    } catch (error) {
      await reader.close();
      throw error;
    }
    return reader;
  }

  async groupLag(topic: string, group: string): Promise<ReadonlyMap<number, number>> {
    const ends = await endOffsets(this.#wire, topic);
    const starts = await startOffsets(this.#wire, topic);
    const all = new Map([[topic, [...ends.keys()]]]);
    const committed = (await committedOffsets(this.#wire, group, all)).get(topic);
    const lag = new Map<number, number>();
    for (const [partition, end] of ends) {
      const start = starts.get(partition) ?? 0;
      const done = Math.max(committed?.get(partition) ?? start, start);
      lag.set(partition, Math.max(0, end - done));
    }
    return lag;
  }

  async seekGroup(topic: string, group: string, to: Position): Promise<void> {
    const positions = await resolvePosition(this.#wire, topic, to);
    await moveCommits(
      this.#wire,
      group,
      [...positions].map(([partition, offset]) => [topic, partition, offset]),
    );
  }

  async bindQueue(topic: string, queue: string): Promise<void> {
    const name = `${topic}\n${queue}`;
    let binding = this.#bindings.get(name);
    if (binding === undefined) {
      binding = this.#bind(topic, queue);
      this.#bindings.set(name, binding);
      binding.catch(() => this.#bindings.delete(name));
    }
    await binding;
  }

  async #bind(topic: string, queue: string): Promise<GroupReader> {
    await Promise.all([partitionCount(this.#wire, topic), partitionCount(this.#wire, queue)]);
    const group = `polymq.bind.${queue}`;
    const copy = async (records: readonly TopicRecord[]): Promise<void> => {
      const outcomes = await this.#producer.send(queue, records, { keyless: 'spread' });
      const failed = outcomes.find((outcome) => outcome instanceof PolymqError);
      const last = records.at(-1)!;
      if (failed === undefined) void reader.commit(last.partition, last.offset + 1).catch(() => {});
      else reader.again(last.partition, records[0]!.offset);
    };
    const reader = new GroupReader(
      this.#wire,
      { topic, group, from: { at: 'new' } },
      {
        deliver: copy,
        revoked: () => {},
        ended: () => this.#bindings.delete(`${topic}\n${queue}`),
      },
    );
    this.#track(reader);
    await reader.start();
    return reader;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#open].map((one) => one.close()));
  }

  #track<T extends TopicReader | GroupReader>(reader: T): T {
    this.#open.add(reader);
    void reader.closed.then(() => this.#open.delete(reader));
    return reader;
  }
}
