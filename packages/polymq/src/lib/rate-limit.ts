import type { Clock } from './environment/clock.ts';

/** Allows so many events in each second, and counts those beyond. For log lines that peers can cause. */
export class RateLimit {
  readonly #perSecond: number;
  readonly #clock: Clock;
  #sinceMs = Number.NEGATIVE_INFINITY;
  #count = 0;
  #suppressed = 0;

  constructor(perSecond: number, clock: Clock) {
    this.#perSecond = perSecond;
    this.#clock = clock;
  }

  /** Whether one more is allowed now. */
  allow(): boolean {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#sinceMs >= 1000) {
      this.#sinceMs = nowMs;
      this.#count = 0;
    }
    this.#count += 1;
    if (this.#count <= this.#perSecond) return true;
    this.#suppressed += 1;
    return false;
  }

  /** How many were not allowed since this was asked last. */
  takeSuppressed(): number {
    const suppressed = this.#suppressed;
    this.#suppressed = 0;
    return suppressed;
  }
}
