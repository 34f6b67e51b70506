import type { Clock, Timer, Timers } from '../clock.ts';

interface PendingTimer extends Timer {
  dueMs: number;
  order: number;
  callback: () => void;
}

/**
 * A clock that stands still until a test moves it. `immediate` goes by the real event loop, so code that
 * only yields makes progress; everything that waits for time waits for `advance`.
 */
export class SimulatedClock implements Clock, Timers {
  readonly #startMs: number;
  #elapsedMs = 0;
  #order = 0;
  readonly #timers = new Set<PendingTimer>();

  constructor(startMs = 1_700_000_000_000) {
    this.#startMs = startMs;
  }

  nowMs(): number {
    return this.#startMs + this.#elapsedMs;
  }

  monotonicMs(): number {
    return this.#elapsedMs;
  }

  after(delayMs: number, callback: () => void): Timer {
    const timer: PendingTimer = {
      dueMs: this.#elapsedMs + delayMs,
      order: this.#order++,
      callback,
      unref: () => undefined,
    };
    this.#timers.add(timer);
    return timer;
  }

  clear(timer: Timer | undefined): void {
    this.#timers.delete(timer as PendingTimer);
  }

  immediate(callback: () => void): void {
    setImmediate(callback);
  }

  /** Moves time on and runs what becomes due, in order, also what is scheduled on the way. */
  advance(durationMs: number): void {
    const endMs = this.#elapsedMs + durationMs;
    for (;;) {
      const next = this.#nextDue(endMs);
      if (next === undefined) break;
      this.#timers.delete(next);
      this.#elapsedMs = Math.max(this.#elapsedMs, next.dueMs);
      next.callback();
    }
    this.#elapsedMs = endMs;
  }

  #nextDue(endMs: number): PendingTimer | undefined {
    let next: PendingTimer | undefined;
    for (const timer of this.#timers) {
      if (timer.dueMs > endMs) continue;
      if (next === undefined || timer.dueMs < next.dueMs) next = timer;
      else if (timer.dueMs === next.dueMs && timer.order < next.order) next = timer;
    }
    return next;
  }
}
