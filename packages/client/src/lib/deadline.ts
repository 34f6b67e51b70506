import type { Clock, ClockTimer } from './clock.ts';
import { type Deferred, deferred } from './deferred.ts';

/** A time after which nothing is waited for any more. */
export class Deadline {
  readonly #over: Deferred<void> = deferred();
  readonly #timer: ClockTimer;

  constructor(clock: Clock, delayMs: number) {
    this.#timer = clock.after(delayMs, this.#over.resolve);
  }

  /** Resolves with the promise, or when the time is over, whichever comes first. */
  race(work: Promise<void>): Promise<void> {
    return Promise.race([work, this.#over.promise]);
  }

  /** Nobody waits for it any more. */
  cancel(): void {
    this.#timer.cancel();
  }
}
