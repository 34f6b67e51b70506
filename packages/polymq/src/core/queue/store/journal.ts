/**
 * The writing end of the journal: entries go straight into the open batch, which lies in the memory of the last
 * extent, and the batch goes to the log at the end of the turn.
 *
 *   memory of the open extent    [batch][batch][header, entry, entry, …│          room]
 *                                               └ open batch           └ at
 *
 *   reserve/finish ─► open batch ─(end of turn, or full)──► closed ─► log.append ─► committed
 *                                                             ▲            │ no room
 *                                                             └── 250 ms ──┘
 *
 * This is the only writer of the log, so offsets are known before anything is appended. Batches that find no room
 * wait in order and are appended again; when the log takes back what it had taken, its tail says from where on.
 */
import { writeInt64 } from '../../../lib/bytes/int64.ts';
import { crc32c } from '../../../lib/crc32c.ts';
import type { Clock, Timer, Timers } from '../../../lib/environment/clock.ts';
import type { Logger } from '../../../lib/logger.ts';
import {
  AT,
  BATCH_CRC_START,
  BATCH_HEADER_BYTES,
  BATCH_LENGTH_OVERHEAD,
  BATCH_MAGIC,
} from '../../../log/batch.ts';
import { CommitListeners } from '../../../log/commit-listeners.ts';
import { CommitWaiters } from '../../../log/commit-waiters.ts';
import { type Log, type LogOptions, StorageFullError } from '../../../log/log.ts';
import { BrokerError } from '../../errors.ts';
import { fromLogError } from '../../log-errors.ts';
import { Extent, type Extents } from './extents.ts';
import type { EntryTarget } from './removals.ts';

/** No batch begins in an extent that is filled beyond this part of an arena. */
const EXTENT_FULL = 0.75;
/** What comes in one turn is one batch up to this part of an arena, which every batch finds free when it begins. */
const BATCH_KEPT_WHOLE = 0.25;
/** For the head of an entry, and what the end of a turn writes behind messages. */
const ROOM_BEHIND_BYTES = 4096;
const RETRY_MS = 250;
/** What nobody waits for goes to the log after so long. */
const IDLE_MS = 20;
/** Messages that stand before removals may use the reserve of a full disk too, up to so much together. */
const RESERVE_BYTES_MAX = 4 << 20;

const EMPTY: Buffer = Buffer.alloc(0);
const RESOLVED = Promise.resolve();

interface ClosedBatch {
  buffer: Buffer;
  base: number;
  end: number;
  /** It holds no messages: it may help to make room when the disk is full. */
  small: boolean;
}

export interface JournalContext {
  clock: Clock;
  timers: Timers;
  logger: Logger;
  log: Log;
  logOptions: LogOptions;
  extents: Extents;
}

export class Journal implements EntryTarget {
  /** Memory of the open extent. */
  buffer: Buffer = EMPTY;
  /** The base offset of the open batch, or of the next one. */
  base: number;
  /** Entries in the open batch. */
  entries = 0;
  /** Messages were put into the open batch. */
  hasMessages = false;
  committed: number;
  /** When the open batch was begun. */
  openedMs = 0;
  appendedBytes = 0;
  failure: BrokerError | undefined;
  /** The disk is full: batches wait. */
  stalled = false;
  /** Called at the end of a turn, before the batch is closed. */
  onTurn: () => void = () => undefined;
  /** Called when it has gone to the log. */
  onFlushed: () => void = () => undefined;
  readonly #context: JournalContext;
  readonly #waiters = new CommitWaiters();
  readonly #listeners = new CommitListeners();
  /** Closed and not committed, oldest first; those below `#appended` are in the log. */
  #closed: ClosedBatch[] = [];
  #appended = 0;
  #closedBytes = 0;
  #extent: Extent | undefined;
  #at = 0;
  #batchStart = -1;
  #scheduled = false;
  #idle: Timer | undefined;
  #watching = false;
  #retrying = false;
  #usesReserve = false;
  readonly #stop: () => void;

  constructor(context: JournalContext) {
    const { log } = context;
    this.#context = context;
    this.base = log.tail;
    this.committed = log.committed;
    this.#waiters.seal(log.tail);
    this.#stop = log.onCommitted(() => this.#advance());
  }

  /** The extent of what is written now. */
  get extent(): Extent {
    return this.#extent!;
  }

