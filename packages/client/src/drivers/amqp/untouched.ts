/**
 * Messages that went back without anybody in this client having worked on them: by a look (`peek`), left over in the buffer of
 * a consumer that was closed, or lost with the connection while they waited there. The server counts them as redelivered; the
 * count is corrected where the same client gets them again.
 */
const IDS_MAX = 10_000;

export class Untouched {
  readonly #counts = new Map<string, number>();

  add(id: string): void {
    const count = this.#counts.get(id) ?? 0;
    this.#counts.delete(id);
    this.#counts.set(id, count + 1);
    if (this.#counts.size <= IDS_MAX) return;
    for (const oldest of this.#counts.keys()) {
      this.#counts.delete(oldest);
      return;
    }
  }

  /** The number of redeliveries that were attempts. */
  correct(id: string, redeliveries: number): number {
    const count = this.#counts.get(id);
    if (count === undefined) return redeliveries;
    // A mere flag cannot tell further ones apart from this one; from the next time on it speaks of an attempt.
    if (redeliveries === 1) this.#counts.delete(id);
    return Math.max(0, redeliveries - count);
  }
}
