/**
 * The journal as a chain of extents of about a mebibyte each. An extent knows how many rows still need it, and has
 * the bytes in memory or not; it is what is evicted, loaded, relocated and trimmed.
 *
 *    trimmed │ extent      extent      extent      extent (open)
 *   ─────────┼───────────┬───────────┬───────────┬──────────────►  record offsets, without gaps
 *            │ on disk   │ loaded    │ in memory │ being filled
 *
 * Memory of an extent holds its batches one behind the other: `starts[i]` is where the batch with base
 * offset `bases[i]` begins in `buffer`, -1 for a damaged range. It is freed as soon as no row needs it and all of it
 * is committed.
 */
import { type ArenaPool, arenaSize, release } from '../../../lib/arena.ts';

export class Extent {
  readonly base: number;
  /** The offset after its last record; infinite while it is being filled. */
  end: number;
  /** In the journal. */
  bytes = 0;
  liveRows = 0;
  /** Message bytes of live rows. A message in several rows counts as often. */
  liveBytes = 0;
  buffer: Buffer | undefined = undefined;
  bases: number[] = [];
  starts: number[] = [];
  /** The memory was read back from the log. */
  loaded = false;
  usedAt = 0;
  loading: Promise<void> | undefined = undefined;

  constructor(base: number, end: number) {
    this.base = base;
    this.end = end;
  }

  /** The last index with a base at or below `offset`. */
  batchOf(offset: number): number {
    const { bases } = this;
    let low = 0;
    let high = bases.length;
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if (bases[middle]! <= offset) low = middle;
      else high = middle;
    }
    return low;
  }
}

export class Extents {
  readonly #pool: ArenaPool;
  /** Memory is taken in pieces of at least this, and extents are about as large. */
  readonly arenaBytes: number;
  #list: Extent[] = [];
  #last: Extent | undefined;
  /** Acknowledgements lag behind deliveries: each has a place of its own. */
  #lastRemoved: Extent | undefined;
  /** Memory of all extents. */
  memoryBytes = 0;
  /** Memory of those that were read back. */
  loadedBytes = 0;
  evictedCount = 0;
  /** What `seek` found: the batch `[foundBase, foundEnd)` begins at `foundAt` in `foundBuffer`. */
  foundBase: number = Number.POSITIVE_INFINITY;
  foundEnd = -1;
  foundAt = 0;
  foundBuffer: Buffer = Buffer.alloc(0);
  /** Those that begin below have been considered for eviction. */
  #evictedTo = 0;
  /** Those that end at or below have been told that they are committed. */
  #committedIndexBase = 0;
  readonly #loaded: Extent[] = [];
  #uses = 0;

  constructor(pool: ArenaPool, arenaBytes: number) {
    this.#pool = pool;
    this.arenaBytes = arenaBytes;
  }

  get list(): readonly Extent[] {
    return this.#list;
  }

  add(extent: Extent): void {
    this.#list.push(extent);
  }

  /** The extent of an offset that was given out and is not trimmed. */
  find(offset: number): Extent | undefined {
    const last = this.#last;
    if (last !== undefined && offset >= last.base && offset < last.end) return last;
    const index = this.#indexOf(offset);
    const found = this.#list[index];
    if (found === undefined || offset < found.base || offset >= found.end) return undefined;
    this.#last = found;
    return found;
  }

  /** Finds the batch in memory that contains `offset`. */
  seek(offset: number): boolean {
    if (offset >= this.foundBase && offset < this.foundEnd) return true;
    const extent = this.find(offset);
    if (extent === undefined || extent.buffer === undefined) return false;
    const index = extent.batchOf(offset);
    const start = extent.starts[index]!;
    if (start < 0) return false;
    extent.usedAt = ++this.#uses;
    this.foundBase = extent.bases[index]!;
    this.foundEnd = extent.bases[index + 1] ?? extent.end;
    this.foundAt = start;
    this.foundBuffer = extent.buffer;
    return true;
  }

  /** What was found may have moved or ended. */
  forget(): void {
    this.foundBase = Number.POSITIVE_INFINITY;
  }

