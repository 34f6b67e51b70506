import { describe, expect, it } from 'vitest';
import { bodies, kit, message, settle, TestConsumer } from './testing/kit.ts';
import { RestartKit } from './testing/restart-kit.ts';

const declared = { 'x-any': 'thing' };

describe('altering a queue', () => {
  it('replaces settings and declared values, and tells by the version', async () => {
    const { queues, queue, table } = kit();
    const q = await queue({ lengthMax: 5, deadLetterExchange: 'dlx' });
    const { version } = queues;
    await queues.alter(q, { settings: { deliveryLimit: 1 }, declared });
    expect(q.definition).toMatchObject({ durable: true, settings: { deliveryLimit: 1 }, declared });
    expect(q.definition.settings).toEqual({ deliveryLimit: 1 });
    expect(table.declarations.get(q.id)!.definition).toEqual(q.definition);
    expect(queues.version).toBeGreaterThan(version);
  });

  it('cannot change what messages were put in order by', async () => {
    const { queues, queue } = kit();
    const q = await queue({ groups: true });
    for (const settings of [
      {},
      { groups: 'fair' },
      { groups: true, priorityMax: 1 },
      { groups: true, singleActiveConsumer: true },
    ] as const) {
      const altered = queues.alter(q, { settings, declared });
      await expect(altered).rejects.toMatchObject({ code: 'invalid-config' });
    }
    await queues.alter(q, { settings: { groups: true, priorityMax: 0 }, declared });
    expect(q.definition.declared).toBe(declared);
  });

  it('is refused for a queue that is gone, and changes nothing if it cannot be written', async () => {
    const { queues, queue, writer } = kit();
    const q = await queue({ lengthMax: 1 });
    writer.error = new Error('disk');
    await expect(queues.alter(q, { settings: {}, declared })).rejects.toThrow('disk');
    expect(q.definition.settings).toEqual({ lengthMax: 1 });
    writer.error = undefined;
    await queues.delete(q);
    const altered = queues.alter(q, { settings: {}, declared });
    await expect(altered).rejects.toMatchObject({ code: 'unknown-queue' });
  });

  it('does not bring back a queue that is deleted meanwhile', async () => {
    const { queues, queue, table } = kit();
    const q = await queue();
    const altered = queues.alter(q, { settings: { lengthMax: 1 }, declared });
    await queues.delete(q);
    await expect(altered).rejects.toMatchObject({ code: 'unknown-queue' });
    table.apply({ type: 'alter', id: q.id, settings: {}, declared });
    expect(table.declarations.size).toBe(0);
  });

  it('holds for limits, deaths and receives from now on', async () => {
    const { queues, queue } = kit();
    const dead = await queue({}, {}, 'dead');
    queues.deadLetterRouter = () => ({ queues: [dead] });
    const q = await queue();
    for (const body of ['a', 'b', 'c']) queues.publish(message(body), [q]);
    await queues.alter(q, { settings: { lengthMax: 2, deadLetterExchange: '' }, declared });
    expect([await bodies(q), await bodies(dead)]).toEqual([['b', 'c'], ['a']]);
    const refusing = { lengthMax: 2, overflow: 'reject', receiveMax: 1 } as const;
    await queues.alter(q, { settings: refusing, declared });
    expect(queues.publish(message('d'), [q])).toBe(1);
    q.requeue(q.take() as number);
    const row = q.take() as number;
    expect([q.seq(row), dead.readyCount]).toEqual([2, 1]);
  });

  it('goes on delivering', async () => {
    const { queues, queue } = kit();
    const q = await queue();
    const consumer = new TestConsumer();
    q.addConsumer(consumer);
    const altered = queues.alter(q, { settings: { messageTtlMs: 1e6 }, declared });
    queues.publish(message('a'), [q]);
    await altered;
    queues.publish(message('b'), [q]);
    expect(consumer.bodies).toEqual(['a', 'b']);
    expect(q.leasedCount).toBe(2);
  });

  it('delays what comes from now on, and nothing else', async () => {
    const { queues, queue, clock } = kit();
    const q = await queue();
    queues.publish(message('a'), [q]);
    await queues.alter(q, { settings: { delayMs: 100 }, declared });
    queues.publish(message('b'), [q]);
    expect([await bodies(q), q.delayedCount]).toEqual([['a'], 1]);
    clock.advance(100);
    expect(await bodies(q)).toEqual(['a', 'b']);
  });

  it('starts, moves and stops the time after which an unused queue goes', async () => {
    const { queues, queue, clock } = kit();
    const q = await queue();
    await queues.alter(q, { settings: { expiresMs: 100 }, declared });
    clock.advance(50);
    await queues.alter(q, { settings: { expiresMs: 1000 }, declared });
    clock.advance(999);
    expect(q.deleted).toBe(false);
    await queues.alter(q, { settings: {}, declared });
    clock.advance(10_000);
    expect([q.deleted, queues.unusedTimers.count]).toEqual([false, 0]);
    await queues.alter(q, { settings: { expiresMs: 1000 }, declared });
    clock.advance(1000);
    expect(q.deleted).toBe(true);
  });
});

