import { expect, test } from 'vitest';
import { intervalMs } from './interval.ts';

test.each([
  ['2Y', 2 * 365 * 86_400_000],
  ['1M', 30 * 86_400_000],
  ['7D', 7 * 86_400_000],
  ['12h', 12 * 3_600_000],
  ['90m', 90 * 60_000],
  ['5s', 5_000],
  ['0s', 0],
  ['5', undefined],
  ['5 s', undefined],
  ['5S', undefined],
  ['-5s', undefined],
  ['1234567890s', undefined],
  ['', undefined],
])('%s is %s ms', (text, ms) => {
  expect(intervalMs(text)).toBe(ms);
});