  /** Where the open batch begins in `buffer`. */
  get batchStart(): number {
    return this.#batchStart;
  }

  get uncommittedBytes(): number {
    return this.#closedBytes + (this.#batchStart < 0 ? 0 : this.#at - this.#batchStart);
  }

  reserve(bytes: number): number {
    this.schedule();
    return this.reserveIdly(bytes);
  }

  /** Room for what nobody waits for: it goes to the log with what comes next, or soon by itself. */
  reserveIdly(bytes: number): number {
    if (this.#batchStart < 0) this.#open(bytes);
    else if (this.#at + bytes > this.buffer.length) this.#grow(bytes);
    return this.#at;
  }

  finish(end: number): number {
    this.#at = end;
    return this.base + this.entries++;
  }

  /**
   * Whether the open batch shall end before something of `bytes` comes: it is large, or it would need larger memory, to
   * which all before it in this extent would have to be copied.
   */
  isFull(bytes: number): boolean {
    if (this.#batchStart < 0) return false;
    const { arenaBytes } = this.#context.extents;
    const batchBytes = this.#at - this.#batchStart;
    if (batchBytes < BATCH_KEPT_WHOLE * arenaBytes) return false;
    return batchBytes >= arenaBytes || this.#at + bytes + ROOM_BEHIND_BYTES > this.buffer.length;
  }

  onCommitted(listener: () => void): () => void {
    return this.#listeners.add(listener);
  }

  /** Lets listeners look again: something else than `committed` that they look at has changed. */
  notify(): void {
    this.#listeners.notify();
  }

  whenCommitted(position: number): Promise<void> {
    if (position <= this.committed) return RESOLVED;
    if (this.failure !== undefined) return Promise.reject(this.failure);
    if (position > this.base) this.schedule();
    return this.#waiters.wait(position);
  }

  /** Something has to go to the log at the end of this turn. */
  schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#context.timers.immediate(this.#turn);
  }

  /** What is in the open batch goes to the log soon. */
  #scheduleIdly(): void {
    if (this.#scheduled || this.#idle !== undefined) return;
    this.#idle = this.#context.timers.after(IDLE_MS, () => {
      this.#idle = undefined;
      if (this.#batchStart >= 0) this.schedule();
    });
  }

  readonly #turn = (): void => {
    this.onTurn();
    this.#scheduled = false;
    this.close();
    this.onFlushed();
  };

  /** Ends the open batch, and appends it. */
  close(): void {
    const start = this.#batchStart;
    if (start < 0) return;
    const buffer = this.buffer.subarray(start, this.#at);
    sealBatch(buffer, this.entries, this.openedMs);
    const end = this.base + this.entries;
    this.#closed.push({ buffer, base: this.base, end, small: !this.hasMessages });
    this.#closedBytes += buffer.length;
    this.extent.bytes += buffer.length;
    this.appendedBytes += buffer.length;
    this.base = end;
    this.entries = 0;
    this.hasMessages = false;
    this.#batchStart = -1;
    this.#context.extents.forget();
    this.#waiters.seal(end);
    if (this.failure === undefined && !this.#retrying) this.#append();
  }

  /** Ends the open extent: what comes next begins a new one. Nothing may be open. */
  endExtent(): void {
    const extent = this.#extent;
    if (extent === undefined) return;
    extent.end = this.base;
    this.#extent = undefined;
    this.#context.extents.forget();
    this.#context.extents.advance(this.committed);
  }

  stop(): void {
    this.#stop();
    this.#context.timers.clear(this.#idle);
    this.failure ??= new BrokerError('stopping', 'the message store was closed');
    this.#waiters.reject(this.committed, this.failure);
  }

  #open(bytes: number): void {
    const needed = BATCH_HEADER_BYTES + bytes;
    if (
      this.#extent === undefined ||
      this.#at > EXTENT_FULL * this.#context.extents.arenaBytes ||
      this.#at + needed > this.buffer.length
    ) {
      this.endExtent();
      const extent = new Extent(this.base, Number.POSITIVE_INFINITY);
      this.buffer = this.#context.extents.takeMemory(extent, needed);
      this.#context.extents.add(extent);
      this.#extent = extent;
      this.#at = 0;
    }
    this.#context.extents.forget();
    this.extent.bases.push(this.base);
    this.extent.starts.push(this.#at);
    this.#batchStart = this.#at;
    this.#at += BATCH_HEADER_BYTES;
    this.openedMs = this.#context.clock.nowMs();
    this.#scheduleIdly();
  }

  #grow(bytes: number): void {
    const size = Math.max(this.#at + bytes, this.buffer.length * 2);
    this.buffer = this.#context.extents.growMemory(this.extent, this.#at, size);
  }

  #append(): void {
    const { log } = this.#context;
    while (this.#appended < this.#closed.length) {
      let batch = this.#closed[this.#appended]!;
      if (log.tail !== batch.base) {
        this.#appended = this.#closed.findIndex(({ base }) => base === log.tail);
        if (this.#appended < 0) {
          this.#appended = 0;
          this.#fail(
            new Error(`the journal of queues expects offset ${batch.base}, not ${log.tail}`),
          );
          return;
        }
        batch = this.#closed[this.#appended]!;
      }
      this.#mayUseReserve(batch.small || this.#removalsWait());
      try {
        log.append(batch.buffer);
      } catch (error) {
        this.#failed(error);
        return;
      }
      this.#appended++;
    }
    this.stalled = false;
    this.#watch();
  }

