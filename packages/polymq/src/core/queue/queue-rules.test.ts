/** What expires, what does not fit, what comes first. */
import { describe, expect, it } from 'vitest';
import type { QueueSettings } from './queue-definition.ts';
import { bodies, kit, message, settle, TestConsumer, type TestMessage } from './testing/kit.ts';

interface Case {
  name: string;
  settings?: QueueSettings;
  /** A body and what the message wants. */
  publish: readonly (readonly [string, TestMessage?])[];
  afterMs?: number;
  left: readonly string[];
  refused?: number;
  expired?: number;
}

const cases: readonly Case[] = [
  { name: 'no time to live', publish: [['a']], afterMs: 1e9, left: ['a'] },
  {
    name: 'of the queue, just before',
    settings: { messageTtlMs: 100 },
    publish: [['a']],
    afterMs: 99,
    left: ['a'],
  },
  {
    name: 'of the queue',
    settings: { messageTtlMs: 100 },
    publish: [['a']],
    afterMs: 100,
    left: [],
    expired: 1,
  },
  {
    name: 'of the message, just before',
    publish: [['a', { ttlMs: 50 }]],
    afterMs: 49,
    left: ['a'],
  },
  { name: 'of the message', publish: [['a', { ttlMs: 50 }]], afterMs: 50, left: [], expired: 1 },
  {
    name: 'the lower of both, which is that of the message',
    settings: { messageTtlMs: 100 },
    publish: [['a', { ttlMs: 50 }]],
    afterMs: 50,
    left: [],
    expired: 1,
  },
  {
    name: 'the lower of both, which is that of the queue',
    settings: { messageTtlMs: 50 },
    publish: [['a', { ttlMs: 100 }]],
    afterMs: 50,
    left: [],
    expired: 1,
  },
  { name: 'zero, without a consumer', publish: [['a', { ttlMs: 0 }]], left: [], expired: 1 },
  {
    name: 'zero for all, without a consumer',
    settings: { messageTtlMs: 0 },
    publish: [['a'], ['b']],
    left: [],
    expired: 2,
  },
  {
    name: 'not before the message is at the head',
    publish: [['a'], ['b', { ttlMs: 50 }]],
    afterMs: 100,
    left: ['a', 'b'],
  },
  {
    name: 'at the head of each priority',
    settings: { priorityMax: 5 },
    publish: [['a', { priority: 5 }], ['b', { ttlMs: 50 }], ['c', { ttlMs: 70 }], ['d']],
    afterMs: 70,
    left: ['a', 'd'],
    expired: 2,
  },
  {
    name: 'sooner than what was to expire first until then',
    settings: { priorityMax: 5 },
    publish: [
      ['a', { ttlMs: 1000 }],
      ['b', { priority: 5, ttlMs: 100 }],
    ],
    afterMs: 100,
    left: ['a'],
    expired: 1,
  },
  {
    name: 'length: drops the oldest',
    settings: { lengthMax: 2 },
    publish: [['a'], ['b'], ['c']],
    left: ['b', 'c'],
  },
  { name: 'length 0', settings: { lengthMax: 0 }, publish: [['a']], left: [] },
  {
    name: 'length: drops the head, which is of the highest priority',
    settings: { lengthMax: 2, priorityMax: 5 },
    publish: [['a'], ['b', { priority: 1 }], ['c']],
    left: ['a', 'c'],
  },
  // Only bodies count.
  {
    name: 'bytes: drops the oldest',
    settings: { bytesMax: 6 },
    publish: [['aaa'], ['bbb'], ['ccc']],
    left: ['bbb', 'ccc'],
  },
  {
    name: 'bytes: a message that is larger',
    settings: { bytesMax: 2 },
    publish: [['aaa']],
    left: [],
  },
  {
    name: 'length: refuses',
    settings: { lengthMax: 2, overflow: 'reject' },
    publish: [['a'], ['b'], ['c']],
    left: ['a', 'b'],
    refused: 1,
  },
  {
    name: 'bytes: refuses',
    settings: { bytesMax: 4, overflow: 'reject' },
    publish: [['a'], ['b'], ['ccc']],
    left: ['a', 'b'],
    refused: 1,
  },
  {
    name: 'length: drops the oldest of the lowest priority',
    settings: { lengthMax: 2, priorityMax: 3, overflow: 'drop-lowest-priority' },
    publish: [
      ['a', { priority: 3 }],
      ['b', { priority: 1 }],
      ['c', { priority: 1 }],
      ['d', { priority: 2 }],
    ],
    left: ['a', 'd'],
  },
  {
    name: 'length: drops what has just come, if it matters least',
    settings: { lengthMax: 2, priorityMax: 3, overflow: 'drop-lowest-priority' },
    publish: [
      ['a', { priority: 3 }],
      ['b', { priority: 1 }],
      ['c', { priority: 0 }],
    ],
    left: ['a', 'b'],
  },
  {
    name: 'bytes: drops the lowest priorities until the rest fits',
    settings: { bytesMax: 4, priorityMax: 3, overflow: 'drop-lowest-priority' },
    publish: [
      ['aa', { priority: 2 }],
      ['b', { priority: 1 }],
      ['c', { priority: 0 }],
      ['ddd', { priority: 3 }],
    ],
    left: ['ddd'],
  },
  {
    name: 'priorities',
    settings: { priorityMax: 3 },
    publish: [
      ['a'],
      ['b', { priority: 2 }],
      ['c', { priority: 9 }],
      ['d', { priority: 2 }],
      ['e', { priority: 3 }],
    ],
    left: ['c', 'e', 'b', 'd', 'a'],
  },
  {
    name: 'priorities in a queue without',
    publish: [['a'], ['b', { priority: 9 }]],
    left: ['a', 'b'],
  },
];

