import { describe, expect, it } from 'vitest';
import { type DeathRecord, readHistory } from '../message/history.ts';
import type { MessageDraft } from '../message/message-draft.ts';
import type { Queue } from './queue.ts';
import type { QueueSettings } from './queue-definition.ts';
import { bodies, type Kit, kit, message, settle, TestConsumer } from './testing/kit.ts';

/** A kit whose dead letters go to the queues named by their routing keys. */
function deadLetterKit(): Kit & { routed: string[] } {
  const made = kit();
  const routed: string[] = [];
  made.queues.deadLetterRouter = (namespace, exchange, routingKeys) => {
    routed.push(`${exchange}: ${routingKeys.join(' ')}`);
    return { queues: routingKeys.flatMap((key) => made.queues.get(namespace, key) ?? []) };
  };
  return { ...made, routed };
}

/** Resolves what `start` is waiting for. */
function later(): { promise: Promise<void>; settle: (error?: Error) => void } {
  let settleIt: (error?: Error) => void = () => undefined;
  const promise = new Promise<void>((resolve, reject) => {
    settleIt = (error) => (error === undefined ? resolve() : reject(error));
  });
  return { promise, settle: settleIt };
}

const toDead: QueueSettings = { deadLetterExchange: 'dlx', deadLetterRoutingKey: 'dead' };

async function histories(queue: Queue): Promise<DeathRecord[][]> {
  const found: DeathRecord[][] = [];
  await queue.peek(100, (view) => found.push(view.hasHistory ? readHistory(view.historyJson) : []));
  return found;
}

