/** A value that may still be on its way: what needs no waiting costs no promise. */
export type Maybe<T> = T | Promise<T>;

export function isPromise<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as { then?: unknown }).then === 'function'
  );
}

/** `next` of the value, now or when it is there. */
export function whenDone<A, B>(value: Maybe<A>, next: (value: A) => Maybe<B>): Maybe<B> {
  return isPromise(value) ? (value.then(next) as Promise<B>) : next(value as A);
}
