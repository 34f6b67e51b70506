import { describe, expect, it } from 'vitest';
import { bodies, kit, message, settle, TestConsumer } from './testing/kit.ts';

describe('a queue', () => {
  it('delivers what is published at once to a ready consumer, and is empty after the ack', async () => {
    const { queues, queue, store } = kit();
    const q = await queue();
    const consumer = new TestConsumer();
    q.addConsumer(consumer);
    queues.publish(message('a'), [q]);
    expect(consumer.deliveries).toMatchObject([{ body: 'a', redelivered: false }]);
    expect([q.readyCount, q.leasedCount]).toEqual([0, 1]);
    q.ack(consumer.deliveries[0]!.row);
    expect([q.leasedCount, q.bytes, store.count, store.rows.count]).toEqual([0, 0, 0, 0]);
  });

  it('is done with a message that needs no acknowledgement when it is delivered', async () => {
    const { queues, queue, store } = kit();
    const q = await queue();
    q.addConsumer(new TestConsumer(Number.POSITIVE_INFINITY, true));
    queues.publish(message('a'), [q]);
    expect([q.leasedCount, store.count, store.rows.count]).toEqual([0, 0, 0]);
    expect(store.journal).toEqual(['put 0', 'remove 0']);
  });

  it('keeps order for a consumer that comes later, and when messages come back', async () => {
    const { queues, queue } = kit();
    const q = await queue();
    for (const body of ['a', 'b', 'c', 'd']) queues.publish(message(body), [q]);
    const first = q.take() as number;
    const second = q.take() as number;
    q.requeue(second);
    q.requeue(first);
    expect(await bodies(q)).toEqual(['a', 'b', 'c', 'd']);
    const consumer = new TestConsumer(3);
    q.addConsumer(consumer);
    expect(consumer.bodies).toEqual(['a', 'b', 'c']);
    expect(consumer.deliveries.map(({ redelivered }) => redelivered)).toEqual([true, true, false]);
  });

  it('gives several messages back in order, whatever order they are named in', async () => {
    const { queues, queue } = kit();
    const q = await queue();
    for (const body of ['a', 'b', 'c', 'd']) queues.publish(message(body), [q]);
    const rows = [q.take(), q.take(), q.take()] as number[];
    q.addConsumer(new TestConsumer(0));
    q.requeueAll([rows[1]!, rows[2]!, rows[0]!]);
    expect(await bodies(q)).toEqual(['a', 'b', 'c', 'd']);
  });

  it('neither counts nor marks a message that comes back untouched', async () => {
    const { queues, queue, store } = kit();
    const q = await queue({ deliveryLimit: 0 });
    queues.publish(message('a'), [q]);
    q.requeue(q.take() as number, { untouched: true });
    const consumer = new TestConsumer();
    q.addConsumer(consumer);
    expect(consumer.deliveries).toMatchObject([{ body: 'a', redelivered: false }]);
    expect(store.journal).toEqual(['put 0']);
  });

  it('journals attempts', async () => {
    const { queues, queue, store } = kit();
    const q = await queue();
    queues.publish(message('a'), [q]);
    q.requeue(q.take() as number);
    const row = q.take() as number;
    expect(store.rows.page(row).attempts[store.rows.index(row)]).toBe(1);
    expect(store.journal).toEqual(['put 0', 'update 0']);
  });

  it('keeps only persistent messages of durable queues over a restart', async () => {
    const { queues, queue, store } = kit();
    const durable = await queue();
    const transient = await queue({}, { durable: false }, 't');
    const exclusive = await queue({}, { exclusive: true }, 'e');
    queues.publish(message('a', { persistent: false }), [durable, transient, exclusive]);
    expect(store.journal).toEqual([]);
    queues.publish(message('b'), [durable, transient, exclusive]);
    expect(store.journal).toEqual(['put 1']);
  });

  it('lets a consumer acknowledge, publish and resume from within a delivery, without deepening the stack', async () => {
    const { queues, queue } = kit();
    const q = await queue();
    const consumer = new TestConsumer(1);
    let depth = 0;
    let deepest = 0;
    consumer.onDelivery = (_queue, row) => {
      depth += 1;
      deepest = Math.max(deepest, depth);
      q.ack(row);
      if (consumer.deliveries.length < 500) queues.publish(message('next'), [q]);
      consumer.credit = 1;
      q.resume(consumer);
      depth -= 1;
    };
    q.addConsumer(consumer);
    queues.publish(message('first'), [q]);
    expect(consumer.deliveries.length).toBe(500);
    expect(deepest).toBe(1);
    expect([q.readyCount, q.leasedCount]).toEqual([0, 0]);
  });

  it('lets others have their turn while it delivers a backlog', async () => {
    const { queues, queue } = kit();
    const q = await queue();
    for (let count = 0; count < 2500; count++) queues.publish(message('a'), [q]);
    const consumer = new TestConsumer(Number.POSITIVE_INFINITY, true);
    q.addConsumer(consumer);
    expect(consumer.deliveries.length).toBe(1000);
    await settle();
    expect(consumer.deliveries.length).toBe(2500);
  });

  it('reads a backlog from disk, one load at a time', async () => {
    const { queues, queue, store } = kit();
    const q = await queue();
    for (const body of ['a', 'b', 'c']) queues.publish(message(body), [q]);
    store.evict();
    store.holdLoads = true;
    const consumer = new TestConsumer();
    q.addConsumer(consumer);
    queues.publish(message('d'), [q]);
    expect([consumer.bodies, store.loadCount]).toEqual([[], 1]);
    store.holdLoads = false;
    store.finishLoads();
    await settle();
    expect(consumer.bodies).toEqual(['a', 'b', 'c', 'd']);
    expect(store.loadCount).toBe(3);
  });

  it('drops a message that cannot be read any more, and goes on', async () => {
    const { queues, queue, store } = kit();
    const q = await queue();
    for (const body of ['a', 'b']) queues.publish(message(body), [q]);
    store.evict();
    store.lost.add(0);
    const consumer = new TestConsumer();
    q.addConsumer(consumer);
    await settle();
    expect(consumer.bodies).toEqual(['b']);
    expect(queues.counters.lost).toBe(1);
  });

  it('can be deleted by a consumer that gets a message', async () => {
    const { queues, queue, store } = kit();
    const q = await queue();
    for (const body of ['a', 'b', 'c']) queues.publish(message(body), [q]);
    const consumer = new TestConsumer();
    consumer.onDelivery = () => void queues.delete(q);
    q.addConsumer(consumer);
    expect(consumer.bodies).toEqual(['a']);
    q.ack(consumer.deliveries[0]!.row);
    await settle();
    expect([store.count, store.rows.count]).toEqual([0, 0]);
  });
});

