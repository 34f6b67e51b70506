import type { Clock } from './clock.ts';

/** The promise's outcome, or the error if it takes longer than `timeoutMs`; what it does afterwards is not looked at. */
export function within<T>(
  promise: Promise<T>,
  timeoutMs: number,
  clock: Clock,
  tooLate: () => Error,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = clock.after(timeoutMs, () => reject(tooLate()));
    promise.then(
      (value) => {
        timer.cancel();
        resolve(value);
      },
      (error: unknown) => {
        timer.cancel();
        reject(error);
      },
    );
  });
}
