/**
 * The log port: the one way to durability. Engines (`memory/`, `file/`) implement it and pass the
 * contract suite in `contract.ts`.
 *
 * A log is a sequence of batches addressed by record offset. A batch is a version 2 record batch
 * (layout in `batch.ts`) holding one or more records; the log assigns its base offset and leader
 * epoch, checks nothing else, and gives it back byte for byte.
 *
 *    trimmed │ start                    committed         tail
 *  ──────────┼───[b][b][b]───[b][b][b]──────┼──[b][b]──────┼──►
 *            │   readable                   │  appended,   │  next
 *            │                              │  not durable │  offset
 *
 * Invariants:  start <= committed <= tail.  `committed` and `start` never go back, also not over a
 * crash: what was committed in `fsync` mode is there after reopening. Readers see `[start, committed)`.
 */

/** When an append counts as committed. */
export type Durability =
  /** After fdatasync of the data (default). Survives power loss. */
  | 'fsync'
  /** After write(2); fdatasync follows within 100 ms. Survives the death of the process. */
  | 'os'
  /** At once. The data is still written, but nothing is waited for. */
  | 'memory';

export interface LogOptions {
  durability: Durability;
  /** A segment is closed when the next batch would make it larger. */
  segmentBytes: number;
  /**
   * May be appended to when the disk is so full that other logs are refused: for what helps to make room, such as
   * the deletion of a stream. Default false.
   */
  mayUseReserve?: boolean;
  /**
   * Whether the newest batches stay in memory for readers, as the budget for all logs allows. False, when the log is
   * opened, for one whose writer has them in memory itself: they leave as soon as they are written. Default true.
   */
  keepsTail?: boolean;
}

export interface LogEngine {
  /** Opens or creates a log, recovering it if it was not closed cleanly. One `Log` object per name. */
  open(name: string, options: LogOptions): Promise<Log>;
  /** Names of all logs that exist, open or not, sorted. */
  list(): Promise<string[]>;
  /** Removes a log for good. It must not be used any more; readers in flight fail. */
  delete(name: string): Promise<void>;
  /** Small durable values beside the logs: snapshots that allow trimming. */
  readonly blobs: BlobStore;
  /** Commits what was appended, writes the clean-stop mark, releases the data directory. */
  close(): Promise<void>;
  readonly metrics: LogEngineMetrics;
}

/** Counters that the engine keeps anyway; read at scrape time. */
export interface LogEngineMetrics {
  appendedBytes: number;
  appendedBatches: number;
  readBytes: number;
  commitRounds: number;
  syncs: number;
  /** Called with the duration of every fdatasync, in milliseconds. */
  onSync: ((durationMs: number) => void) | undefined;
  /** Batches found damaged by recovery or reading, and quarantined. */
  damagedRanges: number;
  /** Free bytes where the data directory is, as seen last. Engines on disk only. */
  freeBytes?: number;
  /** Less than the low-space mark is free: time to warn. */
  lowSpace?: boolean;
  /** Called when a log has met a write or sync error and stopped for good, not when it is closed or deleted. */
  onFailure?: ((error: LogFailedError) => void) | undefined;
}

export interface BlobStore {
  /** The value, or `undefined`. A value that fails its checksum counts as missing. */
  get(key: string): Promise<Buffer | undefined>;
  /** Atomic replacement; durable when the promise resolves. */
  put(key: string, value: Uint8Array): Promise<void>;
  delete(key: string): Promise<void>;
  list(prefix: string): Promise<string[]>;
}

export interface Log {
  readonly name: string;
  /** The first offset that can be read. */
  readonly start: number;
  /** Everything below is committed in the log's durability mode, and readable. */
  readonly committed: number;
  /** The offset that the next record will get. */
  readonly tail: number;
  /** Bytes on disk of the readable range. */
  readonly sizeBytes: number;

