/**
 * Where the SDK gets time from. Everything that waits, expires or backs off asks the clock of its driver, so that
 * a test can let hours pass without sleeping (`embed({ clock: 'manual' })`).
 */
export interface Clock {
  /** Ms since the Unix epoch. */
  nowMs(): number;
  /** Runs `callback` once after at least `delayMs`, never before this call has returned. */
  after(delayMs: number, callback: () => void): ClockTimer;
}

export interface ClockTimer {
  cancel(): void;
}

/** Longest delay that one timer of Node can wait. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/** The time of this machine. */
export const systemClock: Clock = machineClock(true);

/** The same for those who only watch: their timers keep no process alive. */
export const backgroundClock: Clock = machineClock(false);

function machineClock(keepsAlive: boolean): Clock {
  return {
    nowMs: () => Date.now(),
    after(delayMs, callback) {
      const endMs = Date.now() + delayMs;
      let timer: NodeJS.Timeout;
      const wait = (leftMs: number): void => {
        const fire = (): void => {
          const stillMs = endMs - Date.now();
          if (stillMs > 0 && leftMs > TIMER_MS_MAX) wait(stillMs);
          else callback();
        };
        timer = setTimeout(fire, Math.min(leftMs, TIMER_MS_MAX));
        if (!keepsAlive) timer.unref();
      };
      wait(delayMs);
      return { cancel: () => clearTimeout(timer) };
    },
  };
}

/** Resolves after `delayMs`, or at once when the signal is aborted. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) return resolve();
    const done = (): void => {
      timer.cancel();
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = clock.after(delayMs, done);
    signal?.addEventListener('abort', done, { once: true });
  });
}
