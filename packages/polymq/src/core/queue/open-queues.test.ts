import { afterEach, describe, expect, it } from 'vitest';
import type { CoreQueue } from './core-queue.ts';
import { bodies, definition, message, settle, TestConsumer } from './testing/kit.ts';
import { RestartKit } from './testing/restart-kit.ts';

describe('queues after a restart', () => {
  let broker: RestartKit;
  const start = async (): Promise<RestartKit> => {
    broker = new RestartKit();
    await broker.start();
    return broker;
  };
  afterEach(() => broker.stop());

  it('are those that are durable, as they were declared', async () => {
    const { queues } = await start();
    await broker.declare('q', { lengthMax: 5 });
    await queues.declare('', 'transient', definition({}, { durable: false }));
    await queues.declare('vhost', 'gone', definition());
    await queues.delete(queues.get('vhost', 'gone')!);
    const { id } = broker.get('q');
    await broker.restart();
    expect(broker.queues.list().map(({ name }) => name)).toEqual(['q']);
    expect(broker.get('q').definition).toEqual(definition({ lengthMax: 5 }));
    expect(broker.get('q').id).toBe(id);
    expect((await broker.declare('next')).id).toBe(id + 2);
  });

  it('hold their persistent messages in order, ready, and those that were leased too', async () => {
    const { queues } = await start();
    const q = await broker.declare('q', { priorityMax: 2 });
    for (const body of ['a', 'b', 'c']) queues.publish(message(body), [q]);
    queues.publish(message('transient', { persistent: false }), [q]);
    queues.publish(message('first', { priority: 2 }), [q]);
    void q.take();
    q.ack(q.take() as number);
    await broker.restart();
    const restored = broker.get('q');
    expect([restored.readyCount, restored.leasedCount]).toEqual([3, 0]);
    expect(await bodies(restored)).toEqual(['first', 'b', 'c']);
    broker.queues.publish(message('d'), [restored]);
    const consumer = new TestConsumer();
    restored.addConsumer(consumer);
    expect(consumer.bodies).toEqual(['first', 'b', 'c', 'd']);
    expect(consumer.deliveries.at(-1)!.redelivered).toBe(false);
    for (const { row } of consumer.deliveries) restored.ack(row);
    await broker.restart();
    expect([broker.get('q').readyCount, broker.get('q').bytes]).toEqual([0, 0]);
  });

  it('expire messages when they would have, by their own time and that of the queue', async () => {
    const { queues, clock } = await start();
    const timed = await broker.declare('timed', { messageTtlMs: 1000 });
    const own = await broker.declare('own');
    queues.publish(message('a', { ttlMs: 500 }), [timed]);
    queues.publish(message('b'), [timed]);
    queues.publish(message('c', { ttlMs: 500 }), [own]);
    clock.advance(400);
    await broker.restart();
    expect([broker.get('timed').readyCount, broker.get('own').readyCount]).toEqual([2, 1]);
    clock.advance(100);
    expect([broker.get('timed').readyCount, broker.get('own').readyCount]).toEqual([1, 0]);
    await broker.stop();
    clock.advance(500);
    await broker.start();
    expect(broker.get('timed').readyCount).toBe(0);
  });

  it('show delayed messages when they are due', async () => {
    const { queues, clock } = await start();
    const q = await broker.declare('q');
    const later = await broker.declare('later', { delayMs: 1000 });
    queues.publish(message('a', { dueMs: clock.nowMs() + 1000 }), [q]);
    queues.publish(message('b'), [q, later]);
    q.requeue(q.take() as number, { delayMs: 700 });
    clock.advance(400);
    await broker.restart();
    expect([broker.get('q').delayedCount, broker.get('later').delayedCount]).toEqual([2, 1]);
    clock.advance(300);
    expect(await bodies(broker.get('q'))).toEqual(['b']);
    clock.advance(300);
    expect(await bodies(broker.get('q'))).toEqual(['a', 'b']);
    expect(broker.get('later').readyCount).toBe(1);
    expect(broker.queues.rowTimers.count).toBe(0);
  });

  it('keep message groups', async () => {
    const { queues } = await start();
    const q = await broker.declare('q', { groups: true });
    for (const body of ['a1', 'a2', 'b1']) {
      queues.publish(message(body, { groupId: body[0]! }), [q]);
    }
    await broker.restart();
    const restored = broker.get('q');
    expect(restored.readyCount).toBe(3);
    const consumer = new TestConsumer();
    restored.addConsumer(consumer);
    await settle();
    expect(consumer.bodies).toEqual(['a1', 'b1']);
    restored.ack(consumer.deliveries[0]!.row);
    await settle();
    expect(consumer.bodies).toEqual(['a1', 'b1', 'a2']);
  });

  it('count attempts on, up to the limit', async () => {
    const { queues } = await start();
    const q = await broker.declare('q', { deliveryLimit: 1 });
    queues.publish(message('a'), [q]);
    q.requeue(q.take() as number);
    await broker.restart();
    const restored = broker.get('q');
    const row = (await restored.take())!;
    restored.requeue(row);
    expect(restored.readyCount).toBe(0);
  });

  it('keep dead letters until there is somebody who routes them', async () => {
    const { queues } = await start();
    const dlx = { deadLetterExchange: '', deadLetterRoutingKey: 'dead' };
    await broker.declare('dead');
    queues.publish(message('a'), [await broker.declare('q', { ...dlx, messageTtlMs: 100 })]);
    await broker.stop();
    broker.clock.advance(100);
    await broker.start({ restored: false });
    broker.clock.advance(100);
    broker.queues.deadLetterRouter = () => ({ queues: [broker.get('dead') as CoreQueue] });
    broker.queues.restored();
    await settle();
    expect(await bodies(broker.get('dead'))).toEqual(['a']);
  });

  it('know nothing of the messages of queues that are gone', async () => {
    const { queues } = await start();
    const q = await broker.declare('q');
    queues.publish(message('a'), [q]);
    await queues.delete(q);
    const again = await broker.declare('q');
    expect(again.readyCount).toBe(0);
    await broker.restart();
    expect(broker.get('q').readyCount).toBe(0);
    expect(broker.queues.store.rows.count).toBe(0);
  });
});
