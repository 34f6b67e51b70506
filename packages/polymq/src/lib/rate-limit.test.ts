import { expect, it } from 'vitest';
import { RateLimit } from './rate-limit.ts';

it('allows so many a second, counts the rest, and starts anew with the next second', () => {
  let ms = 0;
  const limit = new RateLimit(2, { nowMs: () => ms, monotonicMs: () => ms });
  expect([limit.allow(), limit.allow(), limit.allow(), limit.allow()]).toEqual([
    true,
    true,
    false,
    false,
  ]);
  expect(limit.takeSuppressed()).toBe(2);
  expect(limit.takeSuppressed()).toBe(0);
  ms = 1000;
  expect(limit.allow()).toBe(true);
});
