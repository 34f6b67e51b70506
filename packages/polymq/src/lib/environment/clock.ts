/** Reads time. The wall clock may jump; the monotonic clock never goes back. */
export interface Clock {
  /** Milliseconds since the Unix epoch, by the wall clock. For timestamps that people see. */
  nowMs(): number;
  /** Milliseconds (with fraction) since an arbitrary start. For durations and deadlines. */
  monotonicMs(): number;
}

/** A handle that `Timers.clear` accepts. */
export interface Timer {
  /** Lets the process exit although this timer is pending. */
  unref(): void;
}

/** Runs callbacks later. A callback never runs before the call that scheduled it has returned. */
export interface Timers {
  /** Runs `callback` once after at least `delayMs`. */
  after(delayMs: number, callback: () => void): Timer;
  clear(timer: Timer | undefined): void;
  /** Runs `callback` after the I/O events of this turn of the event loop were handled. */
  immediate(callback: () => void): void;
}
