import { expect, test } from 'vitest';
import { PrefetchGrowth } from './prefetch-growth.ts';

test('idle handlers that get much at a time get twice as much, up to a bound', () => {
  const growth = new PrefetchGrowth();
  expect(growth.grown(10)).toBe(10);
  expect(growth.idle(11, 11)).toBe(true);
  expect(growth.grown(10)).toBe(20);
  for (let credit = 21; growth.idle(credit, credit); credit = 1 + growth.grown(10));
  expect(growth.grown(10)).toBe(4_000);
});

test('a trickle is no reason to hold more', () => {
  const growth = new PrefetchGrowth();
  expect(growth.idle(2, 11)).toBe(false);
  expect(growth.grown(10)).toBe(10);
});

test('what waits for long is halved, never below the beginning', () => {
  const growth = new PrefetchGrowth();
  growth.idle(11, 11);
  growth.idle(21, 21);
  expect(growth.busy(5)).toBe(false);
  expect(growth.busy(50)).toBe(true);
  expect(growth.grown(10)).toBe(20);
  expect(growth.busy(50)).toBe(true);
  expect(growth.busy(50)).toBe(false);
  expect(growth.grown(10)).toBe(10);
});
