import type { Clock } from '../../lib/environment/clock.ts';
import { NO_TIMER, type TimerWheel } from '../../lib/timer-wheel.ts';

/** Finds out that a queue was not used for so long. */
export class UnusedTimer {
  readonly #clock: Clock;
  readonly #timers: TimerWheel;
  readonly #key: number;
  readonly #expiresMs: number;
  #timer: number = NO_TIMER;
  #usedMs = 0;

  constructor(clock: Clock, timers: TimerWheel, key: number, expiresMs: number) {
    this.#clock = clock;
    this.#timers = timers;
    this.#key = key;
    this.#expiresMs = expiresMs;
    this.touch();
  }

  /** It was used now. */
  touch(): void {
    this.#usedMs = this.#clock.monotonicMs();
    if (this.#timer === NO_TIMER) this.#timer = this.#timers.add(this.#expiresMs, this.#key);
  }

  /** The timer has fired. Whether the time is over; if not, it fires again. */
  due(): boolean {
    this.#timer = NO_TIMER;
    const restMs = this.#usedMs + this.#expiresMs - this.#clock.monotonicMs();
    if (restMs <= 0) return true;
    this.#timer = this.#timers.add(restMs, this.#key);
    return false;
  }

  stop(): void {
    this.#timers.cancel(this.#timer);
    this.#timer = NO_TIMER;
  }
}
