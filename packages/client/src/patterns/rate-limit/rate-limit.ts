/**
 * A producer that does not overrun others: an interceptor that lets so many messages per second through.
 *
 *   const orders = mq.queue('orders', { interceptors: [rateLimit({ perSecond: 100 })] })
 *
 * A bucket holds up to `burst` tokens and gets `perSecond` new ones; a message takes one. Who finds too few waits in line, first come first
 * served: a large batch is not overtaken by small ones, and one that is larger than the bucket goes when the bucket is full and leaves it in
 * debt. One interceptor given to several queues is one limit for all of them.
 *
 * Invariant: in any period of t seconds no more than `burst + perSecond · t` messages go, but for the rest of a batch larger than that.
 */
import { PolymqError } from '../../errors.ts';
import { type Clock, type ClockTimer, systemClock } from '../../lib/clock.ts';
import type { Interceptor } from '../../message/interceptor.ts';

const WAITING_MAX = 10_000;

export interface RateLimitOptions {
  /** Messages per second in the long run; may be a fraction. */
  perSecond: number;
  /** How many may go at once after a quiet time. Missing: those of one second, at least 1. */
  burst?: number;
  /** Messages that may wait in line; what comes then is refused with `queue-full`. Missing: 10,000. */
  waitingMax?: number;
  /** Give `mq.clock` where tests move the time. Missing: the time of this machine. */
  clock?: Clock;
}

/** The interceptor, with a look at its line. */
export interface RateLimit extends Interceptor {
  /** Messages that wait now. */
  readonly waiting: number;
}

/** Throws `invalid-argument` for numbers that limit nothing or everything. */
export function rateLimit(options: RateLimitOptions): RateLimit {
  const bucket = new TokenBucket(options);
  return {
    name: 'rate-limit',
    get waiting() {
      return bucket.waiting;
    },
    async send(messages, place, next) {
      const turn = bucket.take(messages.length, place.name);
      if (turn !== undefined) await turn;
      return next();
    },
  };
}

interface Waiter {
  readonly count: number;
  readonly go: () => void;
}

class TokenBucket {
  readonly #clock: Clock;
  readonly #perMs: number;
  readonly #burst: number;
  readonly #waitingMax: number;
  readonly #line: Waiter[] = [];
  #tokens: number;
  #filledMs: number;
  #waiting = 0;
  #timer: ClockTimer | undefined;

  constructor(options: RateLimitOptions) {
    const { perSecond, burst = Math.max(1, perSecond), waitingMax = WAITING_MAX } = options;
    check('perSecond', perSecond, Number.MIN_VALUE);
    check('burst', burst, 1);
    check('waitingMax', waitingMax, 0);
    this.#clock = options.clock ?? systemClock;
    this.#perMs = perSecond / 1000;
    this.#burst = burst;
    this.#waitingMax = waitingMax;
    this.#tokens = burst;
    this.#filledMs = this.#clock.nowMs();
  }

  get waiting(): number {
    return this.#waiting;
  }

  /** Undefined: at once. Throws `queue-full`. */
  take(count: number, place: string): Promise<void> | undefined {
    this.#fill();
    if (this.#line.length === 0 && this.#isEnoughFor(count)) {
      this.#tokens -= count;
      return undefined;
    }
    if (this.#waiting + count > this.#waitingMax) {
      throw new PolymqError(
        'queue-full',
        `${this.#waiting} messages wait for the rate limit of ${this.#perMs * 1000}/s, and ${count} more for "${place}" would be too many; send slower, or raise waitingMax`,
      );
    }
    this.#waiting += count;
    return new Promise((resolve) => {
      this.#line.push({ count, go: resolve });
      this.#wait();
    });
  }

  #isEnoughFor(count: number): boolean {
    return this.#tokens >= Math.min(count, this.#burst);
  }

  #fill(): void {
    const nowMs = this.#clock.nowMs();
    // A clock that was set back gives nothing, and takes nothing.
    const gained = Math.max(0, nowMs - this.#filledMs) * this.#perMs;
    this.#tokens = Math.min(this.#burst, this.#tokens + gained);
    this.#filledMs = nowMs;
  }

  /** One timer, for the first in line. */
  #wait(): void {
    const first = this.#line[0];
    if (first === undefined || this.#timer !== undefined) return;
    const missing = Math.min(first.count, this.#burst) - this.#tokens;
    const delayMs = Math.max(1, Math.ceil(missing / this.#perMs));
    this.#timer = this.#clock.after(delayMs, () => {
      this.#timer = undefined;
      this.#letGo();
    });
  }

  #letGo(): void {
    this.#fill();
    while (this.#line.length > 0 && this.#isEnoughFor(this.#line[0]!.count)) {
      const { count, go } = this.#line.shift()!;
      this.#tokens -= count;
      this.#waiting -= count;
      go();
    }
    this.#wait();
  }
}

function check(name: string, value: number, min: number): void {
  if (Number.isFinite(value) && value >= min) return;
  throw new PolymqError(
    'invalid-argument',
    `${name} of a rate limit is ${value}; give a number, ${min < 1 ? 'more than 0' : `${min} or more`}`,
  );
}
