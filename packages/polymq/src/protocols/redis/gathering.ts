import type { ByteBudget } from '../../lib/byte-budget.ts';

/** What `Gathering` starts with. */
const FIRST_BYTES = 512 * 1024;

/**
 * A command too large for the reader's memory, gathered as it comes. The memory grows with what has come, never with
 * what was announced.
 */
export class Gathering {
  readonly #budget: ByteBudget;
  #buffer: Buffer;
  #bytes = 0;

  constructor(budget: ByteBudget) {
    this.#budget = budget;
    this.#buffer = Buffer.allocUnsafeSlow(FIRST_BYTES);
    budget.charge(FIRST_BYTES);
  }

  get buffer(): Buffer {
    return this.#buffer;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Returns whether there was room. */
  add(from: Buffer, start: number, end: number): boolean {
    const bytes = this.#bytes + end - start;
    if (bytes > this.#buffer.length && !this.#grow(bytes)) return false;
    from.copy(this.#buffer, this.#bytes, start, end);
    this.#bytes = bytes;
    return true;
  }

  release(): void {
    this.#budget.release(this.#buffer.length);
    this.#buffer = NOTHING;
    this.#bytes = 0;
  }

  #grow(bytes: number): boolean {
    const size = Math.max(this.#buffer.length * 2, bytes);
    if (size - this.#buffer.length > this.#budget.room) return false;
    const larger = Buffer.allocUnsafeSlow(size);
    this.#buffer.copy(larger, 0, 0, this.#bytes);
    this.#budget.charge(size - this.#buffer.length);
    this.#buffer = larger;
    return true;
  }
}

const NOTHING: Buffer = Buffer.alloc(0);
