import { describe, expect, it } from 'vitest';
import { BrokerError } from '../errors.ts';
import type { Queue } from './queue.ts';
import { bodies, definition, kit, message, settle, TestConsumer } from './testing/kit.ts';

const code = (expected: string): unknown => expect.objectContaining({ code: expected });

describe('the catalogue of queues', () => {
  it('finds queues by namespace and name, and changes its version with every change', async () => {
    const { queues } = kit();
    const versions = [queues.version];
    const one = await queues.declare('', 'q', definition());
    versions.push(queues.version);
    const two = await queues.declare('other', 'q', definition({}, { durable: false }));
    versions.push(queues.version);
    expect([queues.get('', 'q'), queues.get('other', 'q'), queues.get('', 'x')]).toEqual([
      one,
      two,
      undefined,
    ]);
    expect([queues.list(), queues.list('other'), queues.list('none')]).toEqual([
      [one, two],
      [two],
      [],
    ]);
    await queues.delete(one);
    versions.push(queues.version);
    expect(new Set(versions).size).toBe(4);
    expect(queues.get('', 'q')).toBeUndefined();
  });

  it('refuses names that are empty, too long or taken', async () => {
    const { queues, queue } = kit();
    await expect(queues.declare('', '', definition())).rejects.toEqual(code('invalid-name'));
    await expect(queues.declare('', 'é'.repeat(128), definition())).rejects.toEqual(
      code('invalid-name'),
    );
    await queues.declare('', `${'é'.repeat(127)}e`, definition());
    await queue();
    await expect(queue()).rejects.toEqual(code('queue-exists'));
  });

  it('gives one of two who declare at once the queue, and tells the other when it is there', async () => {
    const { queues, queue } = kit();
    const seen = queue().then(() => undefined);
    const told = queue().catch(() => queues.get('', 'q'));
    expect(await told).toBeDefined();
    await seen;
    const results = await Promise.allSettled([queue({}, {}, 'r'), queue({}, {}, 'r')]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    expect(results[1]).toMatchObject({ reason: { code: 'queue-exists' } });
    expect(queues.count).toBe(2);
  });

  it('takes no more queues than it may, also of those that are being declared', async () => {
    const { queues, queue } = kit({ queuesMax: 2 });
    const results = await Promise.allSettled(['a', 'b', 'c'].map((name) => queue({}, {}, name)));
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected']);
    expect(results[2]).toMatchObject({ reason: { code: 'limit-reached' } });
    await queues.delete(queues.get('', 'a')!);
    await queue({}, { durable: false }, 'd');
  });

  it('declares durable queues in the meta log, and only those', async () => {
    const { queues, queue, table } = kit();
    const durable = await queue();
    await queue({}, { durable: false }, 't');
    await queue({}, { exclusive: true }, 'e');
    expect([...table.declarations.values()].map(({ name }) => name)).toEqual(['q']);
    await queues.delete(durable);
    expect(table.declarations.size).toBe(0);
  });

  it('shows no queue that could not be declared', async () => {
    const { queues, queue, writer } = kit();
    writer.error = new BrokerError('storage-full', 'no room');
    await expect(queue()).rejects.toEqual(code('storage-full'));
    expect(queues.get('', 'q')).toBeUndefined();
    writer.error = undefined;
    await queue();
  });

  it('never gives an id twice', async () => {
    const { queues, queue, table } = kit();
    const first = await queue();
    await queues.delete(first);
    const second = await queue();
    expect(second.id).toBeGreaterThan(first.id);
    expect(table.nextId).toBe(second.id + 1);
    const transient = await queue({}, { durable: false }, 't');
    expect(transient.id).toBeGreaterThanOrEqual(2 ** 31);
  });

  it('deletes queues unless they are in use or not empty, where that is asked for', async () => {
    const { queues, queue } = kit();
    const q = await queue();
    const consumer = new TestConsumer(0);
    q.addConsumer(consumer);
    queues.publish(message('a'), [q]);
    await expect(queues.delete(q, { ifUnused: true })).rejects.toEqual(code('queue-in-use'));
    await expect(queues.delete(q, { ifEmpty: true })).rejects.toEqual(code('queue-not-empty'));
    expect(q.deleted).toBe(false);
    expect(await queues.delete(q)).toBe(1);
    await expect(queues.delete(q)).rejects.toEqual(code('unknown-queue'));
  });

  it('deletes only the queue it was asked to, not one of the same name that came after', async () => {
    const { queues, queue } = kit();
    const old = await queue();
    await queues.delete(old);
    const q = await queue();
    await expect(queues.delete(old)).rejects.toEqual(code('unknown-queue'));
    expect(queues.get('', 'q')).toBe(q);
  });

  it('tells who asked that a queue is gone, for whatever reason', async () => {
    const { queues, queue, clock } = kit();
    const gone: string[] = [];
    queues.onDeleted(({ name }) => gone.push(name));
    await queues.delete(await queue());
    const q = await queue({}, { autoDelete: true }, 'auto');
    const consumer = new TestConsumer();
    q.addConsumer(consumer);
    q.removeConsumer(consumer);
    await queue({ expiresMs: 10 }, {}, 'unused');
    clock.advance(10);
    expect(gone).toEqual(['q', 'auto', 'unused']);
  });

  it('puts a message once, however many queues get it', async () => {
    const { queues, queue, store } = kit();
    const all: Queue[] = [];
    for (let index = 0; index < 100; index++) all.push(await queue({}, {}, `q${index}`));
    all.push(await queue({ lengthMax: 0, overflow: 'reject' }, {}, 'full'));
    expect(queues.publish(message('a'), all)).toBe(1);
    expect(store.putCount).toBe(1);
    expect(store.count).toBe(100);
    expect(await bodies(all[99]!)).toEqual(['a']);
    expect(queues.publish(message('b'), [])).toBe(0);
    expect(queues.publish(message('b'), [all[100]!])).toBe(1);
    expect(store.putCount).toBe(1);
    expect(queues.counters).toMatchObject({ published: 100, refused: 2 });
  });

  it('keeps apart what a consumer publishes while a message goes to several queues', async () => {
    const { queues, queue } = kit();
    const [a, b] = [await queue({}, {}, 'a'), await queue({}, {}, 'b')];
    const consumer = new TestConsumer(1);
    const echo = message('echo');
    consumer.onDelivery = () => queues.publish(echo, [b, a]);
    a.addConsumer(consumer);
    queues.publish(message('first'), [a, b]);
    expect(await bodies(a)).toEqual(['echo']);
    expect(await bodies(b)).toEqual(['first', 'echo']);
  });

  it('counts what happens', async () => {
    const { queues, queue } = kit();
    const q = await queue();
    for (const body of ['a', 'b', 'c']) queues.publish(message(body), [q]);
    q.ack(q.take() as number);
    q.requeue(q.take() as number);
    q.reject(q.take() as number);
    await q.purge();
    expect(queues.counters).toMatchObject({
      published: 3,
      delivered: 3,
      acked: 1,
      requeued: 1,
      dropped: 1,
      purged: 1,
    });
    expect(queues.totals()).toEqual({
      queues: 1,
      consumers: 0,
      ready: 0,
      leased: 0,
      delayed: 0,
      bytes: 0,
    });
  });

  it('waits for deletions when it is closed, and declares nothing more', async () => {
    const { queues, queue, store } = kit();
    const q = await queue();
    for (let count = 0; count < 5000; count++) queues.publish(message('a'), [q]);
    void queues.delete(q);
    await queues.close();
    expect(store.count).toBe(0);
    await expect(queue()).rejects.toEqual(code('stopping'));
    await settle();
  });
});
