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

  it('purges what is ready, and keeps what is leased', async () => {
    const { queues, queue, store } = kit();
    const q = await queue();
    for (const body of ['a', 'b', 'c']) queues.publish(message(body), [q]);
    q.take();
    expect(await q.purge()).toBe(2);
    expect([q.readyCount, q.leasedCount, store.count]).toEqual([0, 1, 1]);
  });

  it('tells its consumers when it is deleted, and its messages go', async () => {
    const { queues, queue, store } = kit();
    const q = await queue();
    for (const body of ['a', 'b', 'c']) queues.publish(message(body), [q]);
    const consumer = new TestConsumer(1);
    q.addConsumer(consumer);
    expect(await queues.delete(q)).toBe(2);
    await settle();
    expect(consumer.cancelled).toBe(1);
    q.ack(consumer.deliveries[0]!.row);
    expect([store.count, store.rows.count, queues.get('', 'q')]).toEqual([0, 0, undefined]);
  });
});
