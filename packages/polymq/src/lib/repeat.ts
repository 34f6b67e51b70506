import type { Timer, Timers } from './environment/clock.ts';

/**
 * Calls `callback` again and again, each time `everyMs` after the last call has returned; it keeps no process alive. Returns a
 * function that stops it.
 */
export function repeat(timers: Timers, everyMs: number, callback: () => void): () => void {
  let stopped = false;
  let timer: Timer | undefined;
  const schedule = (): void => {
    timer = timers.after(everyMs, () => {
      callback();
      if (!stopped) schedule();
    });
    timer.unref();
  };
  schedule();
  return () => {
    stopped = true;
    timers.clear(timer);
  };
}
