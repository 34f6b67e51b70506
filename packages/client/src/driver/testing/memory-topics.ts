/** Topics of the memory driver: partitions in arrays, subscribers and groups that are fed a few records at a time. */
import { PolymqError } from '../../errors.ts';
import type { OutgoingMessage, TopicRecord, WireMessage } from '../../message/wire-message.ts';
import type {
  GroupSink,
  GroupSubscription,
  Position,
  PublishOutcome,
  TopicDriver,
  TopicSink,
  TopicSpec,
  TopicSubscription,
} from '../driver.ts';
import type { Failures } from './memory-driver.ts';

const PARTITIONS = 2;
const RECORDS_PER_DELIVERY = 3;

interface Reader {
  readonly sink: TopicSink;
  /** Per partition: the next offset, for those it reads. */
  readonly next: Map<number, number>;
  readonly busy: Set<number>;
}

interface Topic {
  readonly live: boolean;
  readonly partitions: TopicRecord[][];
  readonly readers: Set<Reader>;
  readonly groups: Map<string, Group>;
  readonly bound: Set<string>;
  turn: number;
}

interface Group {
  readonly committed: Map<number, number>;
  readonly members: { readonly reader: Reader; readonly sink: GroupSink }[];
  balancing: Promise<void>;
}

export class MemoryTopics implements TopicDriver {
  readonly #failures: Failures;
  readonly #toQueue: (queue: string, message: OutgoingMessage) => void;
  readonly #topics = new Map<string, Topic>();

  constructor(failures: Failures, toQueue: (queue: string, message: OutgoingMessage) => void) {
    this.#failures = failures;
    this.#toQueue = toQueue;
  }

  /** For looking inside. */
  records(topic: string): readonly TopicRecord[] {
    return this.#topic(topic).partitions.flat();
  }

  committed(topic: string, group: string): ReadonlyMap<number, number> {
    return this.#topic(topic).groups.get(group)?.committed ?? new Map();
  }

  /** Ends all readers, as when somebody deletes the topic. */
  endTopic(name: string): void {
    const topic = this.#topic(name);
    const error = new PolymqError('not-found', `topic "${name}" was deleted`);
    for (const { sink } of topic.readers) sink.ended(error);
    topic.readers.clear();
    this.#topics.delete(name);
  }

