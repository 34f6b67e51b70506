/** A value that may still be on its way: what needs no waiting costs no promise. */
export type Maybe<T> = T | Promise<T>;

export function isPromise<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as { then?: unknown }).then === 'function'
  );
}

/**
 * Takes a subject through a step: then `done`, at once if the step needs no waiting, or `failed` with what it threw or rejected with. The
 * functions get the subject, so that none has to be made for each.
 */
export function through<S>(
  subject: S,
  step: (subject: S) => unknown,
  done: (subject: S) => void,
  failed: (subject: S, error: unknown) => void,
): void {
  let result: unknown;
  try {
    result = step(subject);
  } catch (error) {
    failed(subject, error);
    return;
  }
  if (isPromise(result)) {
    result.then(
      () => done(subject),
      (error: unknown) => failed(subject, error),
    );
  } else done(subject);
}

/** `next` of the value, now or when it is there. */
export function whenDone<A, B>(value: Maybe<A>, next: (value: A) => Maybe<B>): Maybe<B> {
  return isPromise(value) ? (value.then(next) as Promise<B>) : next(value as A);
}