describe('taking from a queue', () => {
  it('leases the next message and points the view at it', async () => {
    const { queues, queue, store } = kit();
    const q = await queue();
    expect(q.take()).toBeUndefined();
    queues.publish(message('a'), [q]);
    const row = q.take() as number;
    expect(store.view.body.toString()).toBe('a');
    expect([q.holds(row, 0), q.holds(row, 1), q.holds(99_999, 0)]).toEqual([true, false, false]);
    q.ack(row);
    expect(q.holds(row, 0)).toBe(false);
    expect(() => q.ack(row)).toThrow('not leased');
  });

  it('waits for the disk where it must', async () => {
    const { queues, queue, store } = kit();
    const q = await queue();
    queues.publish(message('a'), [q]);
    store.evict();
    const taken = q.take();
    expect(taken).toBeInstanceOf(Promise);
    expect(store.locate((await taken)!)).toBe(true);
    expect(q.leasedCount).toBe(1);
  });

  it('gives two who wait for the disk different messages', async () => {
    const { queues, queue, store } = kit();
    const q = await queue();
    for (const body of ['a', 'b']) queues.publish(message(body), [q]);
    store.evict();
    const rows = await Promise.all([q.take(), q.take(), q.take()]);
    expect(rows.sort()).toEqual([0, 1, undefined]);
  });

  it('takes the message back when the lease is over', async () => {
    const { queues, queue, clock } = kit();
    const q = await queue();
    queues.publish(message('a'), [q]);
    const row = q.take(5000) as number;
    clock.advance(4999);
    expect(q.holds(row, 0)).toBe(true);
    clock.advance(1);
    expect([q.holds(row, 0), q.readyCount]).toEqual([false, 1]);
  });

  it('ends the lease later, sooner or now, as told', async () => {
    const { queues, queue, clock } = kit();
    const q = await queue();
    for (const body of ['a', 'b', 'c']) queues.publish(message(body), [q]);
    const [a, b, c] = [q.take(5000), q.take(5000), q.take()] as [number, number, number];
    q.extend(a, 10_000);
    q.extend(b, 1000);
    q.extend(c, 0);
    expect(await bodies(q)).toEqual(['c']);
    clock.advance(1000);
    expect(await bodies(q)).toEqual(['b', 'c']);
    clock.advance(8999);
    expect(q.readyCount).toBe(2);
    clock.advance(1);
    expect(await bodies(q)).toEqual(['a', 'b', 'c']);
  });

  it('forgets the lease of a message that was acknowledged', async () => {
    const { queues, queue, clock } = kit();
    const q = await queue();
    queues.publish(message('a'), [q]);
    q.ack(q.take(5000) as number);
    queues.publish(message('b'), [q]);
    clock.advance(6000);
    expect(await bodies(q)).toEqual(['b']);
    expect(queues.rowTimers.count).toBe(0);
  });
});

