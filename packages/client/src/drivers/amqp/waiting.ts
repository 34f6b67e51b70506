import type { Clock } from '../../lib/clock.ts';

/** Ends by a message, by time or by the signal, whichever comes first. */
export class Waiting {
  readonly over: Promise<void>;
  readonly end: () => void;

  constructor(clock: Clock, waitMs: number, signal: AbortSignal | undefined) {
    let end!: () => void;
    this.over = new Promise((resolve) => {
      const timer = clock.after(waitMs, () => end());
      end = () => {
        timer.cancel();
        signal?.removeEventListener('abort', end);
        resolve();
      };
      if (signal?.aborted === true) end();
      else signal?.addEventListener('abort', end, { once: true });
    });
    this.end = end;
  }
}