describe('dead letters', () => {
  it.each([
    ['rejected', {}, (q: Queue) => q.reject(q.take() as number)],
    ['delivery_limit', { deliveryLimit: 0 }, (q: Queue) => q.requeue(q.take() as number)],
    ['maxlen', { lengthMax: 0 }, () => undefined],
    ['expired', { messageTtlMs: 0 }, () => undefined],
  ] as const)(
    'say that they were %s, when, where and what they were',
    async (reason, settings, die) => {
      const { queues, queue, clock, routed, store } = deadLetterKit();
      const dead = await queue({}, {}, 'dead');
      const q = await queue({ ...toDead, ...settings });
      queues.publish(message('a', { priority: 0 }), [q]);
      die(q);
      expect(await bodies(dead)).toEqual(['a']);
      expect(await histories(dead)).toEqual([
        [
          {
            queue: 'q',
            reason,
            count: 1,
            firstMs: clock.nowMs(),
            exchange: 'ex',
            routingKeys: ['key'],
          },
        ],
      ]);
      expect(routed).toEqual(['dlx: dead']);
      expect([store.count, q.bytes, queues.counters.deadLettered]).toEqual([1, 0, 1]);
      const row = dead.take() as number;
      const { view } = store;
      expect([view.exchange, view.routingKey, view.persistent]).toEqual(['dlx', 'dead', true]);
      expect(view.properties.toString()).toBe('props');
      dead.ack(row);
    },
  );

  it('reach their queue before they leave the other', async () => {
    const { queues, queue, store } = deadLetterKit();
    await queue({}, {}, 'dead');
    const q = await queue(toDead);
    queues.publish(message('first'), [q]);
    queues.publish(message('a'), [q]);
    q.ack(q.take() as number);
    q.reject(q.take() as number);
    expect(store.journal).toEqual(['put 0', 'put 1', 'remove 0', 'put 0', 'remove 1']);
  });

  it('keep their routing keys if the queue names none, and the time to live they had', async () => {
    const { queues, queue, routed } = deadLetterKit();
    queues.readWishes = () => ({ copies: ['copy'], ttlMs: 70 });
    const copies = await queue({}, {}, 'copy');
    const q = await queue({ deadLetterExchange: '' });
    queues.publish(message('a', { ttlMs: 70 }), [q]);
    q.reject(q.take() as number);
    expect(routed).toEqual([': key copy']);
    expect(await histories(copies)).toMatchObject([[{ routingKeys: ['key', 'copy'], ttlMs: 70 }]]);
    const row = copies.take() as number;
    const { rows } = queues.store;
    // It does not expire once more.
    expect(rows.page(row).expiresMs[rows.index(row)]).toBe(0);
  });

  it('count how often they died the same way, and are dropped by a queue without an address', async () => {
    const { queues, queue, store } = deadLetterKit();
    const dead = await queue({ deadLetterExchange: '', deadLetterRoutingKey: 'q' }, {}, 'dead');
    const q = await queue(toDead);
    queues.publish(message('a'), [q]);
    for (let round = 0; round < 2; round++) {
      q.reject(q.take() as number);
      dead.reject(dead.take() as number);
    }
    expect(await histories(q)).toMatchObject([
      [
        { queue: 'dead', reason: 'rejected', count: 2 },
        { queue: 'q', reason: 'rejected', count: 2 },
      ],
    ]);
    const last = await queue({}, {}, 'last');
    queues.publish(message('b'), [last]);
    last.reject(last.take() as number);
    expect([store.count, queues.counters.dropped]).toEqual([1, 1]);
  });

  it('do not go round without anybody rejecting them', async () => {
    const { queues, queue, clock, store } = deadLetterKit();
    const back: QueueSettings = { messageTtlMs: 100, deadLetterExchange: '' };
    const second = await queue({ ...back, deadLetterRoutingKey: 'q' }, {}, 'second');
    const q = await queue({ ...back, deadLetterRoutingKey: 'second' });
    queues.publish(message('a'), [q]);
    clock.advance(100);
    expect(second.readyCount).toBe(1);
    clock.advance(100);
    expect([q.readyCount, store.count, queues.counters.dropped]).toEqual([0, 0, 1]);
    // A consumer that rejects breaks the cycle: a retry after a while.
    queues.publish(message('b'), [q]);
    q.reject(q.take() as number);
    clock.advance(100);
    expect(q.readyCount).toBe(1);
  });

  it('do not come back to the queue that drops them for its length', async () => {
    const { queues, queue, store } = deadLetterKit();
    const q = await queue({ lengthMax: 1, deadLetterExchange: '', deadLetterRoutingKey: 'q' });
    for (const body of ['a', 'b', 'c']) queues.publish(message(body), [q]);
    expect(await bodies(q)).toEqual(['c']);
    expect([store.count, queues.counters.dropped]).toEqual([1, 2]);
  });

  it('are sent on although the message is refused', async () => {
    const { queues, queue } = deadLetterKit();
    const dead = await queue({}, {}, 'dead');
    const q = await queue({ ...toDead, lengthMax: 1, overflow: 'reject-dead-letter' });
    queues.publish(message('a'), [q]);
    expect(queues.publish(message('b', { ttlMs: 5 }), [q])).toBe(1);
    expect(await bodies(q)).toEqual(['a']);
    expect(await bodies(dead)).toEqual(['b']);
    expect(await histories(dead)).toMatchObject([[{ reason: 'maxlen', ttlMs: 5, exchange: 'ex' }]]);
  });

  it('end in a chain of queues that refuse them all', async () => {
    const { queues, queue } = deadLetterKit();
    const overflow = 'reject-dead-letter' as const;
    for (let index = 0; index < 40; index++) {
      const deadLetterRoutingKey = `q${index + 1}`;
      const settings = { lengthMax: 0, overflow, deadLetterExchange: '', deadLetterRoutingKey };
      await queue(settings, {}, `q${index}`);
    }
    expect(queues.publish(message('a'), [queues.get('', 'q0')!])).toBe(1);
    expect(queues.counters.refused).toBe(17);
  });

  it('are read from disk', async () => {
    const { queues, queue, store, clock } = deadLetterKit();
    const dead = await queue({}, {}, 'dead');
    const q = await queue({ ...toDead, messageTtlMs: 100 });
    for (const body of ['a', 'b', 'c']) queues.publish(message(body), [q]);
    store.evict();
    store.lost.add(1);
    clock.advance(100);
    expect([q.readyCount, dead.readyCount]).toEqual([0, 0]);
    await settle();
    expect(await bodies(dead)).toEqual(['a', 'c']);
    expect([store.count, queues.counters.lost]).toEqual([2, 1]);
  });

  it('are dropped if their queue is deleted before their turn', async () => {
    const { queues, queue, store, clock } = deadLetterKit();
    const dead = await queue({}, {}, 'dead');
    const q = await queue({ ...toDead, messageTtlMs: 100 });
    queues.publish(message('a'), [q]);
    store.evict();
    clock.advance(100);
    await queues.delete(q);
    await settle();
    expect([dead.readyCount, store.count, store.rows.count]).toEqual([0, 0, 0]);
  });

  it('cannot be acknowledged by the former holder', async () => {
    const { queues, queue, store } = deadLetterKit();
    await queue({}, {}, 'dead');
    const q = await queue(toDead);
    queues.publish(message('a'), [q]);
    const row = q.take() as number;
    store.evict();
    q.reject(row);
    expect([q.holds(row, 0), q.leasedCount]).toEqual([false, 0]);
    await settle();
    expect(store.rows.count).toBe(1);
  });

  it('are sent on over several turns if they are many, in order', async () => {
    const { queues, queue, clock } = deadLetterKit();
    const dead = await queue({}, {}, 'dead');
    const q = await queue({ ...toDead, messageTtlMs: 100 });
    for (let count = 0; count < 5000; count++) queues.publish(message(`${count}`), [q]);
    clock.advance(100);
    expect(dead.readyCount).toBeLessThan(3000);
    await settle();
    expect(await bodies(dead)).toEqual(Array.from({ length: 5000 }, (_, count) => `${count}`));
  });

  it('keep the message group, and the draft of the publisher as it was', async () => {
    const { queues, queue } = deadLetterKit();
    const dead = await queue({ groups: true }, {}, 'dead');
    const q = await queue({ ...toDead, groups: true, lengthMax: 0 });
    const draft: MessageDraft = message('a', { groupId: 'g' });
    const other = await queue({}, {}, 'other');
    queues.publish(draft, [q, other]);
    expect(dead.groupIdOf(dead.take() as number)).toBe('g');
    expect(await bodies(other)).toEqual(['a']);
  });

  it('go straight to a consumer that waits for them', async () => {
    const { queues, queue } = deadLetterKit();
    const dead = await queue({}, {}, 'dead');
    const q = await queue(toDead);
    const consumer = new TestConsumer();
    consumer.onDelivery = (from, row) => from.ack(row);
    dead.addConsumer(consumer);
    queues.publish(message('a'), [q]);
    q.reject(q.take() as number);
    expect(consumer.bodies).toEqual(['a']);
  });
});

describe('a dead letter for a stream', () => {
  it.each([undefined, new Error('gone')])(
    'stays in its queue until the stream has it or has refused it: %s',
    async (error) => {
      const { queues, queue } = kit();
      const q = await queue(toDead);
      const { promise, settle: settleStream } = later();
      queues.deadLetterRouter = () => ({ queues: [], streams: promise });
      queues.publish(message('a'), [q]);
      q.reject(q.take() as number);
      expect(q.bytes).toBeGreaterThan(0);
      settleStream(error);
      await settle();
      expect(q.bytes).toBe(0);
      expect(queues.counters.deadLettered).toBe(1);
    },
  );
});
