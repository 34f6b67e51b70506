/**
 * Reads partitions from given offsets on, over connections of its own, without a group: one loop per leader polls for
 * all partitions that have room, and each partition hands its chunks on one at a time.
 *
 *   poll ──► partition.chunks (at most CHUNK_BYTES_AHEAD) ──► deliver() ──► when its promise has resolved, the next
 *
 * While a partition is full, polls go without it and are short, so that it is not kept waiting for quiet ones.
 * Control batches and the records of aborted transactions are left out; offsets go on behind them.
 */
import type { PolymqError } from '../../errors.ts';
import { sleep } from '../../lib/clock.ts';
import type { TopicRecord } from '../../message/wire-message.ts';
import { asPolymqError, isPassing, kafkaErrorOf, namedError } from './errors.ts';
import { resolvePosition } from './offsets.ts';
import { fromRecord, type IncomingRecord } from './records.ts';
import type { Wire } from './wire.ts';

export interface ReaderSink {
  /** Records of one partition in order; the next come when the promise has resolved. */
  deliver(topic: string, records: readonly TopicRecord[]): void | Promise<void>;
  /** The topic cannot be read any further. */
  failed(topic: string, error: PolymqError): void;
}

export interface ReaderLimits {
  /** At most about so many bytes of a partition in one answer. */
  readonly partitionBytes: number;
  /** How long a poll waits when nothing is there. */
  readonly waitMs: number;
}

const LIMITS: ReaderLimits = { partitionBytes: 1024 * 1024, waitMs: 500 };
/** Polls go on without a partition that has so much waiting. */
const CHUNK_BYTES_AHEAD = 1024 * 1024;
const FETCH_BYTES_MAX = 16 * 1024 * 1024;
const WAIT_MS_WHEN_SOME_ARE_FULL = 20;
const RETRY_MS = { first: 50, longest: 1_000 } as const;
const CONTROL = 1 << 5;
const TRANSACTIONAL = 1 << 4;
const LOG_APPEND_TIME = 1 << 3;

interface Chunk {
  readonly records: readonly TopicRecord[];
  readonly bytes: number;
}

interface Partition {
  readonly topic: string;
  readonly index: number;
  /** Of the next record to ask for. */
  position: number;
  readonly chunks: Chunk[];
  bytesAhead: number;
  delivering: boolean;
  paused: boolean;
  gone: boolean;
}

interface RecordsBatch {
  readonly firstOffset: bigint;
  readonly lastOffsetDelta: number;
  readonly firstTimestamp: bigint;
  readonly maxTimestamp: bigint;
  readonly attributes: number;
  readonly producerId: bigint;
  readonly length: number;
  readonly records: readonly IncomingRecord[];
}

interface FetchedPartition {
  readonly partitionIndex: number;
  readonly errorCode: number;
  readonly highWatermark: bigint;
  readonly abortedTransactions:
    | readonly { readonly producerId: bigint; readonly firstOffset: bigint }[]
    | null;
  readonly records?: readonly RecordsBatch[];
}

interface FetchAnswer {
  readonly errorCode: number;
  readonly responses: readonly {
    readonly topicId?: string;
    readonly topic?: string;
    readonly partitions: readonly FetchedPartition[];
  }[];
}

export class Reader {
  readonly #wire: Wire;
  readonly #sink: ReaderSink;
  readonly #limits: ReaderLimits;
  readonly #partitions = new Map<string, Partition>();
  readonly #loops = new Map<number, Promise<void>>();
  readonly #wake = new Set<() => void>();
  /** What is known of leaders has proved wrong. */
  #stale = false;

  /** `wire` is the reader's own: `close` closes it. */
  constructor(wire: Wire, sink: ReaderSink, limits: ReaderLimits = LIMITS) {
    this.#wire = wire;
    this.#sink = sink;
    this.#limits = limits;
  }