  /**
   * Appends one batch and returns its base offset. Returns at once: the batch is written with all
   * others of this turn of the event loop, in one commit round.
   *
   * The log takes over `batch` (it writes the base offset and leader epoch into it, keeps it as part of its
   * tail cache and hands it to readers): the caller must not change it afterwards. If it lies in an arena, the log
   * retains it (`lib/arena.ts`); a caller that counts may release its own use once the append is committed.
   *
   * Throws `LogFailedError` if the log has stopped, `StorageFullError` when the disk is full.
   */
  append(batch: Buffer): number;
  /**
   * Resolves when everything below `offset` is committed in the log's durability mode (`committed >= offset`).
   * Appends of one commit round share one promise. Rejects with `LogFailedError`, or with
   * `StorageFullError` if the batch could not be written: it is then not in the log.
   */
  whenCommitted(offset: number): Promise<void>;
  /** The same, but only for write(2): survives the death of the process, not a power cut. */
  whenWritten(offset: number): Promise<void>;
  /**
   * Whole batches from the one that contains `offset`, at most `bytesMax` in all, but at least one
   * if any is readable and `oneAtLeast` is set. Empty when `offset` equals `committed`.
   * The buffers belong to the log: do not change them. Those in arenas are retained for the reader, who may release
   * each when done with it, or leave it to the garbage collector. Returned in `[start, committed)` only.
   *
   * Throws `OffsetOutOfRangeError` outside `[start, committed]`, `DamagedRangeError` if the range is
   * quarantined.
   */
  read(offset: number, bytesMax: number, oneAtLeast: boolean): LogRead | Promise<LogRead>;
  /**
   * The base offset of the first committed batch whose largest timestamp is at or after `timestampMs`, or
   * `undefined`.
   */
  findTimestamp(timestampMs: number): Promise<number | undefined>;
  /** The header of the committed batch with the largest timestamp, or `undefined` when empty. */
  findMaxTimestamp(): Promise<{ baseOffset: number; timestampMs: number } | undefined>;
  /**
   * Visits the header of every committed batch from the one that contains `from` up to `committed`
   * as it is now, in order. `header[at, at + 61)` is valid only during the call; `bytes` is the size of
   * the whole batch. Damaged ranges are left out. Reads only headers where batches are large.
   */
  scanHeaders(
    from: number,
    visit: (header: Buffer, at: number, bytes: number) => void,
  ): Promise<void>;
  /** Closes the active segment unless it is empty, so that retention can free it. */
  rollSegment(): void;
  /** Raises `start` to `before` (never beyond `committed`) durably, and frees whole segments below it. */
  trim(before: number): Promise<void>;
  /** The closed segments and the open one, oldest first: what retention decides on. */
  segments(): LogSegmentInfo[];
  /** Calls `listener` after every advance of `committed`. Returns a function that stops it. */
  onCommitted(listener: () => void): () => void;
  /** Changes durability and segment size for what is appended from now on. */
  configure(options: LogOptions): void;
}

export interface LogRead {
  /** Whole batches, in order, without gaps in the bytes; each buffer holds one or more batches. */
  buffers: Buffer[];
  /** Sum of the buffers' lengths. */
  bytes: number;
  /** The offset after the last record returned; equals the asked offset when nothing was. */
  nextOffset: number;
}

export interface LogSegmentInfo {
  baseOffset: number;
  /** The offset after its last record. */
  endOffset: number;
  bytes: number;
  /** The largest record timestamp in it, -1 if none. */
  maxTimestampMs: number;
  /** False for the one that is appended to. */
  closed: boolean;
}

/** The log met a write or sync error and has stopped for good; the process should be restarted. */
export class LogFailedError extends Error {
  constructor(log: string, cause: unknown) {
    super(`log "${log}" has stopped after a storage error; restart the broker once it is fixed`, {
      cause,
    });
    this.name = 'LogFailedError';
  }
}

/** The disk has no room. The log still works: free space or trim, then append again. */
export class StorageFullError extends Error {
  constructor(log: string, cause?: unknown) {
    super(`no room on disk to append to log "${log}"; free space or shorten retention`, { cause });
    this.name = 'StorageFullError';
  }
}

/** The offset lies outside `[start, committed]`. */
export class OffsetOutOfRangeError extends Error {
  constructor(log: string, offset: number, start: number, end: number) {
    super(`offset ${offset} of log "${log}" is out of range [${start}, ${end}]`);
    this.name = 'OffsetOutOfRangeError';
  }
}

/** The bytes of this range fail their checksum. They are kept aside and never served. */
export class DamagedRangeError extends Error {
  /** The first offset after the damage, where reading can go on. */
  readonly nextOffset: number;

  constructor(log: string, offset: number, nextOffset: number) {
    super(`log "${log}" is damaged from offset ${offset} up to ${nextOffset}`);
    this.name = 'DamagedRangeError';
    this.nextOffset = nextOffset;
  }
}
