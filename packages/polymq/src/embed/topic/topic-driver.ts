/**
 * Topics of the SDK: streams where they are stored, exchanges with live subscriptions where they are not. Where there are both
 * of a name, the stream is meant.
 */
import {
  type GroupSink,
  type GroupSubscription,
  PolymqError,
  type Position,
  type PublishOutcome,
  type TopicDriver,
  type TopicSink,
  type TopicSpec,
  type TopicSubscription,
  type WireMessage,
} from '@polymq/client/driver';
import { BrokerError } from '../../core/errors.ts';
import type { Exchange } from '../../core/exchange/exchanges.ts';
import type { StreamConfigName } from '../../core/stream/stream-config.ts';
import type { Stream } from '../../core/stream/streams.ts';
import type { Commits } from '../commit.ts';
import { type EmbeddedContext, NAMESPACE } from '../context.ts';
import { clientError, closedError } from '../errors.ts';
import { GroupReader } from './group-reader.ts';
import { LiveTopics } from './live-topics.ts';
import { PartitionReader } from './partition-reader.ts';
import { offsetAt } from './positions.ts';
import { Publishing } from './publishing.ts';

/** What ends with the driver, or with its topic. */
interface Reading {
  readonly topic: string;
  close(): Promise<void>;
  deleted(): void;
}

export class EmbeddedTopics implements TopicDriver {
  readonly #context: EmbeddedContext;
  readonly #commits: Commits;
  readonly #live: LiveTopics;
  readonly #publishing: Publishing;
  readonly #sessionMs: number;
  readonly #readings = new Set<Reading>();
  readonly #stopWatching: () => void;

  constructor(context: EmbeddedContext, commits: Commits, options: { sessionMs: number }) {
    this.#context = context;
    this.#commits = commits;
    this.#live = new LiveTopics(context, commits);
    this.#publishing = new Publishing(context);
    this.#sessionMs = options.sessionMs;
    this.#stopWatching = context.core.streams.onChange(({ kind, stream }) => {
      if (kind !== 'deleted') return;
      for (const reading of [...this.#readings]) {
        if (reading.topic === stream.name) reading.deleted();
      }
    });
  }

  async declareTopic(spec: TopicSpec): Promise<void> {
    const what = `declare topic "${spec.name}"`;
    if (spec.live) return this.#try(this.#live.declare(spec.name), what);
    const { streams } = this.#context.core;
    if (streams.get(spec.name) !== undefined) return;
    const overrides = new Map<StreamConfigName, string>();
    if (spec.retentionMs !== undefined) overrides.set('retentionMs', String(spec.retentionMs));
    const { name, partitions: partitionCount } = spec;
    try {
      await this.#context.track(streams.create({ name, partitionCount, overrides }));
    } catch (error: unknown) {
      const twin = error instanceof BrokerError && error.code === 'stream-exists';
      if (!twin) throw clientError(error, what);
    }
  }

  async deleteTopic(topic: string): Promise<void> {
    const what = `delete topic "${topic}"`;
    this.#checkOpen(what);
    const { streams } = this.#context.core;
    if (streams.get(topic) !== undefined) return this.#try(streams.delete(topic), what);
    const exchange = this.#live.get(topic);
    if (exchange !== undefined) await this.#try(this.#live.delete(exchange), what);
  }

  async publish(
    topic: string,
    messages: readonly WireMessage[],
  ): Promise<readonly PublishOutcome[]> {
    const what = `publish to topic "${topic}"`;
    await this.#commits.room(what);
    const place = this.#place(topic, what);
    if ('partitions' in place) return this.#publishing.publish(place, messages);
    return this.#try(this.#live.publish(place, messages), what);
  }

  async subscribeTopic(topic: string, from: Position, sink: TopicSink): Promise<TopicSubscription> {
    const what = `subscribe to topic "${topic}"`;
    const place = this.#place(topic, what);
    if (!('partitions' in place)) {
      if (from.at !== 'new') throw storesNothing(topic);
      return this.#live.subscribe(topic, sink);
    }
    const reading = new StreamReading(this.#context, place, sink, (ended) =>
      this.#readings.delete(ended),
    );
    this.#readings.add(reading);
    try {
      await this.#try(reading.start(from), what);
    } catch (error: unknown) {
      await reading.close();
      throw error;
    }
    return reading;
  }

  async joinGroup(
    topic: string,
    group: string,
    from: Position,
    sink: GroupSink,
  ): Promise<GroupSubscription> {
    const what = `join group "${group}" of topic "${topic}"`;
    const stream = this.#stream(topic, what);
    const sessionMs = this.#sessionMs;
    const reader: GroupReader = new GroupReader(
      this.#context,
      { stream, group, from, sessionMs },
      sink,
      () => this.#readings.delete(reading),
    );
    const reading: Reading = {
      topic,
      close: () => reader.close(),
      deleted: () => reader.deleted(),
    };
    this.#readings.add(reading);
    try {
      await reader.start();
    } catch (error: unknown) {
      await reader.close();
      throw clientError(error, what);
    }
    return reader;
  }

  async groupLag(topic: string, group: string): Promise<ReadonlyMap<number, number>> {
    const what = `look at group "${group}" of topic "${topic}"`;
    const stream = this.#stream(topic, what);
    const committed = await this.#try(this.#context.core.groups.fetchOffsets(group), what);
    const offsets = new Map<number, number>();
    for (const { stream: name, partition, offset } of committed) {
      if (name === topic) offsets.set(partition, offset);
    }
    const lag = new Map<number, number>();
    for (const { index, startOffset, endOffset } of stream.partitions) {
      const done = Math.max(offsets.get(index) ?? startOffset, startOffset);
      lag.set(index, Math.max(0, endOffset - done));
    }
    return lag;
  }

  async seekGroup(topic: string, group: string, to: Position): Promise<void> {
    const what = `move group "${group}" of topic "${topic}"`;
    const stream = this.#stream(topic, what);
    const { groups } = this.#context.core;
    const { members } = await this.#try(groups.describe(group), what);
    if (members.length > 0) throw groupInUse(group, members.length);
    const offsets = await Promise.all(
      stream.partitions.map(async (partition) => ({
        stream: topic,
        partition: partition.index,
        offset: await offsetAt(partition, to),
        leaderEpoch: partition.leaderEpoch,
        metadata: '',
      })),
    );
    const outcomes = await this.#try(groups.commitOffsets(group, undefined, offsets), what);
    const failed = outcomes.find(({ error }) => error !== undefined);
    if (failed === undefined) return;
    throw clientError(new BrokerError(failed.error!, `partition ${failed.partition}`), what);
  }

  async bindQueue(topic: string, queue: string): Promise<void> {
    const what = `bind queue "${queue}" to topic "${topic}"`;
    const place = this.#place(topic, what);
    const binding = this.#context.core.exchanges.bind({
      namespace: NAMESPACE,
      source: topic,
      sourceKind: 'partitions' in place ? 'stream' : 'exchange',
      destination: queue,
      destinationKind: 'queue',
      routingKey: '',
      arguments: {},
    });
    await this.#try(binding, what);
  }

  async close(): Promise<void> {
    this.#stopWatching();
    await this.#live.close();
    await Promise.all([...this.#readings].map((reading) => reading.close()));
  }

  /** The stream or, if there is none, the exchange of that name. */
  #place(topic: string, what: string): Stream | Exchange {
    this.#checkOpen(what);
    const place = this.#context.core.streams.get(topic) ?? this.#live.get(topic);
    if (place === undefined) throw noTopic(topic);
    return place;
  }

  #stream(topic: string, what: string): Stream {
    const place = this.#place(topic, what);
    if ('partitions' in place) return place;
    throw storesNothing(topic);
  }

  #checkOpen(what: string): void {
    if (this.#context.closed) throw closedError(what);
  }

  async #try<T>(work: Promise<T>, what: string): Promise<T> {
    try {
      return await this.#context.track(work);
    } catch (error: unknown) {
      throw clientError(error, what);
    }
  }
}

