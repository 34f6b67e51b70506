import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { delayLevelMs, LEVEL_MS_MAX } from './delays.ts';

describe('levels of delays', () => {
  it('are never shorter than the delay, and at most a sixteenth longer', () => {
    fc.assert(
      fc.property(fc.double({ min: 0.001, max: LEVEL_MS_MAX, noNaN: true }), (delayMs) => {
        const levelMs = delayLevelMs(delayMs);
        expect(levelMs).toBeGreaterThanOrEqual(delayMs);
        expect(levelMs).toBeLessThanOrEqual(Math.ceil(delayMs) * (1 + 1 / 16));
        expect(Number.isInteger(levelMs)).toBe(true);
      }),
    );
  });

  it('are few', () => {
    const levels = new Set<number>();
    for (let ms = 1; ms <= 100_000; ms += 1) levels.add(delayLevelMs(ms));
    expect(levels.size).toBeLessThan(16 * 18);
  });

  it('end where AMQP ends', () => {
    expect(delayLevelMs(Number.MAX_SAFE_INTEGER)).toBe(LEVEL_MS_MAX);
  });
});
