/**
 * Memory that is read into, cut into slices, and used again once nobody uses any of them.
 *
 * A broker at full speed fills a gigabyte of fresh memory a second. Left to the garbage collector that
 * costs more than the network: pages are zeroed on first touch, and every few arenas a full collection runs.
 * So arenas count their users and go back to a pool.
 *
 *   take ──► uses 1 ──► retain / release by slice ──► uses 0 ──► pool ──► take
 *                 └──► abandon by slice ──────────────────────► garbage collector
 *
 * Counting is opt-in and fails safe: a user who forgets to release, or who abandons because it cannot tell
 * when it is done, only leaves the arena to the garbage collector. The one rule: who keeps a slice
 * beyond the call that gave it, while its giver may release it, must retain it first.
 *
 * Slices are recognised by the memory they share, so `retain`, `release` and `abandon` may be called with any
 * buffer; for one that is in no arena they do nothing.
 */
const arenas = new WeakMap<ArrayBufferLike, Arena>();

class Arena {
  readonly buffer: Buffer;
  readonly pool: ArenaPool;
  uses = 1;
  abandoned = false;

  constructor(buffer: Buffer, pool: ArenaPool) {
    this.buffer = buffer;
    this.pool = pool;
  }
}

/** One more user of the arena that `slice` lies in. */
export function retain(slice: Buffer): void {
  const arena = arenas.get(slice.buffer);
  if (arena) arena.uses += 1;
}

/** The counterpart of `retain`, or of `take`. The slice must not be touched afterwards. */
export function release(slice: Buffer): void {
  const arena = arenas.get(slice.buffer);
  if (!arena) return;
  arena.uses -= 1;
  if (arena.uses === 0 && !arena.abandoned) arena.pool.put(arena.buffer);
}

/** Leaves the arena to the garbage collector: nobody can tell how long the slice will be used. */
export function abandon(slice: Buffer): void {
  const arena = arenas.get(slice.buffer);
  if (arena) arena.abandoned = true;
}

export class ArenaPool {
  #pooledBytesMax: number;
  /** Free memory by size: sizes are few. */
  readonly #free = new Map<number, Buffer[]>();
  #pooledBytes = 0;

  /** `pooledBytesMax`: free memory kept for later, in bytes. */
  constructor(pooledBytesMax: number) {
    this.#pooledBytesMax = pooledBytesMax;
  }

  get pooledBytes(): number {
    return this.#pooledBytes;
  }

  /** Changes how much is kept. What is over leaves at once. */
  limit(pooledBytesMax: number): void {
    this.#pooledBytesMax = pooledBytesMax;
    if (this.#pooledBytes > pooledBytesMax) this.#makeRoom(0, -1);
  }

  /** Memory of exactly `bytes`, with one user: the caller. Its content is arbitrary. */
  take(bytes: number): Buffer {
    const pooled = this.#free.get(bytes)?.pop();
    if (pooled) this.#pooledBytes -= bytes;
    const buffer = pooled ?? Buffer.allocUnsafeSlow(bytes);
    arenas.set(buffer.buffer, new Arena(buffer, this));
    return buffer;
  }

  /** Called by the last release. */
  put(buffer: Buffer): void {
    // A late release by somebody who lost count must not reach the next user of this memory.
    arenas.delete(buffer.buffer);
    if (buffer.length > this.#pooledBytesMax) return;
    this.#makeRoom(buffer.length, buffer.length);
    if (this.#pooledBytes + buffer.length > this.#pooledBytesMax) return;
    this.#pooledBytes += buffer.length;
    const free = this.#free.get(buffer.length);
    if (free) free.push(buffer);
    else this.#free.set(buffer.length, [buffer]);
  }

  /** Gives up memory of other sizes than `kept`, which nobody may want any more, until there is room for `bytes`. */
  #makeRoom(bytes: number, kept: number): void {
    for (const [size, free] of this.#free) {
      if (size === kept) continue;
      while (this.#pooledBytes + bytes > this.#pooledBytesMax && free.length > 0) {
        free.pop();
        this.#pooledBytes -= size;
      }
      if (free.length === 0) this.#free.delete(size);
    }
  }
}

/** How large an arena for `bytes` is: at least `stepBytes`, and beyond that in quarters of it, to waste little. */
export function arenaSize(bytes: number, stepBytes: number): number {
  if (bytes <= stepBytes) return stepBytes;
  const quarter = stepBytes / 4;
  return Math.ceil(bytes / quarter) * quarter;
}

/**
 * Copies small pieces one behind the other into arenas, so that a thousand of them are one piece of memory to the
 * garbage collector. Each copy counts as a user until it is released.
 */
export class ArenaWriter {
  readonly #pool: ArenaPool;
  readonly #arenaBytes: number;
  #arena: Buffer | undefined;
  #position = 0;

  constructor(pool: ArenaPool, arenaBytes: number) {
    this.#pool = pool;
    this.#arenaBytes = arenaBytes;
  }

  /** A copy of `source[start, end)`, with one user: the caller. */
  copy(source: Buffer, start: number, end: number): Buffer {
    const bytes = end - start;
    const arena = this.#room(bytes);
    const at = this.#position;
    source.copy(arena, at, start, end);
    this.#position = at + bytes;
    retain(arena);
    return arena.subarray(at, at + bytes);
  }

  #room(bytes: number): Buffer {
    const arena = this.#arena;
    if (arena !== undefined && this.#position + bytes <= arena.length) return arena;
    if (arena !== undefined) release(arena);
    this.#arena = this.#pool.take(Math.max(this.#arenaBytes, bytes));
    this.#position = 0;
    return this.#arena;
  }
}
