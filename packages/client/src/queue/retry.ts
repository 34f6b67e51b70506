/** How long a message waits after each failed attempt, and after how many it is given up. */
import { PolymqError } from '../errors.ts';
import { type Duration, durationMs } from '../lib/duration.ts';
import { checkOptions } from '../lib/known-options.ts';
import { RETRY_OPTIONS } from './option-names.ts';
import type { RetryOptions } from './queue.ts';

const BASE_MS = 1_000;
const CAP_MS = 300_000;
const JITTER = 0.2;
export const RETRY_MAX = 3;

export interface RetryPolicy {
  /** Attempts after the first. */
  readonly max: number;
  /** `attempt`: how many have failed, from 1. */
  delayMs(attempt: number, error: unknown): number;
}

type Wait = Duration | undefined;

const NO_RETRY: RetryPolicy = { max: 0, delayMs: () => 0 };

/** Throws `invalid-argument` naming `place`. */
export function retryPolicy(
  options: RetryOptions | false | undefined,
  place: string,
  random: () => number,
): RetryPolicy {
  if (options === false) return NO_RETRY;
  checkOptions(options, RETRY_OPTIONS, `retry of ${place}`);
  const { max, backoff = 'exponential', base, cap, jitter } = options ?? { max: RETRY_MAX };
  if (!(Number.isSafeInteger(max) && max >= 0)) {
    throw invalid(place, 'max', max, 'give a whole number, 0 or more');
  }
  const share = jitter ?? (backoff === 'exponential' ? JITTER : 0);
  if (!(share >= 0 && share <= 1)) throw invalid(place, 'jitter', jitter, 'give a share, 0 to 1');
  const { baseMs, capMs } = boundsOf({ backoff, base, cap }, place);
  const plainMs = (attempt: number, error: unknown): number => {
    if (backoff === 'fixed') return baseMs;
    if (backoff === 'exponential') return baseMs * 2 ** Math.min(attempt - 1, 52);
    return durationMs(backoff(attempt, error), `what retry.backoff of ${place} returned`);
  };
  return {
    max,
    delayMs: (attempt, error) => spread(Math.min(plainMs(attempt, error), capMs), share, random),
  };
}

/** What somebody has written is not made shorter; only what doubles needs an end. */
function boundsOf(
  { backoff, base, cap }: Pick<RetryOptions, 'backoff'> & { base: Wait; cap: Wait },
  place: string,
): { baseMs: number; capMs: number } {
  const baseMs = base === undefined ? BASE_MS : durationMs(base, `retry.base of ${place}`);
  if (cap === undefined) {
    const capMs = backoff === 'exponential' ? Math.max(CAP_MS, baseMs) : Number.POSITIVE_INFINITY;
    return { baseMs, capMs };
  }
  const capMs = durationMs(cap, `retry.cap of ${place}`);
  if (base === undefined || baseMs <= capMs) return { baseMs, capMs };
  throw new PolymqError(
    'invalid-argument',
    `retry of ${place} has a cap of ${capMs} ms below its base of ${baseMs} ms; raise the cap or lower the base`,
  );
}

/** Shorter by up to the share, so that what failed together does not come back together, and never later than promised. */
function spread(delayMs: number, share: number, random: () => number): number {
  return share === 0 ? delayMs : Math.round(delayMs * (1 - share * random()));
}

function invalid(place: string, option: string, value: unknown, advice: string): PolymqError {
  const text = `retry.${option} of ${place} is ${JSON.stringify(value)}; ${advice}`;
  return new PolymqError('invalid-argument', text);
}
