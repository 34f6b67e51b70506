import type { Clock } from '../../lib/environment/clock.ts';
import { NO_TIMER, type TimerWheel } from '../../lib/timer-wheel.ts';
import type { QueueMessages } from './queue-messages.ts';

/** Wakes a queue when the first message of one of its priorities expires. */
export class HeadTimer {
  readonly #clock: Clock;
  readonly #timers: TimerWheel;
  readonly #key: number;
  #timer: number = NO_TIMER;
  #dueMs: number = Number.POSITIVE_INFINITY;

  constructor(clock: Clock, timers: TimerWheel, key: number) {
    this.#clock = clock;
    this.#timers = timers;
    this.#key = key;
  }

  /** The first messages are others now. */
  set(messages: QueueMessages): void {
    const dueMs = messages.firstExpiryMs();
    // A timer that is too early costs less than one that is moved with every message.
    if (dueMs >= this.#dueMs) return;
    this.#timers.cancel(this.#timer);
    this.#dueMs = dueMs;
    this.#timer = this.#timers.add(dueMs - this.#clock.nowMs(), this.#key);
  }

  fired(): void {
    this.#timer = NO_TIMER;
    this.#dueMs = Number.POSITIVE_INFINITY;
  }

  stop(): void {
    this.#timers.cancel(this.#timer);
    this.fired();
  }
}
