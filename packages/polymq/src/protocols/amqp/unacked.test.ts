import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Queue } from '../../core/queue/queue.ts';
import { Unacked } from './unacked.ts';

const queue = { name: 'q' } as Queue;

interface Open {
  row: number;
  owner: string;
}

type Step =
  | { what: 'add'; count: number }
  | { what: 'skip'; count: number }
  | { what: 'take' | 'restore'; pick: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ what: fc.constant('add' as const), count: fc.integer({ min: 1, max: 20 }) }),
  fc.record({ what: fc.constant('skip' as const), count: fc.integer({ min: 1, max: 20 }) }),
  fc.record({ what: fc.constant('take' as const), pick: fc.nat() }),
  fc.record({ what: fc.constant('take' as const), pick: fc.constant(0) }),
  fc.record({ what: fc.constant('restore' as const), pick: fc.nat() }),
);

/** The same with a map, which cannot be wrong about where a tag lies. */
class Model {
  readonly open = new Map<number, Open>();
  readonly taken: (Open & { tag: number })[] = [];
  next = 1;
}

function run(unacked: Unacked<string>, model: Model, { what, ...rest }: Step): void {
  if (what === 'add' || what === 'skip') {
    for (let i = 0; i < (rest as { count: number }).count; i++) addOne(unacked, model, what);
    return;
  }
  const { pick } = rest as { pick: number };
  if (what === 'take') takeOne(unacked, model, pick);
  else restoreOne(unacked, model, pick);
}

function addOne(unacked: Unacked<string>, model: Model, what: 'add' | 'skip'): void {
  const tag = model.next++;
  if (what === 'skip') {
    expect(unacked.skip()).toBe(tag);
    return;
  }
  const open = { row: tag * 7, owner: `c${tag % 3}` };
  expect(unacked.add(queue, open.row, open.owner, tag)).toBe(tag);
  model.open.set(tag, open);
}

function takeOne(unacked: Unacked<string>, model: Model, pick: number): void {
  // Any tag, open or not, also ones that were never given out.
  const tags = [...model.open.keys()];
  const tag = pick % 3 === 0 ? (tags[pick % tags.length] ?? 1) : pick % (model.next + 2);
  const expected = model.open.get(tag);
  expect(unacked.take(tag)).toBe(expected?.row ?? -1);
  if (expected === undefined) return;
  expect([unacked.queue, unacked.owner]).toEqual([queue, expected.owner]);
  model.open.delete(tag);
  model.taken.push({ tag, ...expected });
}

function restoreOne(unacked: Unacked<string>, model: Model, pick: number): void {
  const [back] = model.taken.splice(pick % Math.max(model.taken.length, 1), 1);
  if (back === undefined) return;
  unacked.restore(back.tag, queue, back.row, back.owner);
  model.open.set(back.tag, { row: back.row, owner: back.owner });
}

function compare(unacked: Unacked<string>, model: Model): void {
  expect(unacked.count).toBe(model.open.size);
  expect(unacked.next).toBe(model.next);
  for (let tag = 0; tag <= model.next + 1; tag++) {
    if (unacked.has(tag) !== model.open.has(tag)) throw new Error(`tag ${tag} is wrong`);
  }
  const oldest = [...model.open.keys()].reduce((a, b) => Math.min(a, b), model.next);
  if (model.open.size > 0) expect(unacked.oldestTime()?.tag).toBe(oldest);
  else expect(unacked.oldestTime()).toBeUndefined();
}

describe('deliveries without an answer', () => {
  test('are what a map of them would hold, whatever the order of answers', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const unacked = new Unacked<string>();
        const model = new Model();
        for (const each of steps) {
          run(unacked, model, each);
          compare(unacked, model);
        }
      }),
      { numRuns: 500 },
    );
  });

  test('may be many while the first stays open', () => {
    const unacked = new Unacked<string>();
    for (let tag = 1; tag <= 5000; tag++) unacked.add(queue, tag, 'c', tag);
    for (let tag = 2; tag <= 5000; tag++) expect(unacked.take(tag)).toBe(tag);
    expect([unacked.count, unacked.oldest]).toEqual([1, 1]);
    expect(unacked.take(1)).toBe(1);
    expect([unacked.count, unacked.oldest]).toEqual([0, 5001]);
  });

  test('say when the oldest of them was made', () => {
    const unacked = new Unacked<string>();
    unacked.add(queue, 1, 'c', 100);
    unacked.add(queue, 2, 'c', 200);
    expect(unacked.oldestTime()).toEqual({ tag: 1, timeMs: 100, queue });
    unacked.take(1);
    expect(unacked.oldestTime()).toEqual({ tag: 2, timeMs: 200, queue });
  });
});
