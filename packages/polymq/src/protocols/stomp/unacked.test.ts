import { describe, expect, test } from 'vitest';
import { Unacked } from './unacked.ts';

describe('deliveries that await an answer', () => {
  test('are numbered from where an earlier subscription has stopped', () => {
    const unacked = new Unacked(7);
    expect([unacked.add(10), unacked.add(11)]).toEqual([7, 8]);
    expect(unacked.has(6)).toBe(false);
    expect(unacked.has(7)).toBe(true);
    expect(unacked.has(9)).toBe(false);
  });

  test('are answered once', () => {
    const unacked = new Unacked(1);
    unacked.add(10);
    expect(unacked.take(1)).toBe(10);
    expect(unacked.take(1)).toBe(-1);
    expect(unacked.count).toBe(0);
  });

  test('are taken up to a number in order, without those that were answered', () => {
    const unacked = new Unacked(1);
    for (let row = 10; row < 15; row++) unacked.add(row);
    unacked.take(2);
    expect(unacked.takeUpTo(4)).toEqual([10, 12, 13]);
    expect(unacked.count).toBe(1);
    expect(unacked.takeUpTo(1_000)).toEqual([14]);
    expect(unacked.takeUpTo(1_000)).toEqual([]);
  });

  test('keep their rows while one of them stays open for long', () => {
    const unacked = new Unacked(1);
    unacked.add(0);
    for (let row = 1; row < 1_000; row++) {
      const number = unacked.add(row);
      expect(unacked.take(number)).toBe(row);
    }
    expect(unacked.take(1)).toBe(0);
    expect(unacked.oldest).toBe(unacked.next);
  });
});