describe('delays', () => {
  it('hide a message until it is due, however long that is', async () => {
    const { queues, queue, clock } = kit();
    const q = await queue();
    const yearMs = 365 * 24 * 60 * 60 * 1000;
    queues.publish(message('a', { dueMs: clock.nowMs() + yearMs }), [q]);
    queues.publish(message('b', { dueMs: clock.nowMs() - 1 }), [q]);
    expect([q.readyCount, q.delayedCount]).toEqual([1, 1]);
    clock.advance(yearMs - 1);
    expect(q.delayedCount).toBe(1);
    clock.advance(1);
    expect(await bodies(q)).toEqual(['a', 'b']);
  });

  it('come from the queue where the message has none', async () => {
    const { queues, queue, clock } = kit();
    const q = await queue({ delayMs: 500 });
    queues.publish(message('a'), [q]);
    queues.publish(message('b', { dueMs: clock.nowMs() + 100 }), [q]);
    clock.advance(100);
    expect(await bodies(q)).toEqual(['b']);
    clock.advance(400);
    expect(await bodies(q)).toEqual(['a', 'b']);
  });

  it('may follow when a message comes back', async () => {
    const { queues, queue, clock, store } = kit();
    const q = await queue();
    for (const body of ['a', 'b']) queues.publish(message(body), [q]);
    q.requeue(q.take() as number, { delayMs: 1000 });
    expect(await bodies(q)).toEqual(['b']);
    expect(store.dues).toEqual([clock.nowMs() + 1000]);
    clock.advance(1000);
    expect(await bodies(q)).toEqual(['a', 'b']);
  });
});

describe('purging, peeking, deleting', () => {
  it('purges what is ready, and keeps what is leased or delayed', async () => {
    const { queues, queue, store, clock } = kit();
    const q = await queue();
    for (const body of ['a', 'b', 'c']) queues.publish(message(body), [q]);
    queues.publish(message('d', { dueMs: clock.nowMs() + 10 }), [q]);
    void q.take();
    expect(await q.purge()).toBe(2);
    expect([q.readyCount, q.leasedCount, q.delayedCount, store.count]).toEqual([0, 1, 1, 2]);
    expect(store.committed).toBe(store.position);
    clock.advance(10);
    q.ack(0);
    expect(await q.purge()).toBe(1);
    expect(q.bytes).toBe(0);
  });

  it('keeps what is published while a large purge goes on', async () => {
    const { queues, queue, store } = kit();
    const q = await queue();
    for (let count = 0; count < 5000; count++) queues.publish(message('old'), [q]);
    const purged = q.purge();
    expect([q.readyCount, q.bytes]).toEqual([0, 0]);
    queues.publish(message('new'), [q]);
    expect(await purged).toBe(5000);
    expect(await bodies(q)).toEqual(['new']);
    expect(store.count).toBe(1);
  });

  it('peeks from the head, on disk as well, and changes nothing', async () => {
    const { queues, queue, store } = kit();
    const q = await queue();
    for (const body of ['a', 'b', 'c']) queues.publish(message(body), [q]);
    store.evict();
    const seen: string[] = [];
    await q.peek(2, (view) => seen.push(view.body.toString()));
    expect(seen).toEqual(['a', 'b']);
    const consumer = new TestConsumer();
    q.addConsumer(consumer);
    await settle();
    expect(consumer.deliveries).toMatchObject([{ body: 'a', redelivered: false }, {}, {}]);
  });

  it('leaves out what goes away while it peeks', async () => {
    const { queues, queue, store } = kit();
    const q = await queue();
    for (const body of ['a', 'b']) queues.publish(message(body), [q]);
    store.evict();
    const peeked = bodies(q);
    await q.purge();
    expect(await peeked).toEqual([]);
  });

  it('tells its consumers when it is deleted, and all its messages go', async () => {
    const { queues, queue, store, clock } = kit();
    const q = await queue();
    for (const body of ['a', 'b', 'c']) queues.publish(message(body), [q]);
    queues.publish(message('d', { dueMs: clock.nowMs() + 1e9 }), [q]);
    const consumer = new TestConsumer(1);
    q.addConsumer(consumer);
    const taken = q.take(5000) as number;
    expect(await queues.delete(q)).toBe(1);
    await settle();
    expect([consumer.cancelled, q.deleted, queues.get('', 'q')]).toEqual([1, true, undefined]);
    expect([store.count, queues.rowTimers.count]).toEqual([1, 0]);
    // Whose lease has no end answers still.
    q.requeue(consumer.deliveries[0]!.row);
    expect([store.count, store.rows.count, q.holds(taken, 1)]).toEqual([0, 0, false]);
    expect(() => q.addConsumer(consumer)).toThrow('deleted');
    expect(q.take()).toBeUndefined();
  });
});
