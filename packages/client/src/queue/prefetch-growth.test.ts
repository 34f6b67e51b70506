import { expect, test } from 'vitest';
import { PrefetchGrowth } from './prefetch-growth.ts';

/** Idle handlers that get all that they may hold, each time soon after the last. */
function quick(growth: PrefetchGrowth, times: number): void {
  growth.idle(1, 1 + growth.grown(1), 0);
  for (let time = 0; time < times; time += 1) {
    const credit = 1 + growth.grown(1);
    growth.idle(credit, credit, time);
  }
}

test('quick handlers that get much at a time get twice as much, up to a bound', () => {
  const growth = new PrefetchGrowth(true);
  expect(growth.grown(10)).toBe(10);
  expect(growth.idle(11, 11, 0)).toBe(false);
  expect(growth.idle(11, 11, 1)).toBe(true);
  expect(growth.grown(10)).toBe(20);
  quick(growth, 100);
  expect(growth.grown(10)).toBe(4_000);
});

test('where it costs more, the bound is what few handlers need', () => {
  const growth = new PrefetchGrowth(false);
  quick(growth, 100);
  expect([growth.grown(1), growth.grown(100)]).toEqual([10, 100]);
});

test('a trickle is no reason to hold more, and neither are handlers that take their time', () => {
  const growth = new PrefetchGrowth(true);
  for (let time = 0; time < 10; time += 1) {
    expect(growth.idle(2, 11, time)).toBe(false);
    expect(growth.idle(11, 11, 1_000 + time * 51)).toBe(false);
  }
  expect(growth.grown(10)).toBe(10);
});

test('what waits for long is halved, never below the beginning', () => {
  const growth = new PrefetchGrowth(true);
  growth.idle(11, 11, 0);
  growth.idle(11, 11, 0);
  growth.idle(21, 21, 0);
  expect(growth.busy(5, 0)).toBe(false);
  expect(growth.busy(50, 0)).toBe(true);
  expect(growth.grown(10)).toBe(20);
  expect(growth.busy(50, 0)).toBe(true);
  expect(growth.busy(50, 0)).toBe(false);
  expect(growth.grown(10)).toBe(10);
});