  /** Begins to read a partition, or begins anew elsewhere. */
  add(topic: string, index: number, position: number): void {
    this.remove(topic, index);
    this.#partitions.set(`${topic}:${index}`, {
      topic,
      index,
      position,
      chunks: [],
      bytesAhead: 0,
      delivering: false,
      paused: false,
      gone: false,
    });
    this.#start();
  }

  /** Nothing more of it is delivered after this. */
  remove(topic: string, index: number): void {
    const name = `${topic}:${index}`;
    const partition = this.#partitions.get(name);
    if (partition !== undefined) partition.gone = true;
    this.#partitions.delete(name);
  }

  has(topic: string, index: number): boolean {
    return this.#partitions.has(`${topic}:${index}`);
  }

  /** The offset behind what has been fetched so far. */
  positionOf(topic: string, index: number): number | undefined {
    return this.#partitions.get(`${topic}:${index}`)?.position;
  }

  /** Delivers nothing of it until `resume`; what is on its way is kept. */
  pause(topic: string, index: number): void {
    const partition = this.#partitions.get(`${topic}:${index}`);
    if (partition !== undefined) partition.paused = true;
  }

  resume(topic: string, index: number): void {
    const partition = this.#partitions.get(`${topic}:${index}`);
    if (partition?.paused !== true) return;
    partition.paused = false;
    void this.#drain(partition);
  }

  /** No delivery begins after this has resolved. */
  async close(): Promise<void> {
    for (const partition of this.#partitions.values()) partition.gone = true;
    this.#partitions.clear();
    await this.#wire.close();
    this.#wakeAll();
    await Promise.all(this.#loops.values());
  }

  #wakeAll(): void {
    for (const wake of this.#wake) wake();
  }

  /** One loop per leader; the leaders are looked up by the first one. */
  #start(): void {
    this.#wakeAll();
    if (this.#loops.size === 0) this.#loop(-1);
  }

  #loop(leader: number): void {
    if (this.#wire.closed || this.#loops.has(leader)) return;
    const loop = leader < 0 ? this.#assign() : this.#poll(leader);
    const ended = loop.finally(() => this.#loops.delete(leader));
    this.#loops.set(leader, ended);
  }

  /** Starts a loop for every leader that has none; goes on as long as there is something to read. */
  async #assign(): Promise<void> {
    let delayMs: number = RETRY_MS.first;
    while (!this.#wire.closed) {
      try {
        const byLeader = await this.#leaders();
        for (const leader of byLeader.keys()) this.#loop(leader);
        delayMs = RETRY_MS.longest;
      } catch (error) {
        this.#judge(error, [...this.#partitions.values()]);
        delayMs = Math.min(2 * delayMs, RETRY_MS.longest);
      }
      await this.#idle(delayMs);
    }
  }

  async #idle(delayMs: number): Promise<void> {
    const { clock } = this.#wire.options;
    const stop = new AbortController();
    const wake = (): void => stop.abort();
    this.#wake.add(wake);
    await sleep(clock, delayMs, stop.signal);
    this.#wake.delete(wake);
  }

  async #leaders(): Promise<Map<number, Partition[]>> {
    const topics = [...new Set([...this.#partitions.values()].map(({ topic }) => topic))];
    const byLeader = new Map<number, Partition[]>();
    if (topics.length === 0) return byLeader;
    const metadata = await this.#wire.metadata(topics, this.#stale);
    this.#stale = false;
    for (const partition of this.#partitions.values()) {
      const known = metadata.topics.get(partition.topic)?.partitions[partition.index];
      if (known === undefined || known.leader < 0) continue;
      const group = byLeader.get(known.leader);
      if (group === undefined) byLeader.set(known.leader, [partition]);
      else group.push(partition);
    }
    return byLeader;
  }

  async #poll(leader: number): Promise<void> {
    let delayMs: number = RETRY_MS.first;
    while (!this.#wire.closed) {
      let asked: Partition[] = [];
      try {
        const mine = (await this.#leaders()).get(leader);
        if (mine === undefined) return;
        asked = mine.filter(({ bytesAhead }) => bytesAhead < CHUNK_BYTES_AHEAD);
        if (asked.length === 0) {
          await this.#idle(RETRY_MS.longest);
          continue;
        }
        await this.#fetch(leader, asked, asked.length < mine.length);
        delayMs = RETRY_MS.first;
      } catch (error) {
        this.#judge(error, asked.length === 0 ? [...this.#partitions.values()] : asked);
        await this.#idle(delayMs);
        delayMs = Math.min(2 * delayMs, RETRY_MS.longest);
      }
    }
  }

  async #fetch(leader: number, asked: readonly Partition[], someAreFull: boolean): Promise<void> {
    const metadata = await this.#wire.metadata([...new Set(asked.map(({ topic }) => topic))]);
    const byName = (await this.#wire.versionOf('Fetch')) < 13;
    const names = new Map<string, string>();
    const topics = new Map<string, { topicId: string; partitions: object[] }>();
    for (const { topic, index, position } of asked) {
      const topicId = byName ? topic : metadata.topics.get(topic)!.id;
      names.set(topicId, topic);
      let entry = topics.get(topic);
      if (entry === undefined) {
        entry = { topicId, partitions: [] };
        topics.set(topic, entry);
      }
      entry.partitions.push({
        partition: index,
        currentLeaderEpoch: -1,
        fetchOffset: BigInt(position),
        lastFetchedEpoch: -1,
        partitionMaxBytes: this.#limits.partitionBytes,
      });
    }
    const waitMs = someAreFull ? WAIT_MS_WHEN_SOME_ARE_FULL : this.#limits.waitMs;
    const { READ_COMMITTED } = this.#wire.options.library.FetchIsolationLevels;
    const limits = [waitMs, 1, FETCH_BYTES_MAX, READ_COMMITTED];
    const answer = await this.#answer(leader, [...limits, 0, 0, [...topics.values()], [], '']);
    const positions = new Map(asked.map((partition) => [partition, partition.position]));
    for (const response of answer.responses) {
      const topic = names.get((response.topicId ?? response.topic)!);
      for (const fetched of response.partitions) {
        const partition = this.#partitions.get(`${topic}:${fetched.partitionIndex}`);
        // Removed, or read from elsewhere by now.
        if (partition === undefined || positions.get(partition) !== partition.position) continue;
        await this.#take(partition, fetched);
      }
    }
  }

  async #answer(leader: number, args: readonly unknown[]): Promise<FetchAnswer> {
    try {
      return await this.#wire.call<FetchAnswer>('Fetch', leader, args);
    } catch (error) {
      // The library throws when one partition has an error; the others' records are in the answer.
      const { response } = error as { response?: FetchAnswer };
      if (response?.responses === undefined || response.errorCode !== 0) throw error;
      return response;
    }
  }

  async #take(partition: Partition, fetched: FetchedPartition): Promise<void> {
    if (fetched.errorCode !== 0) return this.#partitionFailed(partition, fetched.errorCode);
    if (fetched.records === undefined || fetched.records.length === 0) return;
    const { topic, index } = partition;
    const records: TopicRecord[] = [];
    let bytes = 0;
    let next = partition.position;
    for (const batch of committed(fetched)) {
      bytes += batch.length;
      const first = Number(batch.firstOffset);
      next = Math.max(next, first + batch.lastOffsetDelta + 1);
      if (batch.records.length === 0) continue;
      const stamped = (batch.attributes & LOG_APPEND_TIME) !== 0;
      const firstMs = Number(batch.firstTimestamp);
      const maxMs = Number(batch.maxTimestamp);
      for (const record of batch.records) {
        const offset = first + record.offsetDelta;
        if (offset < partition.position) continue;
        const timestampMs = stamped ? maxMs : firstMs + Number(record.timestampDelta);
        records.push(fromRecord(record, { topic, partition: index, offset, timestampMs }));
      }
    }
    partition.position = next;
    if (records.length === 0) return;
    partition.chunks.push({ records, bytes });
    partition.bytesAhead += bytes;
    void this.#drain(partition);
  }

  async #drain(partition: Partition): Promise<void> {
    if (partition.delivering) return;
    partition.delivering = true;
    while (!partition.gone && !partition.paused) {
      const chunk = partition.chunks.shift();
      if (chunk === undefined) break;
      const wait = this.#sink.deliver(partition.topic, chunk.records);
      if (wait !== undefined) await wait;
      const wasFull = partition.bytesAhead >= CHUNK_BYTES_AHEAD;
      partition.bytesAhead -= chunk.bytes;
      if (wasFull) this.#wakeAll();
    }
    partition.delivering = false;
  }

  async #partitionFailed(partition: Partition, code: number): Promise<void> {
    const names = this.#wire.options.library.protocolErrorsCodesById as Record<number, string>;
    const name = names[code] ?? `error ${code}`;
    const { topic, index } = partition;
    if (name === 'OFFSET_OUT_OF_RANGE') {
      const starts = await resolvePosition(this.#wire, topic, { at: 'start' }, [index]);
      const start = starts.get(index) ?? 0;
      const ends = await resolvePosition(this.#wire, topic, { at: 'new' }, [index]);
      // Retention took what was asked for, or the partition lost its end.
      partition.position = partition.position < start ? start : (ends.get(index) ?? start);
      return;
    }
    throw namedError(name, `read "${topic}"`);
  }

  /** Decides whether polling goes on after a failure. */
  #judge(error: unknown, asked: readonly Partition[]): void {
    if (this.#wire.closed) return;
    this.#stale = true;
    if (isPassing(error)) return;
    const failure = asPolymqError(error, 'read');
    const name = kafkaErrorOf(error) ?? '';
    if (failure.code === 'not-found' || failure.code === 'access-refused') {
      void this.#checkTopics(asked);
    } else if (failure.code === 'unsupported' && name !== '') {
      for (const topic of topicsOf(asked)) this.#fail(topic, failure);
    }
  }

  /** Which of the topics is gone? Metadata may lag behind for a moment, so each is asked for once more. */
  async #checkTopics(asked: readonly Partition[]): Promise<void> {
    for (const topic of topicsOf(asked)) {
      try {
        await this.#wire.metadata([topic], true);
      } catch (error) {
        const failure = asPolymqError(error, `read "${topic}"`);
        if (failure.code === 'not-found' || failure.code === 'access-refused') {
          this.#fail(topic, failure);
        }
      }
    }
  }

  #fail(topic: string, error: PolymqError): void {
    let known = false;
    for (const partition of [...this.#partitions.values()]) {
      if (partition.topic !== topic) continue;
      known = true;
      this.remove(topic, partition.index);
    }
    if (known) this.#sink.failed(topic, error);
  }
}

function topicsOf(partitions: readonly Partition[]): Set<string> {
  return new Set(partitions.map(({ topic }) => topic));
}

/** The batches with what was committed; the others come without records, for their offsets. */
function* committed(fetched: FetchedPartition): Generator<RecordsBatch> {
  const aborted = [...(fetched.abortedTransactions ?? [])];
  const open = new Set<bigint>();
  for (const batch of fetched.records ?? []) {
    const last = batch.firstOffset + BigInt(batch.lastOffsetDelta);
    for (let at = aborted.length - 1; at >= 0; at -= 1) {
      if (aborted[at]!.firstOffset <= last) open.add(aborted.splice(at, 1)[0]!.producerId);
    }
    const control = (batch.attributes & CONTROL) !== 0;
    if (control) open.delete(batch.producerId);
    const dropped = (batch.attributes & TRANSACTIONAL) !== 0 && open.has(batch.producerId);
    yield control || dropped ? { ...batch, records: [] } : batch;
  }
}
