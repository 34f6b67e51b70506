import { describe, expect, it } from 'vitest';
import { bodies, kit, message, settle, TestConsumer } from './testing/kit.ts';

const letters = ['a', 'b', 'c', 'd', 'e', 'f'];

describe('consumers of a queue', () => {
  it('get messages in turn', async () => {
    const { queues, queue } = kit();
    const q = await queue();
    const consumers = [new TestConsumer(), new TestConsumer(), new TestConsumer()];
    for (const consumer of consumers) q.addConsumer(consumer);
    for (const body of letters) queues.publish(message(body), [q]);
    expect(consumers.map((consumer) => consumer.bodies)).toEqual([
      ['a', 'd'],
      ['b', 'e'],
      ['c', 'f'],
    ]);
  });

  it('are passed over while they are not ready, and come back in turn', async () => {
    const { queues, queue } = kit();
    const q = await queue();
    const [busy, free] = [new TestConsumer(1), new TestConsumer()];
    q.addConsumer(busy);
    q.addConsumer(free);
    for (const body of letters) queues.publish(message(body), [q]);
    expect(busy.bodies).toEqual(['a']);
    busy.credit = 1;
    q.resume(busy);
    for (const body of ['g', 'h']) queues.publish(message(body), [q]);
    expect(busy.bodies).toEqual(['a', 'h']);
  });

  it('get what waits when they are resumed', async () => {
    const { queues, queue } = kit();
    const q = await queue();
    const consumer = new TestConsumer(0);
    q.addConsumer(consumer);
    queues.publish(message('a'), [q]);
    expect(consumer.bodies).toEqual([]);
    consumer.credit = 1;
    q.resume(consumer);
    expect(consumer.bodies).toEqual(['a']);
  });

  it('are asked once, not for every message, while they are busy', async () => {
    const { queues, queue } = kit();
    const q = await queue();
    const busy = Array.from({ length: 10_000 }, () => new TestConsumer(0));
    for (const consumer of busy) q.addConsumer(consumer);
    for (let count = 0; count < 100; count++) queues.publish(message('a'), [q]);
    expect(busy.reduce((sum, { asked }) => sum + asked, 0)).toBe(10_000);
  });

  it('with a higher priority get all they can take', async () => {
    const { queues, queue } = kit();
    const q = await queue();
    const [low, high, middle] = [new TestConsumer(), new TestConsumer(2), new TestConsumer(3)];
    q.addConsumer(low, { priority: -1 });
    q.addConsumer(high, { priority: 10 });
    q.addConsumer(middle);
    for (const body of letters) queues.publish(message(body), [q]);
    expect(high.bodies).toEqual(['a', 'b']);
    expect(middle.bodies).toEqual(['c', 'd', 'e']);
    expect(low.bodies).toEqual(['f']);
    high.credit = 1;
    q.resume(high);
    queues.publish(message('g'), [q]);
    expect(high.bodies).toEqual(['a', 'b', 'g']);
  });

  it('leave without taking their leased messages along', async () => {
    const { queues, queue } = kit();
    const q = await queue();
    const [first, second] = [new TestConsumer(1), new TestConsumer()];
    q.addConsumer(first);
    queues.publish(message('a'), [q]);
    q.removeConsumer(first);
    q.removeConsumer(first);
    expect([q.consumerCount, q.leasedCount]).toEqual([0, 1]);
    q.addConsumer(second);
    q.requeue(first.deliveries[0]!.row);
    expect(second.deliveries).toMatchObject([{ body: 'a', redelivered: true }]);
  });

  it('may leave while they get a message', async () => {
    const { queues, queue } = kit();
    const q = await queue();
    for (const body of letters) queues.publish(message(body), [q]);
    const consumer = new TestConsumer();
    consumer.onDelivery = () => q.removeConsumer(consumer);
    q.addConsumer(consumer);
    expect(consumer.bodies).toEqual(['a']);
  });

  it('can be alone only', async () => {
    const { queue } = kit();
    const q = await queue();
    const [exclusive, other] = [new TestConsumer(), new TestConsumer()];
    q.addConsumer(exclusive, { exclusive: true });
    expect(() => q.addConsumer(other)).toThrow('exclusive');
    q.removeConsumer(exclusive);
    q.addConsumer(other);
    expect(() => q.addConsumer(exclusive, { exclusive: true })).toThrow('1 consumers');
    expect(q.consumerCount).toBe(1);
  });

  it('wait for the active one where only one may be active', async () => {
    const { queues, queue } = kit();
    const q = await queue({ singleActiveConsumer: true });
    const consumers = [new TestConsumer(2), new TestConsumer(), new TestConsumer()] as const;
    const [first, second, third] = consumers;
    q.addConsumer(first);
    q.addConsumer(second);
    q.addConsumer(third, { priority: 5 });
    for (const body of letters) queues.publish(message(body), [q]);
    expect([first.bodies, second.bodies, third.bodies]).toEqual([['a', 'b'], [], []]);
    first.credit = 1;
    q.resume(first);
    expect(first.bodies).toEqual(['a', 'b', 'c']);
    q.removeConsumer(second);
    expect(q.activeConsumer).toBe(first);
    q.addConsumer(second);
    q.removeConsumer(first);
    // The highest priority takes over.
    expect(third.bodies).toEqual(['d', 'e', 'f']);
    expect(q.activeConsumer).toBe(third);
    q.removeConsumer(third);
    expect(q.activeConsumer).toBe(second);
  });

  it('take an auto-delete queue along when the last one leaves', async () => {
    const { queues, queue } = kit();
    const q = await queue({}, { autoDelete: true });
    const [first, second] = [new TestConsumer(), new TestConsumer()];
    q.addConsumer(first);
    q.addConsumer(second);
    q.removeConsumer(first);
    expect(q.deleted).toBe(false);
    q.removeConsumer(second);
    expect(queues.get('', 'q')).toBeUndefined();
    await settle();
    // The last consumer left by itself, so it is told nothing.
    expect(second.cancelled).toBe(0);
  });

  it('keep a queue in use', async () => {
    const { queues, queue, clock } = kit();
    const q = await queue({ expiresMs: 1000 });
    const consumer = new TestConsumer();
    q.addConsumer(consumer);
    clock.advance(5000);
    expect(q.deleted).toBe(false);
    q.removeConsumer(consumer);
    clock.advance(999);
    expect(q.deleted).toBe(false);
    clock.advance(1);
    expect([q.deleted, queues.count]).toEqual([true, 0]);
  });
});

