/**
 * The newest batches of all logs in memory, so that consumers at the tail never touch a file.
 *
 * One first-in-first-out order over all logs with one budget in bytes: a busy log takes most of it, an idle
 * one keeps nothing. Each log holds its own batches in order (`LogTail`); the global order is a queue of
 * references to logs, one per batch: as both are first-in-first-out, the oldest entry of the queue
 * is the oldest batch of its log.
 *
 * A batch that is in no file yet is never given up: the cache is where it lives. It is charged all the same.
 */
import { ArenaPool, ArenaWriter, release, retain } from '../../lib/arena.ts';
import { batchNextOffset } from '../batch.ts';
import type { LogRead } from '../log.ts';
import { lastAtOrBelow } from '../search.ts';

/** What the bookkeeping of one batch costs beside its bytes. */
const ENTRY_OVERHEAD_BYTES = 256;

/** Up to here copying costs less than what it spares. */
const COPY_BYTES_MAX = 32 * 1024;
const COPY_ARENA_BYTES = 1024 * 1024;
const POOLED_BYTES_MAX = 16 * 1024 * 1024;

/** How many batches that cannot be given up yet are passed over at a time. */
const BLOCKED_TURNS_MAX = 16;
/** After that many, this much more may come before it is tried again. */
const RETRY_BYTES = 64 * 1024;

export class TailCache {
  readonly #bytesMax: number;
  readonly #copies: ArenaWriter;
  #bytes = 0;
  /** Usually the budget; more for a while when what is oldest cannot be given up yet. */
  #evictAbove: number;
  #queue: LogTail[] = [];
  #head = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
    this.#evictAbove = bytesMax;
    this.#copies = new ArenaWriter(new ArenaPool(POOLED_BYTES_MAX), COPY_ARENA_BYTES);
  }

  get bytes(): number {
    return this.#bytes;
  }

  /**
   * For `LogTail` only. A small batch is copied: it would keep the whole memory alive that the request was read
   * into, of which it may be a tiny part.
   */
  keep(batch: Buffer): Buffer {
    if (batch.length <= COPY_BYTES_MAX) return this.#copies.copy(batch, 0, batch.length);
    retain(batch);
    return batch;
  }

  /** For `LogTail` only. */
  added(tail: LogTail, bytes: number): void {
    this.#queue.push(tail);
    this.#bytes += bytes + ENTRY_OVERHEAD_BYTES;
    if (this.#bytes > this.#evictAbove) this.#evict();
  }

  /** For `LogTail` only: batches that left by another way stay in the queue as empty turns. */
  removed(bytes: number): void {
    this.#bytes -= bytes + ENTRY_OVERHEAD_BYTES;
  }

  #evict(): void {
    let blockedCount = 0;
    this.#evictAbove = this.#bytesMax;
    while (this.#bytes > this.#bytesMax && this.#head < this.#queue.length) {
      const tail = this.#queue[this.#head++]!;
      if (tail.evictOldest()) continue;
      // It is in no file yet: its turn comes again later, so that one slow log does not keep all others.
      this.#queue.push(tail);
      if (++blockedCount > BLOCKED_TURNS_MAX) {
        this.#evictAbove = this.#bytes + RETRY_BYTES;
        break;
      }
    }
    if (this.#head > 1024 && this.#head * 2 > this.#queue.length) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
  }
}

/** The newest batches of one log. */
export class LogTail {
  readonly #cache: TailCache;
  /** Otherwise batches are here, uncharged, only until they are written. */
  readonly #keepsWritten: boolean;
  #batches: (Buffer | undefined)[] = [];
  #offsets: number[] = [];
  #head = 0;
  /** Queue entries of this log whose batch left by `removeFrom` or `clear`. */
  #orphanTurns = 0;
  #writtenOffset = 0;

  constructor(cache: TailCache, keepsWritten: boolean) {
    this.#cache = cache;
    this.#keepsWritten = keepsWritten;
  }

