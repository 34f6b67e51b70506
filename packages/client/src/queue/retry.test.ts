import { expect, test } from 'vitest';
import type { RetryOptions } from './queue.ts';
import { retryPolicy } from './retry.ts';

function waits(options: Partial<RetryOptions>, attempts: number): number[] {
  const policy = retryPolicy({ max: 9, jitter: 0, ...options }, 'queue "q"', () => 0);
  return Array.from({ length: attempts }, (_, index) => policy.delayMs(index + 1, undefined));
}

const MINUTE = 60_000;

test('what somebody has written is waited, however long it is', () => {
  expect(waits({ backoff: 'fixed', base: '10m' }, 2)).toEqual([10 * MINUTE, 10 * MINUTE]);
  expect(waits({ backoff: () => '1h' }, 2)).toEqual([60 * MINUTE, 60 * MINUTE]);
  expect(waits({ backoff: 'exponential', base: '10m' }, 2)).toEqual([10 * MINUTE, 10 * MINUTE]);
});

test('what doubles ends at 5 minutes, and everything at a cap that was given', () => {
  expect(waits({ base: '2m' }, 3)).toEqual([2 * MINUTE, 4 * MINUTE, 5 * MINUTE]);
  expect(waits({ base: '2m', cap: '1h' }, 3)).toEqual([2 * MINUTE, 4 * MINUTE, 8 * MINUTE]);
  expect(waits({ backoff: () => '1h', cap: '30m' }, 1)).toEqual([30 * MINUTE]);
});

test('a cap below the base is refused', () => {
  expect(() => waits({ backoff: 'fixed', base: '10m', cap: '5m' }, 1)).toThrow(
    expect.objectContaining({ code: 'invalid-argument' }),
  );
  expect(waits({ cap: '500ms' }, 1)).toEqual([500]);
});