  async declareTopic(spec: TopicSpec): Promise<void> {
    if (this.#topics.has(spec.name)) return;
    this.#topics.set(spec.name, {
      live: spec.live,
      partitions: Array.from({ length: spec.partitions ?? PARTITIONS }, () => []),
      readers: new Set(),
      groups: new Map(),
      bound: new Set(),
      turn: 0,
    });
  }

  async deleteTopic(name: string): Promise<void> {
    this.#topics.delete(name);
  }

  async publish(
    name: string,
    messages: readonly WireMessage[],
  ): Promise<readonly PublishOutcome[]> {
    const error = this.#failures.publish?.(name);
    if (error !== undefined) throw error;
    const topic = this.#topic(name);
    const outcomes = messages.map((message) => {
      const partition = partitionOf(message.key, topic);
      const records = topic.partitions[partition]!;
      const record = { ...message, partition, offset: records.length };
      records.push(record);
      for (const queue of topic.bound) this.#toQueue(queue, message);
      return topic.live ? { partition: -1, offset: -1 } : { partition, offset: record.offset };
    });
    queueMicrotask(() => this.#feedAll(topic));
    return outcomes;
  }

  async subscribeTopic(name: string, from: Position, sink: TopicSink): Promise<TopicSubscription> {
    const topic = this.#topic(name);
    const reader: Reader = { sink, next: this.#positions(topic, from), busy: new Set() };
    topic.readers.add(reader);
    queueMicrotask(() => this.#feedAll(topic));
    return {
      close: async () => {
        topic.readers.delete(reader);
      },
    };
  }

  async joinGroup(
    name: string,
    groupName: string,
    from: Position,
    sink: GroupSink,
  ): Promise<GroupSubscription> {
    const topic = this.#topic(name);
    const group = this.#group(topic, groupName, from);
    const member = { reader: { sink, next: new Map(), busy: new Set() } as Reader, sink };
    group.members.push(member);
    topic.readers.add(member.reader);
    await this.#balance(topic, group);
    return {
      commit: async (partition, offset) => {
        const error = this.#failures.commit?.(name);
        if (error !== undefined) throw error;
        if (member.reader.next.has(partition)) group.committed.set(partition, offset);
      },
      close: async () => {
        topic.readers.delete(member.reader);
        group.members.splice(group.members.indexOf(member), 1);
        member.reader.next.clear();
        await this.#balance(topic, group);
      },
    };
  }

  async groupLag(name: string, groupName: string): Promise<ReadonlyMap<number, number>> {
    const topic = this.#topic(name);
    const committed = topic.groups.get(groupName)?.committed;
    return new Map(
      topic.partitions.map(({ length }, partition) => [
        partition,
        length - (committed?.get(partition) ?? 0),
      ]),
    );
  }

  async seekGroup(name: string, groupName: string, to: Position): Promise<void> {
    const topic = this.#topic(name);
    const group = this.#group(topic, groupName, to);
    if (group.members.length > 0) {
      const text = `group "${groupName}" of topic "${name}" has members; close them first`;
      throw new PolymqError('invalid-argument', text);
    }
    for (const [partition, offset] of this.#positions(topic, to)) {
      group.committed.set(partition, offset);
    }
  }

  async bindQueue(name: string, queue: string): Promise<void> {
    this.#topic(name).bound.add(queue);
  }

  #topic(name: string): Topic {
    const topic = this.#topics.get(name);
    if (topic !== undefined) return topic;
    throw new PolymqError('not-found', `there is no topic "${name}"; declare it`);
  }

  #group(topic: Topic, name: string, from: Position): Group {
    let group = topic.groups.get(name);
    if (group === undefined) {
      const committed = this.#positions(topic, from);
      group = { committed, members: [], balancing: Promise.resolve() };
      topic.groups.set(name, group);
    }
    return group;
  }

  #positions(topic: Topic, from: Position): Map<number, number> {
    return new Map(
      topic.partitions.map((records, partition) => {
        if (from.at === 'time') {
          const found = records.findIndex(({ timestampMs }) => timestampMs >= from.timeMs);
          return [partition, found === -1 ? records.length : found];
        }
        if (from.at !== 'offsets') return [partition, from.at === 'start' ? 0 : records.length];
        if (typeof from.offsets === 'number') return [partition, from.offsets];
        return [partition, from.offsets.get(partition) ?? 0];
      }),
    );
  }

  /** Partitions in turn to the members, after those that lose one have had their say. */
  #balance(topic: Topic, group: Group): Promise<void> {
    group.balancing = group.balancing.then(async () => {
      const { members } = group;
      for (const [index, { reader, sink }] of members.entries()) {
        const lost = [...reader.next.keys()].filter((each) => each % members.length !== index);
        if (lost.length > 0) await sink.revoked(lost);
        for (const partition of lost) reader.next.delete(partition);
      }
      for (const [index, { reader }] of members.entries()) {
        for (
          let partition = index;
          partition < topic.partitions.length;
          partition += members.length
        ) {
          if (reader.next.has(partition)) continue;
          reader.next.set(partition, group.committed.get(partition) ?? 0);
        }
      }
      this.#feedAll(topic);
    });
    return group.balancing;
  }

  #feedAll(topic: Topic): void {
    for (const reader of [...topic.readers]) {
      for (const partition of reader.next.keys()) void this.#feed(topic, reader, partition);
    }
  }

  async #feed(topic: Topic, reader: Reader, partition: number): Promise<void> {
    if (reader.busy.has(partition)) return;
    reader.busy.add(partition);
    for (;;) {
      const next = reader.next.get(partition);
      if (next === undefined || !topic.readers.has(reader)) break;
      const records = topic.partitions[partition]!.slice(next, next + RECORDS_PER_DELIVERY);
      if (records.length === 0) break;
      reader.next.set(partition, next + records.length);
      await reader.sink.deliver(topic.live ? records.map(withoutPlace) : records);
    }
    reader.busy.delete(partition);
  }
}

function withoutPlace(record: TopicRecord): TopicRecord {
  return { ...record, partition: -1, offset: -1 };
}

function partitionOf(key: string | undefined, topic: Topic): number {
  const count = topic.partitions.length;
  if (key === undefined) return topic.turn++ % count;
  let hash = 0;
  for (const char of key) hash = (hash * 31 + char.charCodeAt(0)) >>> 0;
  return hash % count;
}
