import { describe, expect, test } from 'vitest';
import { Confirms } from './confirms.ts';

/** Publishes messages in one burst whose records end at `position`. */
function burst(confirms: Confirms, count: number, position: number): void {
  confirms.published += count;
  confirms.note(position, undefined, () => undefined);
}

/** What `take` returns until it is 0, each with how many messages that answers. */
function takeAll(confirms: Confirms, committed: number): [last: number, count: number][] {
  const taken: [number, number][] = [];
  for (let last = confirms.take(committed); last > 0; last = confirms.take(committed)) {
    taken.push([last, confirms.confirm(last)]);
  }
  return taken;
}

/** The message published last is refused, as a channel does it. */
function refuse(confirms: Confirms, position: number): void {
  confirms.note(position, undefined, () => undefined);
  confirms.published += 1;
  confirms.skip();
}

describe('confirms', () => {
  test('one answer covers all bursts that are committed', () => {
    const confirms = new Confirms();
    burst(confirms, 3, 10);
    burst(confirms, 2, 20);
    burst(confirms, 1, 30);
    expect(takeAll(confirms, 5)).toEqual([]);
    expect(takeAll(confirms, 20)).toEqual([[5, 5]]);
    expect(confirms.pending).toBe(1);
    expect(takeAll(confirms, 30)).toEqual([[6, 1]]);
    expect(confirms.pending).toBe(0);
  });

  test('a refused message is covered by no later answer', () => {
    const confirms = new Confirms();
    burst(confirms, 2, 10);
    refuse(confirms, 10);
    burst(confirms, 2, 20);
    expect(takeAll(confirms, 20)).toEqual([
      [2, 2],
      [5, 2],
    ]);
    expect(confirms.pending).toBe(0);
  });

  test('a refused message with nothing before it leaves nothing to answer', () => {
    const confirms = new Confirms();
    refuse(confirms, 0);
    refuse(confirms, 0);
    expect(confirms.pending).toBe(0);
    expect(takeAll(confirms, 100)).toEqual([]);
    burst(confirms, 1, 10);
    expect(takeAll(confirms, 10)).toEqual([[3, 1]]);
  });

  test('refused messages after one that waits are no longer owed once that is committed', () => {
    const confirms = new Confirms();
    burst(confirms, 1, 10);
    refuse(confirms, 10);
    refuse(confirms, 10);
    expect(confirms.pending).toBe(3);
    expect(takeAll(confirms, 10)).toEqual([[1, 1]]);
    expect(confirms.pending).toBe(0);
  });
});