  /** Batches that end at or below this are in a file. */
  get writtenOffset(): number {
    return this.#writtenOffset;
  }

  set writtenOffset(offset: number) {
    this.#writtenOffset = offset;
    if (this.#keepsWritten) return;
    while (this.#head < this.#offsets.length && this.#endOf(this.#head) <= offset) this.#dropHead();
  }

  /** The base offset of the oldest batch here; Infinity if there is none. */
  get firstOffset(): number {
    return this.#head < this.#offsets.length
      ? this.#offsets[this.#head]!
      : Number.POSITIVE_INFINITY;
  }

  /** Keeps the batch. Returns it, or the copy that is kept instead. */
  push(offset: number, batch: Buffer): Buffer {
    this.#offsets.push(offset);
    if (!this.#keepsWritten) {
      retain(batch);
      this.#batches.push(batch);
      return batch;
    }
    const kept = this.#cache.keep(batch);
    this.#batches.push(kept);
    this.#cache.added(this, kept.length);
    return kept;
  }

  /** Adds batches from the one that contains `read.nextOffset` up to `end`, as far as they fit. */
  read(read: LogRead, end: number, bytesMax: number, oneAtLeast: boolean): void {
    const head = this.#head;
    const count = this.#offsets.length - head;
    let at = head + lastAtOrBelow(count, (i) => this.#offsets[head + i]!, read.nextOffset);
    for (; at < this.#offsets.length && this.#offsets[at]! < end; at++) {
      const batch = this.#batches[at]!;
      const first = read.bytes === 0 && oneAtLeast;
      if (!first && read.bytes + batch.length > bytesMax) return;
      // For the reader: the batch may be given up here before it was sent.
      retain(batch);
      read.buffers.push(batch);
      read.bytes += batch.length;
      read.nextOffset = batchNextOffset(batch, 0);
    }
  }

  /** Visits the batches that end behind `from`, up to `end`, until `visit` returns false. */
  visit(
    from: number,
    end: number,
    visit: (header: Buffer, at: number, bytes: number) => boolean,
  ): void {
    for (let at = this.#head; at < this.#offsets.length && this.#offsets[at]! < end; at++) {
      const batch = this.#batches[at]!;
      if (batchNextOffset(batch, 0) > from && !visit(batch, 0, batch.length)) return;
    }
  }

  /** Gives up the oldest batch. False if it cannot be given up yet. */
  evictOldest(): boolean {
    if (this.#orphanTurns > 0) {
      this.#orphanTurns--;
      return true;
    }
    const batch = this.#batches[this.#head];
    if (batch === undefined) return true;
    if (this.#endOf(this.#head) > this.#writtenOffset) return false;
    this.#cache.removed(batch.length);
    this.#dropHead();
    return true;
  }

  #endOf(index: number): number {
    // Where the next one begins; reading the batch itself would fetch cold memory.
    return this.#offsets[index + 1] ?? batchNextOffset(this.#batches[index]!, 0);
  }

  #dropHead(): void {
    release(this.#batches[this.#head]!);
    this.#batches[this.#head] = undefined;
    this.#head++;
    if (this.#head > 64 && this.#head * 2 > this.#offsets.length) {
      this.#batches = this.#batches.slice(this.#head);
      this.#offsets = this.#offsets.slice(this.#head);
      this.#head = 0;
    }
  }

  /** Takes back what was pushed at or behind `offset`. */
  removeFrom(offset: number): void {
    while (
      this.#offsets.length > this.#head &&
      this.#offsets[this.#offsets.length - 1]! >= offset
    ) {
      this.#offsets.pop();
      const batch = this.#batches.pop()!;
      release(batch);
      if (!this.#keepsWritten) continue;
      this.#cache.removed(batch.length);
      this.#orphanTurns++;
    }
  }

  clear(): void {
    this.removeFrom(-1);
    this.#offsets = [];
    this.#batches = [];
    this.#head = 0;
  }
}