/** All partitions of a stream, also those that it gets later. */
class StreamReading implements Reading, TopicSubscription {
  readonly topic: string;
  readonly #context: EmbeddedContext;
  readonly #stream: Stream;
  readonly #sink: TopicSink;
  readonly #onEnd: (reading: StreamReading) => void;
  readonly #readers: PartitionReader[] = [];
  readonly #stopWatching: () => void;
  #letGo: (() => void) | undefined;
  #closed = false;

  constructor(
    context: EmbeddedContext,
    stream: Stream,
    sink: TopicSink,
    onEnd: (reading: StreamReading) => void,
  ) {
    this.topic = stream.name;
    this.#context = context;
    this.#stream = stream;
    this.#sink = sink;
    this.#onEnd = onEnd;
    this.#stopWatching = context.core.streams.onChange(({ kind, stream: changed }) => {
      if (kind === 'grown' && changed.name === this.topic) this.#readNew(changed);
    });
  }

  async start(from: Position): Promise<void> {
    this.#letGo = this.#context.hold();
    const { partitions } = this.#stream;
    const offsets = await Promise.all(partitions.map((partition) => offsetAt(partition, from)));
    for (const [index, partition] of partitions.entries()) this.#read(partition, offsets[index]!);
  }

  deleted(): void {
    this.#fail(new PolymqError('not-found', `topic "${this.topic}" was deleted`));
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#stopWatching();
    this.#letGo?.();
    for (const reader of this.#readers) reader.close();
    this.#onEnd(this);
  }

  /** What came into a new partition is new, whenever reading began. */
  #readNew({ partitions }: Stream): void {
    for (const partition of partitions.slice(this.#readers.length)) {
      this.#read(partition, partition.startOffset);
    }
  }

  #read(partition: Stream['partitions'][number], offset: number): void {
    if (this.#closed) return;
    const reader = new PartitionReader(this.#context, partition, offset, {
      deliver: (records) => this.#sink.deliver(records),
      failed: (error) => this.#fail(error),
    });
    this.#readers.push(reader);
    reader.start();
  }

  #fail(error: PolymqError): void {
    if (this.#closed) return;
    void this.close();
    this.#sink.ended(error);
  }
}

function noTopic(topic: string): PolymqError {
  return new PolymqError('not-found', `there is no topic "${topic}"; declare it first`);
}

function storesNothing(topic: string): PolymqError {
  return new PolymqError(
    'invalid-argument',
    `topic "${topic}" is live and stores nothing: subscribe from "new", or declare it without { live: true }`,
  );
}

function groupInUse(group: string, count: number): PolymqError {
  return new PolymqError(
    'invalid-argument',
    `group "${group}" has ${count} members: close its consumers before it is moved`,
  );
}