describe('another time to live', () => {
  it.each([true, false])('holds for what is there, persistent %s', async (persistent) => {
    const { queues, queue, clock } = kit();
    const q = await queue({ messageTtlMs: 1000 });
    queues.publish(message('a', { persistent }), [q]);
    clock.advance(300);
    queues.publish(message('b', { persistent }), [q]);
    queues.publish(message('own', { persistent, ttlMs: 200 }), [q]);
    await queues.alter(q, { settings: { messageTtlMs: 400 }, declared });
    await settle();
    clock.advance(99);
    expect(await bodies(q)).toEqual(['a', 'b', 'own']);
    clock.advance(1);
    expect(await bodies(q)).toEqual(['b', 'own']);
    await queues.alter(q, { settings: { messageTtlMs: 2000 }, declared });
    await settle();
    clock.advance(1500);
    // Its own time is over, but not while it is behind another.
    expect(await bodies(q)).toEqual(['b', 'own']);
    await queues.alter(q, { settings: {}, declared });
    await settle();
    clock.advance(1e6);
    expect(q.readyCount).toBe(2);
    q.ack(q.take() as number);
    expect([q.take(), q.readyCount]).toEqual([undefined, 0]);
  });

  it('holds for leased and delayed messages when they are back', async () => {
    const { queues, queue, clock } = kit();
    const q = await queue();
    queues.publish(message('leased'), [q]);
    queues.publish(message('delayed', { dueMs: clock.nowMs() + 500 }), [q]);
    const row = q.take() as number;
    await queues.alter(q, { settings: { messageTtlMs: 400 }, declared });
    await settle();
    clock.advance(500);
    expect([q.leasedCount, q.readyCount, queues.counters.expired]).toEqual([1, 0, 1]);
    q.requeue(row);
    expect([q.readyCount, queues.counters.expired]).toEqual([0, 2]);
  });

  it('is the last one of several that follow each other at once', async () => {
    const { queues, queue, clock } = kit();
    const q = await queue({ messageTtlMs: 1000 });
    queues.publish(message('a', { persistent: false }), [q]);
    clock.advance(100);
    await Promise.all(
      [200, 5000, 300].map((messageTtlMs) =>
        queues.alter(q, { settings: { messageTtlMs }, declared }),
      ),
    );
    await settle();
    clock.advance(199);
    expect(q.readyCount).toBe(1);
    clock.advance(1);
    expect(q.readyCount).toBe(0);
  });

  it('is that of the queue after a restart, however it has changed', async () => {
    const broker = new RestartKit();
    await broker.start();
    const q = await broker.declare('q', { messageTtlMs: 1000 });
    broker.queues.publish(message('a'), [q]);
    broker.queues.publish(message('own', { ttlMs: 600 }), [q]);
    await broker.queues.alter(q, { settings: { messageTtlMs: 5000 }, declared });
    await broker.restart();
    expect(broker.get('q').definition).toMatchObject({
      settings: { messageTtlMs: 5000 },
      declared,
    });
    // What the snapshot says of `a` is not its own time.
    await broker.queues.alter(broker.get('q'), { settings: { messageTtlMs: 9000 }, declared });
    await broker.crash();
    broker.clock.advance(8999);
    expect(await bodies(broker.get('q'))).toEqual(['a', 'own']);
    broker.clock.advance(1);
    expect(await bodies(broker.get('q'))).toEqual([]);
    await broker.stop();
  });
});
