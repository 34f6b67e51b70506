import { Copier } from '../lib/bytes/copier.ts';

const POOL_BYTES = 16 * 1024;
/** Larger ones get memory of their own. */
const POOLED_BYTES_MAX = 1024;

/** Copies small pieces into common memory, as `Buffer.allocUnsafe` has it, without a call into the runtime for each. */
export class BodyCopies {
  readonly #copier: Copier = new Copier();
  #pool: Buffer = Buffer.allocUnsafeSlow(POOL_BYTES);
  #at = 0;

  copy(source: Buffer, start: number, end: number): Buffer {
    const bytes = end - start;
    if (bytes > POOLED_BYTES_MAX) return Buffer.from(source.subarray(start, end));
    if (this.#at + bytes > POOL_BYTES) {
      this.#pool = Buffer.allocUnsafeSlow(POOL_BYTES);
      this.#at = 0;
    }
    const at = this.#at;
    this.#at = this.#copier.copy(source, start, end, this.#pool, at);
    return this.#pool.subarray(at, this.#at);
  }
}
