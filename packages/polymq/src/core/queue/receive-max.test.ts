import { describe, expect, it } from 'vitest';
import type { CoreQueue } from './core-queue.ts';
import type { QueueSettings } from './queue-definition.ts';
import { bodies, type Kit, kit, message, settle, TestConsumer } from './testing/kit.ts';

/** A queue `q` whose dead letters go to `dead`. */
async function withDead(settings: QueueSettings): Promise<Kit & { q: CoreQueue; dead: CoreQueue }> {
  const made = kit();
  const dead = await made.queue({}, {}, 'dead');
  made.queues.deadLetterRouter = () => ({ queues: [dead] });
  const q = await made.queue({ deadLetterExchange: '', ...settings });
  return { ...made, q, dead };
}

describe('a message that was handed out as often as it may be', () => {
  it('is dead-lettered when its turn comes, and the next one is taken', async () => {
    const { queues, q, dead, store, clock } = await withDead({ receiveMax: 2 });
    for (const body of ['a', 'b']) queues.publish(message(body), [q]);
    for (let time = 0; time < 2; time++) {
      void q.take(10, true);
      clock.advance(10);
    }
    // Nobody has asked for it yet.
    expect([q.readyCount, dead.readyCount]).toEqual([2, 0]);
    expect(q.take(10, true)).toBeDefined();
    expect(store.view.body.toString()).toBe('b');
    expect([await bodies(dead), q.readyCount, q.leasedCount]).toEqual([['a'], 0, 1]);
    expect(queues.counters).toMatchObject({ deadLettered: 1, expired: 0 });
  });

  it('is dead-lettered before a consumer gets it, but not while none is ready', async () => {
    const { queues, q, dead } = await withDead({ receiveMax: 1 });
    for (const body of ['a', 'b']) queues.publish(message(body), [q]);
    q.requeue(q.take() as number);
    const consumer = new TestConsumer(0);
    q.addConsumer(consumer);
    expect(dead.readyCount).toBe(0);
    consumer.credit = 1;
    q.resume(consumer);
    expect([consumer.bodies, await bodies(dead)]).toEqual([['b'], ['a']]);
  });

  it('makes room for the next of its group', async () => {
    const { queues, q, dead } = await withDead({ receiveMax: 1, groups: true });
    for (const body of ['a1', 'a2', 'a3', 'a4']) {
      queues.publish(message(body, { groupId: 'a' }), [q]);
    }
    const a1 = q.take() as number;
    const a2 = q.takeNextOfGroup(a1)!;
    const a3 = q.takeNextOfGroup(a1)!;
    q.requeueAll([a2, a3]);
    expect(q.seq(q.takeNextOfGroup(a1)!)).toBe(3);
    expect(q.takeNextOfGroup(a1)).toBeUndefined();
    expect([await bodies(dead), q.leasedCount]).toEqual([['a2', 'a3'], 2]);
    q.requeue(a1);
    expect(q.take()).toBeUndefined();
  });

  it('is handed out on while the queue for it is not there', async () => {
    const { queues, queue } = kit();
    const named = { deadLetterExchange: '', deadLetterRoutingKey: 'dead' };
    const q = await queue({ receiveMax: 1, ...named });
    queues.deadLetterRouter = () => {
      const dead = queues.get('', 'dead');
      return { queues: dead === undefined ? [] : [dead] };
    };
    queues.publish(message('a'), [q]);
    for (const attempts of [0, 1, 2]) {
      const row = q.take() as number;
      expect(q.attempts(row)).toBe(attempts);
      q.requeue(row);
    }
    const dead = await queue({}, {}, 'dead');
    expect([q.take(), q.readyCount, await bodies(dead)]).toEqual([undefined, 0, ['a']]);
  });

  it('is dropped where there is no exchange for it', async () => {
    const { queues, queue } = kit();
    const q = await queue({ receiveMax: 1 });
    queues.publish(message('a'), [q]);
    q.requeue(q.take() as number);
    expect([q.take(), q.readyCount, queues.counters.dropped]).toEqual([undefined, 0, 1]);
  });

  it('may be one of very many', async () => {
    const { queues, queue } = kit();
    const q = await queue({ receiveMax: 1 });
    for (let each = 0; each < 2500; each++) queues.publish(message('a'), [q]);
    queues.publish(message('b'), [q]);
    const rows = Array.from({ length: 2500 }, () => q.take() as number);
    q.requeueAll(rows);
    expect(q.seq((await q.take())!)).toBe(2500);
  });
});

describe('the reasons for dead-lettering', () => {
  it('send on what dies of one of them, and drop the rest', async () => {
    const { queues, q, dead, clock } = await withDead({
      deadLetterReasons: ['rejected', 'delivery_limit'],
      messageTtlMs: 100,
      lengthMax: 3,
      deliveryLimit: 0,
    });
    for (const body of ['long', 'rejected', 'limit', 'old']) queues.publish(message(body), [q]);
    q.reject(q.take() as number);
    q.requeue(q.take() as number);
    clock.advance(100);
    await settle();
    expect([q.readyCount, await bodies(dead)]).toEqual([0, ['rejected', 'limit']]);
    expect(queues.counters).toMatchObject({ deadLettered: 2, dropped: 2, expired: 1 });
  });

  it('hold for messages that are not taken in too', async () => {
    const refusing = { lengthMax: 0, overflow: 'reject-dead-letter' } as const;
    const { queues, q, dead } = await withDead({ ...refusing, deadLetterReasons: ['rejected'] });
    expect(queues.publish(message('a'), [q])).toBe(1);
    const other = await withDead({ ...refusing, deadLetterReasons: ['maxlen'] });
    expect(other.queues.publish(message('a'), [other.q])).toBe(1);
    expect([dead.readyCount, other.dead.readyCount]).toEqual([0, 1]);
  });
});
