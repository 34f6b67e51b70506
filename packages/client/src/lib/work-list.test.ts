import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Deque } from './deque.ts';
import { KeyedWork, PlainWork } from './work-list.ts';

const work = (key: string | undefined, n: number) => ({ key, n });

test('plain work comes in the order of arrival', () => {
  const list = new PlainWork<ReturnType<typeof work>>();
  for (let n = 0; n < 100; n += 1) list.push(work('a', n));
  expect(Array.from({ length: 100 }, () => list.next()!.n)).toEqual(
    Array.from({ length: 100 }, (_, n) => n),
  );
  expect(list.next()).toBeUndefined();
});

test('of one key the next comes when the one before is done', () => {
  const list = new KeyedWork<ReturnType<typeof work>>();
  const [a1, a2, b1, none] = [work('a', 1), work('a', 2), work('b', 3), work(undefined, 4)];
  for (const each of [a1, a2, b1, none]) list.push(each);
  expect([list.next(), list.next(), list.next(), list.next()]).toEqual([a1, b1, none, undefined]);
  list.done(b1);
  expect(list.next()).toBeUndefined();
  list.done(a1);
  expect(list.next()).toBe(a2);
});

test('what is done once more comes before its followers', () => {
  const list = new KeyedWork<ReturnType<typeof work>>();
  const [a1, a2] = [work('a', 1), work('a', 2)];
  for (const each of [a1, a2]) list.push(each);
  list.next();
  list.again(a1);
  expect(list.next()).toBe(a1);
  list.done(a1);
  expect(list.next()).toBe(a2);
});

test('pruned work frees its key', () => {
  const list = new KeyedWork<ReturnType<typeof work>>();
  const all = [work('a', 1), work('a', 2), work('a', 3), work('b', 4)];
  for (const each of all) list.push(each);
  list.prune(({ n }) => n === 1 || n === 2);
  expect(new Set([list.next()!.n, list.next()!.n])).toEqual(new Set([3, 4]));
});

test('whatever is pushed, taken and done: one of a key at a time, in order, and nothing is lost', () => {
  const step = fc.oneof(
    fc.record({ push: fc.constantFrom('a', 'b', 'c') }),
    fc.constant('next'),
    fc.constant('done'),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const list = new KeyedWork<ReturnType<typeof work>>();
      const running: ReturnType<typeof work>[] = [];
      const last = new Map<string, number>();
      let pushed = 0;
      let taken = 0;
      const take = (): boolean => {
        const next = list.next();
        if (next === undefined) return false;
        expect(running.some(({ key }) => key === next.key)).toBe(false);
        expect(next.n).toBeGreaterThan(last.get(next.key!) ?? -1);
        last.set(next.key!, next.n);
        running.push(next);
        taken += 1;
        return true;
      };
      for (const each of steps) {
        if (each === 'next') take();
        else if (each === 'done') {
          const one = running.shift();
          if (one !== undefined) list.done(one);
        } else list.push(work(each.push, pushed++));
      }
      while (take() || running.length > 0) {
        const one = running.shift();
        if (one !== undefined) list.done(one);
      }
      expect(taken).toBe(pushed);
    }),
  );
});

test('a deque behaves as an array does', () => {
  const step = fc.oneof(fc.integer(), fc.constantFrom('shift', 'unshift', 'prune'));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const deque = new Deque<number>();
      let array: number[] = [];
      for (const each of steps) {
        if (each === 'shift') expect(deque.shift()).toBe(array.shift());
        else if (each === 'unshift') {
          deque.unshift(-1);
          array.unshift(-1);
        } else if (each === 'prune') {
          deque.removeWhere((n) => n % 2 === 0);
          array = array.filter((n) => n % 2 !== 0);
        } else {
          deque.push(each as number);
          array.push(each as number);
        }
        expect(deque.size).toBe(array.length);
        expect(deque.first()).toBe(array[0]);
      }
    }),
  );
});
