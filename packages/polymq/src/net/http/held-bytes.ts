/**
 * What has arrived of a request and cannot be read yet, one piece of memory of about its size.
 *
 *   [consumed][held ······][room]
 *             ^start       ^end
 *
 * It grows with what has arrived, not with a length that was only announced. All connections share a budget, so that very many
 * requests which arrive slowly cannot take all memory: who finds no room gets a 503 and comes again.
 */
import type { ByteBudget } from '../../lib/byte-budget.ts';
import { HttpRefusal } from './http-refusal.ts';

const CAPACITY_MIN = 1024;

export class HeldBytes {
  buffer: Buffer | undefined;
  start = 0;
  end = 0;
  readonly #budget: ByteBudget;

  constructor(budget: ByteBudget) {
    this.#budget = budget;
  }

  get bytes(): number {
    return this.end - this.start;
  }

  /** Copies a span behind what is held. `bytesWanted`: all that is to come, if that is known. Throws `HttpRefusal`. */
  append(from: Buffer, start: number, end: number, bytesWanted: number): void {
    const bytes = end - start;
    const { buffer } = this;
    if (buffer === undefined || this.end + bytes > buffer.length) {
      this.#grow(this.bytes + bytes, bytesWanted);
    }
    from.copy(this.buffer!, this.end, start, end);
    this.end += bytes;
  }

  drop(): void {
    if (this.buffer !== undefined) this.#budget.release(this.buffer.length);
    this.buffer = undefined;
    this.start = 0;
    this.end = 0;
  }

  #grow(bytes: number, bytesWanted: number): void {
    const { buffer: old, start, end } = this;
    const roomy = Math.max(CAPACITY_MIN, old === undefined ? bytes : 2 * bytes);
    const capacity = Math.max(bytes, Math.min(roomy, bytesWanted));
    reserve(this.#budget, capacity);
    const larger = Buffer.allocUnsafeSlow(capacity);
    if (old !== undefined) {
      old.copy(larger, 0, start, end);
      this.drop();
    }
    this.buffer = larger;
    this.end = end - start;
  }
}

/** Charges memory that is about to be taken. */
export function reserve(budget: ByteBudget, bytes: number): void {
  if (budget.room < bytes)
    throw new HttpRefusal(503, 'too many requests arrive at once; try again');
  budget.charge(bytes);
}
