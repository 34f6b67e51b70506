import { describe, expect, it } from 'vitest';
import { Latencies, median } from './statistics.ts';

describe('statistics', () => {
  it('takes the middle value, or the mean of the two in the middle', () => {
    expect(median([9, 1, 5])).toBe(5);
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(median([])).toBeNaN();
  });

  it('gives exact percentiles of all samples', () => {
    const latencies = new Latencies();
    for (let i = 100_000; i >= 1; i -= 1) latencies.add(i);
    expect(latencies.summary()).toEqual({
      count: 100_000,
      p50Ms: 50_000,
      p99Ms: 99_000,
      p999Ms: 99_900,
      maxMs: 100_000,
    });
  });

  it('starts anew when cleared', () => {
    const latencies = new Latencies();
    latencies.add(1000);
    latencies.clear();
    latencies.add(1);
    expect(latencies.summary()).toMatchObject({ count: 1, maxMs: 1 });
  });
});
