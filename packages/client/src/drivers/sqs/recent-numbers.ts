/** Sequence numbers of the last messages sent to a FIFO queue: one that comes again belongs to a message that was known. */
const NUMBERS_MAX = 50_000;

export class RecentNumbers {
  #young = new Set<string>();
  /** Those before; dropped when `#young` is full. */
  #old = new Set<string>();

  get size(): number {
    return this.#young.size + this.#old.size;
  }

  /** Whether it was seen, and remembers it. */
  seen(number: string | undefined): boolean {
    if (number === undefined) return false;
    if (this.#young.has(number) || this.#old.has(number)) return true;
    if (this.#young.size >= NUMBERS_MAX) {
      this.#old = this.#young;
      this.#young = new Set();
    }
    this.#young.add(number);
    return false;
  }
}
