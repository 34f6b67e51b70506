import { type ArenaWriter, release } from '../../lib/arena.ts';
import type { ByteBudget } from '../../lib/byte-budget.ts';

/**
 * A packet too large to wait in the reader's memory: what has arrived is copied out of it, piece by piece, so that no
 * memory is taken for bytes that were only promised.
 */
export class Gathering {
  readonly #bytes: number;
  readonly #memory: ArenaWriter;
  readonly #budget: ByteBudget;
  readonly #pieces: Buffer[] = [];
  #received = 0;

  constructor(bytes: number, memory: ArenaWriter, budget: ByteBudget) {
    this.#bytes = bytes;
    this.#memory = memory;
    this.#budget = budget;
  }

  get complete(): boolean {
    return this.#received === this.#bytes;
  }

  /** Returns up to where it has taken the bytes. */
  add(buffer: Buffer, start: number, end: number): number {
    const taken = Math.min(end, start + this.#bytes - this.#received);
    this.#received += taken - start;
    this.#budget.charge(taken - start);
    this.#pieces.push(this.#memory.copy(buffer, start, taken));
    return taken;
  }

  /** The whole packet. */
  packet(): Buffer {
    return Buffer.concat(this.#pieces, this.#bytes);
  }

  /** Gives the memory back. */
  release(): void {
    this.#budget.release(this.#received);
    for (const piece of this.#pieces) release(piece);
    this.#pieces.length = 0;
  }
}