  takeMemory(extent: Extent, bytes: number): Buffer {
    const size = arenaSize(bytes, this.arenaBytes);
    const buffer = this.#pool.take(size);
    this.memoryBytes += size;
    extent.buffer = buffer;
    return buffer;
  }

  /** Larger memory with the same content up to `used`. */
  growMemory(extent: Extent, used: number, bytes: number): Buffer {
    const old = extent.buffer!;
    const buffer = this.takeMemory(extent, bytes);
    old.copy(buffer, 0, 0, used);
    this.memoryBytes -= old.length;
    release(old);
    this.forget();
    return buffer;
  }

  freeMemory(extent: Extent): void {
    const { buffer } = extent;
    if (buffer === undefined) return;
    this.memoryBytes -= buffer.length;
    if (extent.loaded) {
      this.loadedBytes -= buffer.length;
      this.#loaded.splice(this.#loaded.indexOf(extent), 1);
      extent.loaded = false;
    }
    extent.buffer = undefined;
    extent.bases = [];
    extent.starts = [];
    release(buffer);
    this.forget();
  }

  /** The batches of the extent were read from the log into `buffer`, which is the extent's from now on. */
  setLoaded(extent: Extent, buffer: Buffer, bases: number[], starts: number[]): void {
    extent.buffer = buffer;
    extent.bases = bases;
    extent.starts = starts;
    extent.loaded = true;
    extent.usedAt = ++this.#uses;
    this.memoryBytes += buffer.length;
    this.loadedBytes += buffer.length;
    this.#loaded.push(extent);
  }

  addLive(extent: Extent, rows: number, bytes: number): void {
    extent.liveRows += rows;
    extent.liveBytes += bytes * rows;
  }

  removeLive(offset: number, bytes: number, committed: number): void {
    let extent = this.#lastRemoved;
    if (extent === undefined || offset < extent.base || offset >= extent.end) {
      extent = this.find(offset);
      if (extent === undefined) return;
      this.#lastRemoved = extent;
    }
    extent.liveRows -= 1;
    extent.liveBytes -= bytes;
    if (extent.liveRows === 0 && extent.end <= committed) this.freeMemory(extent);
  }

  /** Frees what nobody needs among those that have become committed. */
  advance(committed: number): void {
    let index = this.#indexOf(this.#committedIndexBase);
    for (; index < this.#list.length; index++) {
      const extent = this.#list[index]!;
      if (extent.end > committed) break;
      if (extent.liveRows === 0) this.freeMemory(extent);
      this.#committedIndexBase = extent.end;
    }
  }

  /** Evicts the oldest of those that were never evicted, until all memory is at most `bytesMax`. */
  evict(bytesMax: number, committed: number): void {
    if (this.memoryBytes <= bytesMax) return;
    let index = this.#indexOf(this.#evictedTo);
    for (; index < this.#list.length && this.memoryBytes > bytesMax; index++) {
      const extent = this.#list[index]!;
      if (extent.end > committed) break;
      this.#evictedTo = extent.end;
      if (extent.buffer === undefined || extent.loaded) continue;
      this.freeMemory(extent);
      this.evictedCount++;
    }
  }

  /** Evicts those that were read back and not used for longest, until they have at most `bytesMax`. */
  evictLoaded(bytesMax: number): void {
    while (this.loadedBytes > bytesMax && this.#loaded.length > 1) {
      let oldest = this.#loaded[0]!;
      for (const extent of this.#loaded) if (extent.usedAt < oldest.usedAt) oldest = extent;
      this.freeMemory(oldest);
      this.evictedCount++;
    }
  }

  /** Forgets all that end at or below `before`. */
  trim(before: number): void {
    let count = 0;
    while (count < this.#list.length && this.#list[count]!.end <= before) {
      this.freeMemory(this.#list[count]!);
      count++;
    }
    if (count > 0) this.#list.splice(0, count);
    this.#last = undefined;
    this.#lastRemoved = undefined;
  }

  #indexOf(offset: number): number {
    const list = this.#list;
    let low = 0;
    let high = list.length;
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if (list[middle]!.base <= offset) low = middle;
      else high = middle;
    }
    return low;
  }
}
