import type { LogRead } from '../../log/log.ts';
import type { StreamConfig, StreamConfigName } from './stream-config.ts';

/**
 * Streams as protocols see them: named, partitioned, retained logs.
 *
 * The catalogue (names, partition counts, settings) is known on every node, so looking up is
 * synchronous. Changing it, and everything that touches records, may one day happen on another
 * node, so it is asynchronous. All methods reject with `BrokerError`.
 */
export interface Streams {
  get(name: string): Stream | undefined;
  /** By id, a UUID in canonical form. */
  getById(id: string): Stream | undefined;
  /** All streams, ordered by name. */
  list(): Stream[];
  /**
   * Creates a stream. Durable when the promise resolves. With `dryRun`, only checks: the stream
   * returned has as many partitions as it would get, but they are holes.
   */
  create(spec: StreamSpec, options?: { dryRun?: boolean }): Promise<Stream>;
  /** Deletes a stream and its records. The name is free when the promise resolves. */
  delete(name: string): Promise<void>;
  /** Grows the stream to `count` partitions in all. */
  setPartitionCount(name: string, count: number, options?: { dryRun?: boolean }): Promise<void>;
  /** Sets (`string`) or resets (`undefined`) overrides; what is not named stays. All or nothing. */
  configure(
    name: string,
    changes: ReadonlyMap<StreamConfigName, string | undefined>,
    options?: { dryRun?: boolean },
  ): Promise<void>;
  /** The settings of a stream that overrides none. */
  readonly defaults: StreamConfig;
  /** What was changed of the defaults while the broker ran, as text. */
  readonly defaultOverrides: ReadonlyMap<StreamConfigName, string>;
  /** As `configure`, for all streams that do not override the setting, now and later. */
  configureDefaults(
    changes: ReadonlyMap<StreamConfigName, string | undefined>,
    options?: { dryRun?: boolean },
  ): Promise<void>;
  /** Called after the catalogue has changed. Returns a function that stops it. */
  onChange(listener: (change: StreamChange) => void): () => void;
}

export type StreamChange =
  | { kind: 'created'; stream: Stream }
  | { kind: 'deleted'; stream: Stream }
  | { kind: 'grown'; stream: Stream }
  | { kind: 'configured'; stream: Stream };

export interface StreamSpec {
  name: string;
  /** Undefined: the broker's default. */
  partitionCount?: number | undefined;
  overrides?: ReadonlyMap<StreamConfigName, string>;
}

export interface Stream {
  readonly id: string;
  readonly name: string;
  readonly partitions: readonly Partition[];
  /** Effective settings: overrides over the broker's defaults. */
  readonly config: StreamConfig;
  /** The settings that were set on this stream, as text. */
  readonly overrides: ReadonlyMap<StreamConfigName, string>;
}

/** What the producer waits for. */
export type Acknowledge = 'none' | 'written' | 'committed';

export interface Appended {
  baseOffset: number;
  /** The time the broker stamped on the batch, or -1 if the producer's own times were kept. */
  appendTimeMs: number;
  /** The partition's start offset at the time of the append. */
  startOffset: number;
}

export interface Partition {
  readonly streamName: string;
  readonly index: number;
  readonly leaderEpoch: number;
  /** The first offset that can be read. */
  readonly startOffset: number;
  /** The offset after the last committed record. */
  readonly endOffset: number;
  readonly sizeBytes: number;
  /**
   * Appends one batch whose framing and checksum the caller has verified (see `checkBatch`). Takes
   * over the buffer. Rejects with `out-of-order-sequence`, `stale-producer-epoch`,
   * `message-too-large`, `invalid-timestamp`, `storage-full`, `storage-failed`, `unknown-partition`
   * (deleted meanwhile). A batch that an idempotent producer sends again is not appended again: its
   * first offset is returned.
   */
  append(batch: Buffer, acknowledge: Acknowledge): Promise<Appended>;
  /**
   * Resolves when everything appended before this call is committed, or has failed. Whoever asks for an
   * offset waits here first: a producer whose `written` was acknowledged must find its records counted.
   */
  settle(): Promise<void>;
  /**
   * See `Log.read`. Rejects with `offset-out-of-range`, `damaged-range`. Behind `endOffset`, up to where
   * records were appended, it returns nothing: they are about to be committed.
   */
  read(offset: number, bytesMax: number, oneAtLeast: boolean): LogRead | Promise<LogRead>;
  /**
   * The first record whose timestamp is at or after `timestampMs`: its own offset, found inside the
   * batch also when that is compressed. Undefined if there is none.
   */
  findTimestamp(timestampMs: number): Promise<RecordPosition | undefined>;
  /** The record with the largest timestamp, or undefined when empty (KIP-734). */
  findMaxTimestamp(): Promise<RecordPosition | undefined>;
  /** The end offset of the last epoch at or below `epoch` (KIP-101, KIP-320). */
  endOfEpoch(epoch: number): { epoch: number; endOffset: number };
  /** Removes records below `before` (-1: all). Resolves with the new start offset, durably. */
  deleteRecords(before: number): Promise<number>;
  /** Called after every advance of `endOffset`. Returns a function that stops it. */
  onAdvance(listener: () => void): () => void;
  /** Producers with live idempotence state, for `DescribeProducers` and metrics. */
  readonly producerCount: number;
}

export interface RecordPosition {
  offset: number;
  timestampMs: number;
}
