import { expect, test } from 'vitest';
import {
  assign,
  decodeShare,
  decodeSubscription,
  encodeShare,
  encodeSubscription,
  type Subscription,
} from './assignment.ts';

function member(held: Record<string, number[]> = {}, topics = ['t']): Subscription {
  return { topics, held: new Map(Object.entries(held)) };
}

function shares(members: Record<string, Subscription>, counts: Record<string, number>) {
  const dealt = assign(new Map(Object.entries(members)), new Map(Object.entries(counts)));
  return Object.fromEntries(
    [...dealt].map(([id, { partitions, surplus }]) => [
      id,
      { has: partitions.get('t') ?? [], surplus: surplus.get('t') ?? [] },
    ]),
  );
}

test('every partition goes to one member, in nearly equal numbers', () => {
  const dealt = shares({ a: member(), b: member(), c: member() }, { t: 8 });
  const all = Object.values(dealt).flatMap(({ has }) => has);
  expect(all.toSorted((x, y) => x - y)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  expect(Object.values(dealt).map(({ has }) => has.length)).toEqual([3, 3, 2]);
});

test('who holds a partition keeps it, and gets as many as the others', () => {
  const dealt = shares({ a: member(), b: member({ t: [0] }) }, { t: 4 });
  expect(dealt['b']?.has).toContain(0);
  expect(dealt['a']?.has).toHaveLength(2);
  expect(dealt['b']).toMatchObject({ surplus: [] });
});

test('what is held beyond the fair share is surplus', () => {
  const dealt = shares({ a: member({ t: [0, 1, 2, 3] }), b: member() }, { t: 4 });
  expect(dealt).toEqual({
    a: { has: [0, 1, 2, 3], surplus: [2, 3] },
    b: { has: [], surplus: [] },
  });
});

test('topics of one partition are shared among the members, too', () => {
  const topics = ['t', 'u'];
  const members = { a: member({}, topics), b: member({}, topics) };
  const dealt = assign(
    new Map(Object.entries(members)),
    new Map([
      ['t', 1],
      ['u', 1],
    ]),
  );
  expect([...dealt.values()].map(({ partitions }) => partitions.size)).toEqual([1, 1]);
});

test('subscriptions and shares come back as they were written', () => {
  const subscription = { topics: ['t', 'ü'], held: new Map([['t', [1, 2]]]) };
  expect(decodeSubscription(encodeSubscription(subscription, 3))).toEqual(subscription);
  const share = { partitions: new Map([['t', [0, 4]]]), surplus: new Map([['t', [4]]]) };
  expect(decodeShare(encodeShare(share))).toEqual(share);
});

test('user data of other programs, and none at all, mean that nothing is held', () => {
  const bytes = encodeSubscription({ topics: ['t'], held: new Map() }, 0);
  const foreign = Buffer.concat([bytes.subarray(0, 9), Buffer.from([0, 0, 0, 3, 1, 2, 3])]);
  expect(decodeSubscription(foreign)).toEqual({ topics: ['t'], held: new Map() });
  const none = Buffer.concat([bytes.subarray(0, 9), Buffer.from([255, 255, 255, 255])]);
  expect(decodeSubscription(none)).toEqual({ topics: ['t'], held: new Map() });
  expect(decodeShare(Buffer.alloc(0)).partitions.size).toBe(0);
});
