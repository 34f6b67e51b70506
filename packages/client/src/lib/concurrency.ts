import { PolymqError } from '../errors.ts';

/** How many handlers at the same time; throws `invalid-argument`. */
export function checkedConcurrency(concurrency: number | undefined, place: string): number {
  return checkedCount(concurrency ?? 1, 1, `concurrency of a consumer of ${place}`);
}

/** How many messages are held beyond those; if nobody has said it, so few that others get their share. */
export function checkedPrefetch(
  prefetch: number | undefined,
  concurrency: number,
  place: string,
): number {
  if (prefetch === undefined) return concurrency;
  return checkedCount(prefetch, 0, `prefetch of a consumer of ${place}`);
}

function checkedCount(count: number, min: number, what: string): number {
  if (Number.isSafeInteger(count) && count >= min) return count;
  throw new PolymqError(
    'invalid-argument',
    `${what} is ${count}; give a whole number, ${min} or more`,
  );
}
