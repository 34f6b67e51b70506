/**
 * How many messages a consumer holds beyond its handlers, where nobody has said it. It begins with as many as there are handlers, so that
 * others get their share. Quick handlers would wait for the engine most of the time then:
 *
 *   handlers were idle when a large part of what may be held arrived, soon after what came before   ──► twice as many
 *   a message has waited for its handler for long                                                   ──► half as many
 *
 * So what is held is the work of a moment, and slow handlers leave the rest to others. Where holding costs little and each delivery has
 * cost a commit (`QueueDriver.prefetchGrows`), it grows to thousands; elsewhere as far as few handlers need.
 */
const PREFETCH_MAX = 4_000;
const MODEST_MAX = 10;
const LARGE_PART = 0.25;
const WAIT_MS_MAX = 20;
/** Whoever is done with what came before so soon is quick. */
const QUICK_MS_MAX = 50;

export class PrefetchGrowth {
  readonly #max: number;
  #factor = 1;
  /** When messages came last. */
  #cameMs = Number.NEGATIVE_INFINITY;

  /** `isCheap`: for the engine, and for others that wait for messages. */
  constructor(isCheap: boolean) {
    this.#max = isCheap ? PREFETCH_MAX : MODEST_MAX;
  }

  /** `prefetch`: what it is at first, and never less. */
  grown(prefetch: number): number {
    return Math.max(prefetch, Math.min(this.#max, prefetch * this.#factor));
  }

  /** `arrived` messages at handlers that were idle, while `credit` may be held. Whether it has grown. */
  idle(arrived: number, credit: number, nowMs: number): boolean {
    const isQuick = nowMs - this.#cameMs <= QUICK_MS_MAX;
    this.#cameMs = nowMs;
    if (!isQuick || arrived < credit * LARGE_PART || credit >= this.#max) return false;
    this.#factor *= 2;
    return true;
  }

  /** The first of those that wait has done so for `waitedMs`. Whether it has shrunk. */
  busy(waitedMs: number, nowMs: number): boolean {
    this.#cameMs = nowMs;
    if (waitedMs <= WAIT_MS_MAX || this.#factor === 1) return false;
    this.#factor /= 2;
    return true;
  }
}
