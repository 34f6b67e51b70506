/**
 * Memory of messages that are in no journal. A chunk is filled from front to back and given back when its last
 * row has gone.
 *
 *   offset of a row = -1 - (slot << 21 | number of the message in its chunk)
 *
 * Slots are used again, so finding a chunk is one array access.
 */
import { type ArenaPool, arenaSize, release } from '../../../lib/arena.ts';

/** Messages of one chunk. */
export const CHUNK_MESSAGES: number = 1 << 21;

export class VolatileChunk {
  readonly slot: number;
  readonly buffer: Buffer;
  liveRows = 0;
  messages = 0;

  constructor(slot: number, buffer: Buffer) {
    this.slot = slot;
    this.buffer = buffer;
  }
}

export class VolatileChunks {
  readonly #pool: ArenaPool;
  readonly #arenaBytes: number;
  readonly #slots: (VolatileChunk | undefined)[] = [];
  readonly #free: number[] = [];
  /** Oldest first; the last one is being filled. */
  #order: VolatileChunk[] = [];
  #open: VolatileChunk | undefined;
  #at = 0;
  memoryBytes = 0;
  /** Called when there is one more, or one less. */
  onChunk: () => void = () => undefined;
  onFreed: () => void = () => undefined;

  constructor(pool: ArenaPool, arenaBytes: number) {
    this.#pool = pool;
    this.#arenaBytes = arenaBytes;
  }

  /** The chunk with room for `bytes` at `at`. */
  reserve(bytes: number): VolatileChunk {
    const open = this.#open;
    if (open !== undefined && this.#at + bytes <= open.buffer.length) return open;
    return this.#next(bytes);
  }

  get at(): number {
    return this.#at;
  }

  /** A message of `rows` rows ends at `end`. Returns its offset. */
  finish(chunk: VolatileChunk, end: number, rows: number): number {
    this.#at = end;
    chunk.liveRows += rows;
    return -1 - (chunk.slot * CHUNK_MESSAGES + chunk.messages++);
  }

  chunk(offset: number): VolatileChunk | undefined {
    return this.#slots[Math.trunc((-1 - offset) / CHUNK_MESSAGES)];
  }

  remove(offset: number): void {
    const chunk = this.chunk(offset);
    if (chunk === undefined) return;
    chunk.liveRows -= 1;
    if (chunk.liveRows > 0) return;
    if (chunk !== this.#open) this.#drop(chunk);
    // Sockets may still send from it: its memory is used again only from the pool.
    else if (this.#at > this.#arenaBytes / 2) this.endChunk();
  }

  /** What comes next begins a new chunk. */
  endChunk(): void {
    const open = this.#open;
    this.#open = undefined;
    if (open !== undefined && open.liveRows === 0) this.#drop(open);
  }

  /** The oldest chunks with at least `bytes` together, without the one that is being filled. */
  oldest(bytes: number): VolatileChunk[] {
    const found: VolatileChunk[] = [];
    let sum = 0;
    for (const chunk of this.#order) {
      if (sum >= bytes || chunk === this.#open) break;
      found.push(chunk);
      sum += chunk.buffer.length;
    }
    return found;
  }

  /** Whether the chunk is still in use. */
  has(chunk: VolatileChunk): boolean {
    return this.#slots[chunk.slot] === chunk;
  }

  #next(bytes: number): VolatileChunk {
    this.endChunk();
    const slot = this.#free.pop() ?? this.#slots.length;
    const size = arenaSize(bytes, this.#arenaBytes);
    const chunk = new VolatileChunk(slot, this.#pool.take(size));
    this.memoryBytes += size;
    this.#slots[slot] = chunk;
    this.#order.push(chunk);
    this.#open = chunk;
    this.#at = 0;
    this.onChunk();
    return chunk;
  }

  #drop(chunk: VolatileChunk): void {
    this.#slots[chunk.slot] = undefined;
    this.#free.push(chunk.slot);
    this.#order.splice(this.#order.indexOf(chunk), 1);
    this.memoryBytes -= chunk.buffer.length;
    release(chunk.buffer);
    this.onFreed();
  }
}