describe('the rules of a queue', () => {
  it.each(cases)('$name', async ({ settings, publish, afterMs, left, refused, expired }) => {
    const { queues, queue, clock, store } = kit();
    const q = await queue(settings);
    let refusals = 0;
    for (const [body, wants] of publish) refusals += queues.publish(message(body, wants), [q]);
    clock.advance(afterMs ?? 0);
    expect(await bodies(q)).toEqual(left);
    expect(refusals).toBe(refused ?? 0);
    expect(queues.counters.expired).toBe(expired ?? 0);
    expect([q.readyCount, store.count]).toEqual([left.length, left.length]);
  });

  it('deliver in the order of priorities, and what comes back to its place in it', async () => {
    const { queues, queue } = kit();
    const q = await queue({ priorityMax: 2 });
    for (const [body, priority] of [
      ['a', 0],
      ['b', 1],
      ['c', 2],
      ['d', 2],
    ] as const) {
      queues.publish(message(body, { priority }), [q]);
    }
    const rows = [q.take(), q.take(), q.take()] as number[];
    q.requeue(rows[2]!);
    q.requeue(rows[0]!);
    expect(await bodies(q)).toEqual(['c', 'b', 'a']);
    q.requeue(rows[1]!);
    expect(await bodies(q)).toEqual(['c', 'd', 'b', 'a']);
  });

  it('deliver a message that lives for 0 ms to a consumer that is ready', async () => {
    const { queues, queue } = kit();
    const q = await queue();
    const consumer = new TestConsumer(1);
    q.addConsumer(consumer);
    for (const body of ['a', 'b']) queues.publish(message(body, { ttlMs: 0 }), [q]);
    expect(consumer.bodies).toEqual(['a']);
    expect(queues.counters.expired).toBe(1);
  });

  it('do not count what goes straight to a consumer as ready', async () => {
    const { queues, queue } = kit();
    const q = await queue({ lengthMax: 1 });
    const consumer = new TestConsumer(2);
    q.addConsumer(consumer);
    for (const body of ['a', 'b', 'c', 'd']) queues.publish(message(body), [q]);
    expect(consumer.bodies).toEqual(['a', 'b']);
    expect(await bodies(q)).toEqual(['d']);
  });

  it('let what comes back exceed the limit where new messages are refused', async () => {
    const { queues, queue } = kit();
    const q = await queue({ lengthMax: 1, overflow: 'reject' });
    queues.publish(message('a'), [q]);
    const row = q.take() as number;
    expect(queues.publish(message('b'), [q])).toBe(0);
    q.requeue(row);
    expect(queues.publish(message('c'), [q])).toBe(1);
    expect(await bodies(q)).toEqual(['a', 'b']);
  });

  it('let the same message in another form exceed it, too', async () => {
    const { queues, queue } = kit();
    const q = await queue({ lengthMax: 1, overflow: 'reject' });
    queues.publish(message('a'), [q]);
    const row = q.take() as number;
    queues.publish(message('b'), [q]);
    const again = Object.assign(message('a, again'), { returning: true });
    expect(queues.publish(again, [q])).toBe(0);
    q.ack(row);
    expect(await bodies(q)).toEqual(['b', 'a, again']);
  });

  it('drop fair and ungrouped messages by priority, then by turn', async () => {
    const { queues, queue } = kit();
    const q = await queue({ lengthMax: 2, groups: 'fair', overflow: 'drop-lowest-priority' });
    for (const body of ['g1', 'g2', 'g3']) queues.publish(message(body, { groupId: 'g' }), [q]);
    expect(await bodies(q)).toEqual(['g2', 'g3']);
  });

  it('hold for what comes back', async () => {
    const { queues, queue, clock } = kit();
    const q = await queue({ lengthMax: 2, messageTtlMs: 100 });
    for (const body of ['a', 'b']) queues.publish(message(body), [q]);
    const row = q.take() as number;
    queues.publish(message('c'), [q]);
    q.requeue(row);
    expect(await bodies(q)).toEqual(['b', 'c']);
    const held = q.take() as number;
    clock.advance(100);
    expect(q.readyCount).toBe(0);
    q.requeue(held);
    expect([q.readyCount, queues.counters.expired]).toEqual([0, 2]);
  });

  it('never deliver what has expired, even if the timer is late', async () => {
    const { queues, queue, clock } = kit();
    const q = await queue({ messageTtlMs: 100 });
    queues.publish(message('a'), [q]);
    queues.headTimers.stop();
    clock.advance(100);
    expect(q.take()).toBeUndefined();
    queues.publish(message('b'), [q]);
    clock.advance(100);
    const consumer = new TestConsumer();
    q.addConsumer(consumer);
    expect(consumer.bodies).toEqual([]);
  });

  it('expire a great many over several turns', async () => {
    const { queues, queue, clock, store } = kit();
    const q = await queue({ messageTtlMs: 100 });
    for (let count = 0; count < 5000; count++) queues.publish(message('a'), [q]);
    clock.advance(100);
    expect(q.readyCount).toBeGreaterThan(3000);
    queues.publish(message('b'), [q]);
    const taken = (await q.take())!;
    store.locate(taken);
    expect(store.view.body.toString()).toBe('b');
    await settle();
    expect(queues.counters.expired).toBe(5000);
  });

  it('drop a message that came back too often', async () => {
    const { queues, queue, store } = kit();
    const q = await queue({ deliveryLimit: 2 });
    queues.publish(message('a'), [q]);
    for (let count = 0; count < 2; count++) {
      q.requeue(q.take() as number);
      expect(q.readyCount).toBe(1);
    }
    q.requeue(q.take() as number);
    expect([q.readyCount, store.count, queues.counters.dropped]).toEqual([0, 0, 1]);
  });
});
