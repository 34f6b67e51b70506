import { describe, expect, it } from 'vitest';
import { bodies, kit, message, settle, TestConsumer } from './testing/kit.ts';

describe('purging everything', () => {
  it('removes leased and delayed messages too, but none that came later', async () => {
    const { queues, queue, store, clock } = kit();
    const q = await queue();
    const other = await queue({}, {}, 'other');
    for (const body of ['a', 'b', 'c']) queues.publish(message(body), [q, other]);
    queues.publish(message('d', { dueMs: clock.nowMs() + 1e6 }), [q, other]);
    const taken = q.take(1000, true) as number;
    const purged = q.purge({ all: true });
    queues.publish(message('e'), [q]);
    expect(await purged).toBe(4);
    expect([q.readyCount, q.leasedCount, q.delayedCount]).toEqual([1, 0, 0]);
    expect([await bodies(q), q.holds(taken, 0)]).toEqual([['e'], false]);
    expect([store.count, queues.counters.purged, queues.rowTimers.count]).toEqual([5, 4, 1]);
    expect([other.readyCount, other.delayedCount]).toEqual([3, 1]);
    clock.advance(1000);
    expect(q.readyCount).toBe(1);
  });

  it('leaves the messages of consumers alone unless it is asked to', async () => {
    const { queues, queue } = kit();
    const q = await queue();
    for (const body of ['a', 'b']) queues.publish(message(body), [q]);
    const row = q.take() as number;
    expect(await q.purge()).toBe(1);
    expect(q.holds(row, 0)).toBe(true);
  });

  it.each(['ack', 'requeue', 'reject', 'extend', 'requeueAll'] as const)(
    'makes %s of one that is held without an end harmless',
    async (how) => {
      const { queues, queue, store } = kit();
      const q = await queue({ deadLetterExchange: 'dlx' });
      queues.publish(message('a'), [q]);
      const consumer = new TestConsumer(1);
      q.addConsumer(consumer);
      const { row } = consumer.deliveries[0]!;
      await q.purge({ all: true });
      expect([q.leasedCount, q.bytes, store.count, q.holds(row, 0)]).toEqual([0, 0, 0, false]);
      queues.publish(message('b'), [q]);
      if (how === 'extend') {
        q.extend(row, 1000);
        q.extend(row, 0);
      } else if (how === 'requeueAll') q.requeueAll([row]);
      else q[how](row);
      expect(await bodies(q)).toEqual(['b']);
      expect([store.rows.count, queues.rowTimers.count]).toEqual([1, 0]);
      expect(queues.counters).toMatchObject({ acked: 0, requeued: 0, dropped: 0 });
    },
  );

  it('is harmless for one that is held when the queue is deleted then', async () => {
    const { queues, queue, store } = kit();
    const q = await queue();
    queues.publish(message('a'), [q]);
    const row = q.take() as number;
    await q.purge({ all: true });
    await queues.delete(q);
    await settle();
    q.ack(row);
    expect(store.rows.count).toBe(0);
  });

  it.each([true, 'fair'] as const)('lets groups go on: %s', async (groups) => {
    const { queues, queue, store, clock } = kit();
    const q = await queue({ groups });
    const publish = (body: string, dueMs = 0) =>
      queues.publish(message(body, { groupId: body[0]!, dueMs }), [q]);
    for (const body of ['a1', 'a2', 'b1', 'c1']) publish(body);
    publish('d1', clock.nowMs() + 1000);
    const held = q.take() as number;
    void q.take(500, true);
    q.requeue(q.take(500) as number, { delayMs: 1000 });
    expect(await q.purge({ all: true })).toBe(5);
    for (const body of ['a3', 'b3', 'c3', 'd3']) publish(body);
    const consumer = new TestConsumer();
    q.addConsumer(consumer);
    expect(consumer.bodies).toEqual(['a3', 'b3', 'c3', 'd3']);
    q.ack(held);
    for (const { row } of consumer.deliveries) q.ack(row);
    expect([q.groupCount, store.rows.count, q.bytes]).toEqual([0, 0, 0]);
  });

  it('takes what comes back while it goes on', async () => {
    const { queues, queue, clock, store } = kit();
    const q = await queue();
    for (let each = 0; each < 20_000; each++) queues.publish(message('a'), [q]);
    for (let each = 0; each < 20_000; each++) void q.take(each < 10_000 ? 5 : 1e6);
    const purged = q.purge({ all: true });
    await new Promise<void>((resolve) => setImmediate(resolve));
    clock.advance(5);
    expect(await purged).toBe(20_000);
    expect([q.readyCount, q.leasedCount, store.count]).toEqual([0, 0, 0]);
    expect(q.take()).toBeUndefined();
    expect(store.rows.count).toBe(0);
  });
});