describe('a queue that nobody uses', () => {
  it('is deleted after its time', async () => {
    const { queues, queue, clock } = kit();
    const q = await queue({ expiresMs: 1000 });
    queues.publish(message('a'), [q]);
    clock.advance(600);
    // Publishing and peeking are no use.
    queues.publish(message('b'), [q]);
    await bodies(q);
    clock.advance(400);
    expect(queues.get('', 'q')).toBeUndefined();
  });

  it('lives on when it is taken from or declared again', async () => {
    const { queue, clock } = kit();
    const q = await queue({ expiresMs: 1000 });
    clock.advance(900);
    void q.take();
    clock.advance(900);
    await expect(queue()).rejects.toThrow('exists already');
    clock.advance(900);
    q.touch();
    clock.advance(900);
    expect(q.deleted).toBe(false);
    clock.advance(100);
    expect(q.deleted).toBe(true);
  });
});

/** A `take` that waits. */
function poll(credit = 1): TestConsumer {
  return Object.assign(new TestConsumer(credit), { passing: true });
}

describe('passing consumers', () => {
  it('get messages in turn with the others, and are not counted', async () => {
    const { queues, queue } = kit();
    const q = await queue();
    const [stays, passes] = [new TestConsumer(), poll(2)];
    q.addConsumer(stays);
    q.addConsumer(passes);
    expect(q.consumerCount).toBe(1);
    for (const body of letters) queues.publish(message(body), [q]);
    expect([stays.bodies, passes.bodies]).toEqual([
      ['a', 'c', 'e', 'f'],
      ['b', 'd'],
    ]);
    q.removeConsumer(passes);
    expect(q.consumerCount).toBe(1);
  });

  it('do not delete an auto-delete queue by going, nor keep it when the others go', async () => {
    const { queue } = kit();
    const q = await queue({}, { autoDelete: true });
    const passes = poll();
    q.addConsumer(passes);
    q.removeConsumer(passes);
    expect(q.deleted).toBe(false);
    const stays = new TestConsumer();
    q.addConsumer(stays);
    q.addConsumer(passes);
    q.removeConsumer(stays);
    expect([q.deleted, passes.cancelled, stays.cancelled]).toEqual([true, 1, 0]);
  });

  it('do not keep a queue from being deleted if unused', async () => {
    const { queue, queues } = kit();
    const q = await queue();
    const passes = poll();
    q.addConsumer(passes);
    await queues.delete(q, { ifUnused: true });
    expect(passes.cancelled).toBe(1);
  });

  it('are neither hindered by an exclusive consumer nor hinder it', async () => {
    const { queues, queue } = kit();
    const q = await queue();
    const [first, second, alone] = [poll(), poll(), new TestConsumer()];
    q.addConsumer(first);
    q.addConsumer(alone, { exclusive: true });
    q.addConsumer(second);
    q.removeConsumer(first);
    expect(() => q.addConsumer(new TestConsumer())).toThrow('exclusive');
    for (const body of letters) queues.publish(message(body), [q]);
    expect([first.bodies, second.bodies.length, alone.bodies.length]).toEqual([[], 1, 5]);
  });

  it('get what a single active consumer has no room for, and never become it', async () => {
    const { queues, queue } = kit();
    const q = await queue({ singleActiveConsumer: true });
    const [passes, active, next] = [poll(2), new TestConsumer(1), new TestConsumer()];
    q.addConsumer(passes);
    expect(q.activeConsumer).toBeUndefined();
    queues.publish(message('a'), [q]);
    q.addConsumer(active);
    q.addConsumer(next);
    for (const body of ['b', 'c', 'd']) queues.publish(message(body), [q]);
    expect([passes.bodies, active.bodies, next.bodies]).toEqual([['a', 'c'], ['b'], []]);
    q.removeConsumer(active);
    expect([q.activeConsumer, next.bodies]).toEqual([next, ['d']]);
    q.removeConsumer(next);
    q.removeConsumer(passes);
    queues.publish(message('e'), [q]);
    expect(await bodies(q)).toEqual(['e']);
  });

  it('are use of the queue, as long as they last', async () => {
    const { queue, clock } = kit();
    const q = await queue({ expiresMs: 100 });
    clock.advance(60);
    const passes = poll();
    q.addConsumer(passes);
    clock.advance(300);
    expect(q.deleted).toBe(false);
    q.removeConsumer(passes);
    clock.advance(99);
    expect(q.deleted).toBe(false);
    clock.advance(1);
    expect(q.deleted).toBe(true);
  });
});
