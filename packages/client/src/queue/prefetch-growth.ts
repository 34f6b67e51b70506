/**
 * How many messages a consumer holds beyond its handlers, where nobody has said it and holding more costs little
 * (`QueueDriver.prefetchGrows`). Every delivery has cost the engine a commit, so quick handlers that get few at a time wait for the
 * disk most of the time:
 *
 *   handlers were idle when a large part of what may be held arrived   ──► twice as many
 *   a message has waited for its handler for long                      ──► half as many
 *
 * So what is held is the work of a moment, and slow handlers leave the rest to others.
 */
const PREFETCH_MAX = 4_000;
const LARGE_PART = 0.25;
const WAIT_MS_MAX = 20;

export class PrefetchGrowth {
  #factor = 1;

  /** `prefetch`: what it is at first, and never less. */
  grown(prefetch: number): number {
    return Math.max(prefetch, Math.min(PREFETCH_MAX, prefetch * this.#factor));
  }

  /** `arrived` messages at handlers that were idle, while `credit` may be held. Whether it has grown. */
  idle(arrived: number, credit: number): boolean {
    if (arrived < credit * LARGE_PART || credit >= PREFETCH_MAX) return false;
    this.#factor *= 2;
    return true;
  }

  /** The first of those that wait has done so for `waitedMs`. Whether it has shrunk. */
  busy(waitedMs: number): boolean {
    if (waitedMs <= WAIT_MS_MAX || this.#factor === 1) return false;
    this.#factor /= 2;
    return true;
  }
}
