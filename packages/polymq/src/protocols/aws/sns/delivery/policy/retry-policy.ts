/**
 * How often and when a delivery is tried again. Four phases, as AWS has them:
 *
 *   numNoDelayRetries      at once
 *   numMinDelayRetries     every minDelayTarget seconds
 *   the rest               from minDelayTarget to maxDelayTarget, as the back-off function says
 *   numMaxDelayRetries     every maxDelayTarget seconds
 */
export const BACKOFF_FUNCTIONS = ['linear', 'arithmetic', 'geometric', 'exponential'] as const;

export type BackoffFunction = (typeof BACKOFF_FUNCTIONS)[number];

/** Delays are in seconds; the members are in the order in which AWS writes them. */
export interface RetryPolicy {
  minDelayTarget: number;
  maxDelayTarget: number;
  numRetries: number;
  numMaxDelayRetries: number;
  numNoDelayRetries: number;
  numMinDelayRetries: number;
  backoffFunction: BackoffFunction;
}

/** For http and https, where neither topic nor subscription says otherwise. */
export const DEFAULT_RETRIES: RetryPolicy = {
  minDelayTarget: 20,
  maxDelayTarget: 20,
  numRetries: 3,
  numMaxDelayRetries: 0,
  numNoDelayRetries: 0,
  numMinDelayRetries: 0,
  backoffFunction: 'linear',
};

/** AWS goes on for 23 days; here it ends after half an hour, so that dead letters show while somebody cares. */
export const FUNCTION_RETRIES: RetryPolicy = {
  minDelayTarget: 1,
  maxDelayTarget: 20,
  numRetries: 100,
  numMaxDelayRetries: 85,
  numNoDelayRetries: 3,
  numMinDelayRetries: 2,
  backoffFunction: 'exponential',
};

/** As AWS: 50 attempts over some seven hours, which a mail server may well be away. */
export const PERSON_RETRIES: RetryPolicy = {
  minDelayTarget: 10,
  maxDelayTarget: 600,
  numRetries: 50,
  numMaxDelayRetries: 38,
  numNoDelayRetries: 0,
  numMinDelayRetries: 2,
  backoffFunction: 'exponential',
};

/** How far the delay has come from the smallest (0) to the largest (1) at step `index` of `count`. */
const PROGRESS: Readonly<Record<BackoffFunction, (index: number, count: number) => number>> = {
  linear: (index, count) => index / (count - 1),
  arithmetic: (index, count) => (index * (index + 1)) / ((count - 1) * count),
  // Its delays, not their distances, grow by a factor: see `backoffSeconds`.
  geometric: (index, count) => index / (count - 1),
  exponential: (index, count) => (2 ** index - 1) / (2 ** (count - 1) - 1),
};

/** How long to wait before the retry with this number, from 0 on; undefined: no more retries. */
export function retryDelayMs(policy: RetryPolicy, retryIndex: number): number | undefined {
  const { numRetries, numNoDelayRetries, numMinDelayRetries, numMaxDelayRetries } = policy;
  const { minDelayTarget, maxDelayTarget } = policy;
  if (retryIndex >= numRetries) return undefined;
  if (retryIndex < numNoDelayRetries) return 0;
  const early = numNoDelayRetries + numMinDelayRetries;
  if (retryIndex < early) return minDelayTarget * 1000;
  const backoffCount = numRetries - early - numMaxDelayRetries;
  const index = retryIndex - early;
  if (index >= backoffCount) return maxDelayTarget * 1000;
  return Math.round(backoffSeconds(policy, index, backoffCount) * 1000);
}

function backoffSeconds(policy: RetryPolicy, index: number, count: number): number {
  const { minDelayTarget: min, maxDelayTarget: max, backoffFunction } = policy;
  const progress = count === 1 ? 0 : PROGRESS[backoffFunction](index, count);
  return backoffFunction === 'geometric'
    ? min * (max / min) ** progress
    : min + (max - min) * progress;
}