  #mayUseReserve(may: boolean): void {
    if (may === this.#usesReserve) return;
    this.#usesReserve = may;
    const { log, logOptions } = this.#context;
    log.configure({ ...logOptions, mayUseReserve: may });
  }

  /** Whether the disk is full and there are removals, which make room in the end, behind messages. */
  #removalsWait(): boolean {
    if (!this.stalled || this.#closedBytes > RESERVE_BYTES_MAX) return false;
    return this.#closed.some(({ small }) => small);
  }

  /** Learns of failures. Success is heard from the log's listener. */
  #watch(): void {
    const { log } = this.#context;
    if (this.#watching || log.committed === log.tail) return;
    this.#watching = true;
    log.whenCommitted(log.tail).then(
      () => {
        this.#watching = false;
        this.#watch();
      },
      (error: unknown) => {
        this.#watching = false;
        this.#failed(error);
      },
    );
  }

  #failed(error: unknown): void {
    if (!(error instanceof StorageFullError)) {
      this.#fail(error);
      return;
    }
    if (!this.stalled) {
      this.#context.logger.warn(
        { log: this.#context.log.name, error },
        'no room on disk for messages of queues: nothing is confirmed until there is some',
      );
    }
    this.stalled = true;
    if (this.#retrying) return;
    this.#retrying = true;
    this.#context.timers.after(RETRY_MS, () => {
      this.#retrying = false;
      if (this.failure === undefined) this.#append();
    });
  }

  #fail(cause: unknown): void {
    if (this.failure !== undefined) return;
    const error = fromLogError(cause);
    this.failure =
      error instanceof BrokerError
        ? error
        : new BrokerError('storage-failed', 'the journal of queues has stopped', { cause });
    this.#context.logger.error(
      { log: this.#context.log.name, error: cause },
      'the journal of queues has stopped: no message is confirmed any more',
    );
    this.#stop();
    this.#waiters.reject(this.committed, this.failure);
  }

  #advance(): void {
    const { log, extents } = this.#context;
    const { committed } = log;
    if (committed <= this.committed) return;
    this.committed = committed;
    let count = 0;
    while (count < this.#appended && this.#closed[count]!.end <= committed) {
      this.#closedBytes -= this.#closed[count]!.buffer.length;
      count++;
    }
    this.#closed.splice(0, count);
    this.#appended -= count;
    extents.advance(committed);
    this.#waiters.advance(committed);
    this.#listeners.notify();
  }
}

function sealBatch(batch: Buffer, entries: number, timestampMs: number): void {
  batch.writeInt32BE(batch.length - BATCH_LENGTH_OVERHEAD, AT.length);
  batch[AT.magic] = BATCH_MAGIC;
  batch.writeInt16BE(0, AT.attributes);
  batch.writeInt32BE(entries - 1, AT.lastOffsetDelta);
  writeInt64(batch, timestampMs, AT.baseTimestamp);
  writeInt64(batch, timestampMs, AT.maxTimestamp);
  writeInt64(batch, -1, AT.producerId);
  batch.writeInt16BE(-1, AT.producerEpoch);
  batch.writeInt32BE(-1, AT.baseSequence);
  batch.writeInt32BE(entries, AT.recordCount);
  batch.writeUInt32BE(crc32c(batch, BATCH_CRC_START), AT.crc);
}
