/**
 * Topics as Kafka's topics: what is published is stored, a subscriber reads all partitions by itself and without a
 * group, and a group is a consumer group of Kafka, which consumers of other languages may join as well.
 *
 * `bindQueue` copies: members of the group `polymq.bind.<queue>` read the topic and send its records to the queue
 * (`queue-copies.ts`). The bindings are those of this process; as long as no process with the binding runs, the
 * records wait in the topic, for as long as its retention keeps them.
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
import { warn } from '../../lib/describe.ts';
import type { WireMessage } from '../../message/wire-message.ts';
import { GroupReader } from './group-reader.ts';
import { committedOffsets, deleteGroup, moveCommits } from './groups.ts';
import { endOffsets, partitionCount, resolvePosition, startOffsets } from './offsets.ts';
import type { KafkaProducer } from './producer.ts';
import { QueueCopies } from './queue-copies.ts';
import { createTopic, deleteTopic } from './topic-admin.ts';
import { TopicReader } from './topic-reader.ts';
import type { Wire } from './wire.ts';

/** A queue's copies of one topic. */
interface Binding {
  close(): Promise<void>;
}

export interface TopicParts {
  readonly wire: Wire;
  readonly producer: KafkaProducer;
  /** Where a queue's dead letters go. */
  readonly deadLetterOf: (queue: string) => Promise<string | undefined>;
  /** What nobody waits for has failed. */
  readonly report?: (error: PolymqError) => void;
}

export class KafkaTopics implements TopicDriver {
  readonly #wire: Wire;
  readonly #producer: KafkaProducer;
  readonly #deadLetterOf: TopicParts['deadLetterOf'];
  readonly #report: (error: PolymqError) => void;
  readonly #open = new Set<{ close(): Promise<void> }>();
  readonly #bindings = new Map<string, Promise<Binding>>();

  constructor({ wire, producer, deadLetterOf, report = warn }: TopicParts) {
    this.#wire = wire;
    this.#producer = producer;
    this.#deadLetterOf = deadLetterOf;
    this.#report = report;
  }

  async declareTopic(spec: TopicSpec): Promise<void> {
    if (spec.live) {
      throw new UnsupportedError('Kafka', 'live', 'use a stored topic and subscribe from "new"');
    }
    const configs: Record<string, string> = {};
    if (spec.retentionMs !== undefined) configs['retention.ms'] = `${Math.ceil(spec.retentionMs)}`;
    await createTopic(this.#wire, { name: spec.name, partitions: spec.partitions, configs });
  }

  async deleteTopic(topic: string): Promise<void> {
    await this.#closeBindings((name) => name.startsWith(bindingName(topic, '')));
    await deleteTopic(this.#wire, topic);
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
    const name = bindingName(topic, queue);
    let binding = this.#bindings.get(name);
    if (binding === undefined) {
      binding = this.#bind(topic, queue);
      this.#bindings.set(name, binding);
      binding.catch(() => this.#bindings.delete(name));
    }
    await binding;
  }

  /** The queue is gone: it gets no more copies, nor those of today when there is one of that name again. */
  async unbind(queue: string): Promise<void> {
    await this.#closeBindings((name) => name.endsWith(bindingName('', queue)));
    await deleteGroup(this.#wire, bindingGroup(queue));
  }

  async #closeBindings(isOne: (name: string) => boolean): Promise<void> {
    for (const [name, opening] of [...this.#bindings]) {
      if (!isOne(name)) continue;
      this.#bindings.delete(name);
      const binding = await opening.catch(() => undefined);
      await binding?.close();
    }
  }

  async #bind(topic: string, queue: string): Promise<Binding> {
    await Promise.all([partitionCount(this.#wire, topic), partitionCount(this.#wire, queue)]);
    const copies = new QueueCopies({
      topic,
      queue,
      clock: this.#wire.options.clock,
      send: (to, messages) => this.#producer.send(to, messages, { keyless: 'spread' }),
      deadLetterOf: this.#deadLetterOf,
      // What is not committed is copied again.
      commit: (partition, offset) => void reader.commit(partition, offset).catch(() => {}),
      report: this.#report,
    });
    const reader: GroupReader = new GroupReader(
      this.#wire,
      { topic, group: bindingGroup(queue), from: { at: 'new' } },
      {
        deliver: (records) => copies.copy(records),
        revoked: (partitions) => copies.revoked(partitions),
        ended: (error) => {
          void copies.close();
          this.#bindings.delete(bindingName(topic, queue));
          this.#report(bindingEnded(topic, queue, error));
        },
      },
    );
    const binding: Binding = {
      close: async () => {
        await copies.close();
        await reader.close();
      },
    };
    this.#open.add(binding);
    void reader.closed.then(() => this.#open.delete(binding));
    try {
      await reader.start();
    } catch (error) {
      await binding.close();
      throw error;
    }
    return binding;
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

function bindingName(topic: string, queue: string): string {
  return `${topic}\n${queue}`;
}

function bindingGroup(queue: string): string {
  return `polymq.bind.${queue}`;
}

function bindingEnded(topic: string, queue: string, error: PolymqError): PolymqError {
  return new PolymqError(
    error.code,
    `queue "${queue}" gets no more copies of topic "${topic}" in this process: ${error.message}; bind it again when that is mended`,
    { cause: error },
  );
}
