/**
 * Frames that many connections get, written once: a message to a hundred subscribers is one frame here and a hundred
 * ranges of it in their outputs.
 *
 * The memory is a row of arenas. The one that is written to is held here; each output holds those that it still has to
 * send ranges of, and the last one to let go returns the arena to the pool.
 */
import { type ArenaPool, release } from '../lib/arena.ts';

const ARENA_BYTES = 1024 * 1024;

/** One per protocol server. */
export class SharedFrames {
  /** Where the next frame goes in what `reserve` returned. Advance it past the frame. */
  position = 0;
  readonly #arenas: ArenaPool;
  #arena: Buffer | undefined;
  /** Full, but somebody still sends ranges of them. */
  #kept: Buffer[] = [];

  constructor(arenas: ArenaPool) {
    this.#arenas = arenas;
  }

  /**
   * Memory with room for `bytes` at `position`. What is written there goes to outputs by `Output.shared` before the
   * next `reserve`, and never changes afterwards. `keep`: what was reserved before goes to outputs too, until `settle`.
   */
  reserve(bytes: number, keep = false): Buffer {
    const arena = this.#arena;
    if (arena !== undefined && this.position + bytes <= arena.length) return arena;
    if (keep && arena !== undefined) {
      this.#kept.push(arena);
      this.#arena = undefined;
    }
    return this.#next(bytes);
  }

  /** What was reserved before the newest is not given to outputs any more. */
  settle(): void {
    if (this.#kept.length === 0) return;
    for (const arena of this.#kept) release(arena);
    this.#kept = [];
  }

  /** Lets go of the memory: nothing is given to outputs any more. */
  close(): void {
    this.settle();
    this.#leave();
  }

  #leave(): void {
    if (this.#arena !== undefined) release(this.#arena);
    this.#arena = undefined;
    this.position = 0;
  }

  #next(bytes: number): Buffer {
    this.#leave();
    const arena = this.#arenas.take(Math.max(ARENA_BYTES, bytes));
    this.#arena = arena;
    return arena;
  }
}
