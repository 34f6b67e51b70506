import { describe, expect, it } from 'vitest';
import { CounterRegistry, SERIES_MAX } from './counters.ts';

describe('CounterRegistry', () => {
  it('gives the same counter for the same name and labels, whatever their order', () => {
    const counters = new CounterRegistry();
    const first = counters.counter('polymq_requests_total', { protocol: 'a', api: 'b' });
    first.value += 2;
    const again = counters.counter('polymq_requests_total', { api: 'b', protocol: 'a' });
    again.value += 1;
    expect(first.value).toBe(3);
    expect(counters.counter('polymq_requests_total', { api: 'c', protocol: 'a' }).value).toBe(0);
  });

  it('puts an observation into the first bucket whose bound is not below it', () => {
    const histogram = new CounterRegistry().histogram('polymq_x_seconds', [1, 2, 5]);
    for (const value of [0.5, 1, 1.5, 5, 6]) histogram.observe(value);
    expect(Array.from(histogram.counts)).toEqual([2, 1, 1, 1]);
    expect(histogram.sum).toBe(14);
  });

  it('refuses one name for two kinds of metric', () => {
    const counters = new CounterRegistry();
    counters.counter('polymq_x');
    expect(() => counters.gauge('polymq_x')).toThrow('polymq_x is a counter');
  });

  it('shares one series once a name has too many label sets', () => {
    const counters = new CounterRegistry();
    for (let index = 0; index < SERIES_MAX + 10; index += 1) {
      counters.counter('polymq_x_total', { name: `n${index}` }).value += 1;
    }
    const [family] = counters.families();
    expect(family?.series.length).toBe(SERIES_MAX + 1);
    expect(counters.counter('polymq_x_total', { name: 'unseen' }).value).toBe(10);
    expect(counters.counter('polymq_x_total', { name: 'n5' }).value).toBe(1);
  });
});
