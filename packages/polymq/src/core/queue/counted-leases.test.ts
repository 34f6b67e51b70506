import { describe, expect, it, onTestFinished } from 'vitest';
import { bodies, kit, message, TestConsumer } from './testing/kit.ts';
import { RestartKit } from './testing/restart-kit.ts';

/** Of tests over a restart. */
let broker: RestartKit;

async function start(): Promise<RestartKit> {
  broker = new RestartKit();
  await broker.start();
  onTestFinished(() => broker.stop());
  return broker;
}

describe('a counted lease', () => {
  it('is an attempt at once, which its end by time does not count again', async () => {
    const { queues, queue, clock } = kit();
    const q = await queue();
    queues.publish(message('a'), [q]);
    for (let attempt = 1; attempt <= 3; attempt++) {
      const row = q.take(1000, true) as number;
      expect(q.attempts(row)).toBe(attempt);
      clock.advance(999);
      expect(q.leasedCount).toBe(1);
      clock.advance(1);
      expect([q.leasedCount, q.readyCount, q.attempts(row)]).toEqual([0, 1, attempt]);
    }
  });

  it('is not counted again by being given back, and the message is marked', async () => {
    const { queues, queue, store } = kit();
    const q = await queue();
    queues.publish(message('a'), [q]);
    q.requeue(q.take(1000, true) as number);
    const row = q.take() as number;
    expect(q.attempts(row)).toBe(1);
    // Every change was journaled; this lease is an ordinary one.
    expect(store.journal).toEqual(['put 0', 'update 0', 'update 0']);
    q.requeue(row);
    expect(q.attempts(q.take() as number)).toBe(2);
  });

  it('was no attempt if the message is given back untouched', async () => {
    const { queues, queue } = kit();
    const q = await queue();
    queues.publish(message('a'), [q]);
    const row = q.take(1000, true) as number;
    expect(q.firstTakenMs(row)).toBeDefined();
    q.requeue(row, { untouched: true });
    expect([q.attempts(row), q.firstTakenMs(row)]).toEqual([0, undefined]);
  });

  it('ends when it is said to, and what is 0 gives back now', async () => {
    const { queues, queue, clock, store } = kit();
    const q = await queue();
    queues.publish(message('a'), [q]);
    const row = q.take(1000, true) as number;
    clock.advance(900);
    q.extend(row, 5000);
    expect(store.dues).toEqual([1000, 5900].map((ms) => 1_700_000_000_000 + ms));
    clock.advance(4999);
    expect(q.holds(row, 0)).toBe(true);
    q.extend(row, 0);
    expect([q.holds(row, 0), q.readyCount, q.attempts(row)]).toEqual([false, 1, 1]);
  });

  it('goes to a consumer that asks for it', async () => {
    const { queues, queue, clock } = kit();
    const q = await queue();
    queues.publish(message('a'), [q]);
    const consumer = new TestConsumer();
    const poll = Object.assign(consumer, { leaseMs: 100, counted: true });
    q.addConsumer(poll);
    expect(q.attempts(consumer.deliveries[0]!.row)).toBe(1);
    clock.advance(100);
    expect(consumer.deliveries.map(({ redelivered }) => redelivered)).toEqual([false, true]);
    expect(q.attempts(consumer.deliveries[1]!.row)).toBe(2);
  });

  it('goes to the next of a group too', async () => {
    const { queues, queue, clock } = kit();
    const q = await queue({ groups: true });
    for (const body of ['a1', 'a2']) queues.publish(message(body, { groupId: 'a' }), [q]);
    const first = q.take(100, true) as number;
    const next = q.takeNextOfGroup(first, 100, true)!;
    expect([q.attempts(next), q.groupIdOf(next)]).toEqual([1, 'a']);
    clock.advance(100);
    expect([q.readyCount, q.attempts(next)]).toEqual([2, 1]);
  });

  it('is remembered with the time of the first, as long as the message is there', async () => {
    const { queues, queue, clock } = kit();
    const q = await queue();
    queues.publish(message('a'), [q]);
    const beganMs = clock.nowMs();
    const row = q.take(100, true) as number;
    clock.advance(100);
    expect(q.take(100, true)).toBe(row);
    expect(q.firstTakenMs(row)).toBe(beganMs);
    q.ack(row);
    expect(queues.firstTaken.count).toBe(0);
    queues.publish(message('b'), [q]);
    expect(q.firstTakenMs(q.take() as number)).toBeUndefined();
  });

  it('forgets the time with messages that are purged, or go with their queue', async () => {
    const { queues, queue, clock } = kit();
    const q = await queue();
    for (const body of ['a', 'b']) queues.publish(message(body), [q]);
    void q.take(100, true);
    void q.take(1e6, true);
    clock.advance(100);
    await q.purge();
    expect(queues.firstTaken.count).toBe(1);
    await queues.delete(q);
    await queues.close();
    expect(queues.firstTaken.count).toBe(0);
  });

  it('counts against the delivery limit like any other', async () => {
    const { queues, queue, clock } = kit();
    const q = await queue({ deliveryLimit: 1 });
    queues.publish(message('a'), [q]);
    void q.take(10, true);
    clock.advance(10);
    expect(q.readyCount).toBe(1);
    void q.take(10, true);
    clock.advance(10);
    expect([q.readyCount, queues.counters.dropped]).toEqual([0, 1]);
  });
});

describe('a local lease', () => {
  it('counts as an attempt, and writes no end that could outlive its holder', async () => {
    const { queues, queue, store, clock } = kit();
    const q = await queue();
    queues.publish(message('a'), [q]);
    const row = q.take(1000, 'local') as number;
    clock.advance(900);
    q.extend(row, 5000);
    expect(store.dues).toEqual([]);
    clock.advance(4999);
    expect([q.holds(row, 0), q.attempts(row)]).toEqual([true, 1]);
    clock.advance(1);
    expect([q.holds(row, 0), q.readyCount, q.attempts(row)]).toEqual([false, 1, 1]);
    q.requeue(q.take(1000, 'local') as number, { untouched: true });
    expect(q.attempts(row)).toBe(1);
  });
});

describe('a lease that counts later', () => {
  it('is an attempt when the work begins, and not before', async () => {
    const { queues, queue, store } = kit();
    const q = await queue();
    queues.publish(message('a'), [q]);
    const row = q.take(1000, 'later') as number;
    expect([q.attempts(row), store.journal]).toEqual([0, ['put 0']]);
    q.begin(row);
    expect([q.attempts(row), store.journal]).toEqual([1, ['put 0', 'update 0']]);
    q.requeue(row);
    expect(q.attempts(row)).toBe(1);
  });

  it('is none when the message comes back before, which is written like its going', async () => {
    const { queues, queue, store } = kit();
    const q = await queue();
    queues.publish(message('a'), [q]);
    for (let time = 0; time < 2; time += 1) {
      const row = q.take(1000, 'later') as number;
      expect(q.handAhead(row)).toBe(true);
      q.requeue(row, { untouched: true });
      expect(q.attempts(row)).toBe(0);
    }
    expect(store.journal).toEqual(['put 0', ...new Array<string>(4).fill('update 0')]);
  });

  it('is one when it ends by itself, and then the work on the message has to be told', async () => {
    const { queues, queue, clock } = kit();
    const q = await queue();
    queues.publish(message('a'), [q]);
    const row = q.take(1000, 'later') as number;
    expect(q.handAhead(row)).toBe(true);
    clock.advance(1000);
    expect([q.readyCount, q.attempts(row)]).toEqual([1, 1]);
    expect(q.handAhead(q.take(1000, 'later') as number)).toBe(false);
    q.begin(row);
    expect(q.attempts(row)).toBe(2);
  });
});

describe('a lease that counts later, over a restart', () => {
  it.each(['restart', 'crash'] as const)('makes suspects of what was ahead: %s', async (how) => {
    const { queues } = await start();
    const q = await broker.declare('q');
    for (const body of ['begun', 'ahead', 'back', 'new']) queues.publish(message(body), [q]);
    const [begun, ahead, back] = [0, 1, 2].map(() => q.take(1000, 'later') as number);
    q.begin(begun!);
    expect([q.handAhead(ahead!), q.handAhead(back!)]).toEqual([true, true]);
    q.requeue(back!, { untouched: true });
    await broker[how]();
    let again = broker.get('q');
    expect([again.readyCount, again.leasedCount]).toEqual([4, 0]);
    const rows: number[] = [];
    for (let n = 0; n < 4; n += 1) rows.push((await again.take(1000, 'later'))!);
    expect(rows.map((row) => again.attempts(row))).toEqual([1, 0, 0, 0]);
    expect(rows.map((row) => again.handAhead(row))).toEqual([false, false, true, true]);
    again.requeueAll(rows, { untouched: true });
    // It is one still, and its beginning counts.
    for (let life = 0; life < 2; life += 1) {
      await broker.crash();
      again = broker.get('q');
      void (await again.take(1000, 'later'));
      const suspect = (await again.take(1000, 'later'))!;
      expect([again.handAhead(suspect), again.attempts(suspect)]).toEqual([false, life]);
      again.begin(suspect);
    }
  });
});

describe('a counted lease over a restart', () => {
  it.each(['restart', 'crash'] as const)('is over if it was local: %s', async (how) => {
    const { queues } = await start();
    const q = await broker.declare('q');
    for (const body of ['a', 'b']) queues.publish(message(body), [q]);
    q.extend(q.take(1000, 'local') as number, 9000);
    await broker[how]();
    const again = broker.get('q');
    expect([again.readyCount, again.leasedCount]).toEqual([2, 0]);
    const a = (await again.take(1000, 'local'))!;
    expect(again.attempts(a)).toBe(2);
    expect(again.attempts((await again.take(1000, 'local'))!)).toBe(1);
  });

  it.each(['restart', 'crash'] as const)('goes on for the rest of its time: %s', async (how) => {
    const { queues, clock } = await start();
    const q = await broker.declare('q');
    for (const body of ['a', 'b', 'c']) queues.publish(message(body), [q]);
    const a = q.take(1000, true) as number;
    q.extend(a, 2000);
    q.ack(q.take(1000, true) as number);
    clock.advance(500);
    await broker[how]();
    const again = broker.get('q');
    expect([again.readyCount, again.leasedCount]).toEqual([1, 1]);
    const row = again.restoredLease(0)!;
    expect([again.holds(row, 0), again.attempts(row), again.seq(row)]).toEqual([true, 1, 0]);
    expect([again.restoredLease(1), again.restoredLease(2)]).toEqual([undefined, undefined]);
    clock.advance(1499);
    expect(again.readyCount).toBe(1);
    clock.advance(1);
    expect(await bodies(again)).toEqual(['a', 'c']);
    expect([again.attempts(row), again.restoredLease(0)]).toEqual([1, row]);
    expect(again.discard(row, 0)).toBe(true);
    expect(again.restoredLease(0)).toBeUndefined();
  });

  it('is found again although nothing of it was written, but not what came later', async () => {
    const { queues, clock } = await start();
    const q = await broker.declare('q');
    for (const body of ['a', 'b']) queues.publish(message(body), [q]);
    clock.advance(50);
    const takenMs = clock.nowMs();
    void q.take(1000, false);
    clock.advance(50);
    await broker.crash();
    const again = broker.get('q');
    expect(again.restoredLease(0)).toBeUndefined();
    const row = (await again.findRestored(0, takenMs))!;
    expect([again.contains(row, 0), again.holds(row, 0)]).toEqual([true, false]);
    expect(await again.findRestored(0, takenMs - 60)).toBeUndefined();
    queues.publish(message('c'), [again]);
    expect(await again.findRestored(2, clock.nowMs())).toBeUndefined();
    again.discard(row, 0);
    expect(await again.findRestored(0, takenMs)).toBeUndefined();
  });

  it('is over if its end has passed meanwhile, and counts', async () => {
    const { queues, clock } = await start();
    const q = await broker.declare('q', { receiveMax: 2 });
    queues.publish(message('a'), [q]);
    void q.take(1000, true);
    await broker.stop();
    clock.advance(1000);
    await broker.start();
    const again = broker.get('q');
    expect([again.readyCount, again.leasedCount]).toEqual([1, 0]);
    const row = (await again.take(10, true))!;
    expect(again.attempts(row)).toBe(2);
    clock.advance(10);
    expect(again.take()).toBeUndefined();
    expect(broker.queues.counters.dropped).toBe(1);
  });

  it('does not last when the message was given back, or acknowledged', async () => {
    const { queues } = await start();
    const q = await broker.declare('q');
    for (const body of ['a', 'b', 'c']) queues.publish(message(body), [q]);
    const [a, b, c] = [0, 1, 2].map(() => q.take(60_000, true) as number);
    q.requeue(a!);
    q.extend(b!, 0);
    q.ack(c!);
    await broker.crash();
    const again = broker.get('q');
    expect([again.readyCount, again.leasedCount]).toEqual([2, 0]);
    expect(again.restoredLease(0)).toBeUndefined();
    expect(again.attempts((await again.take())!)).toBe(1);
  });

  it('keeps its group waiting, also for an older message that is ready', async () => {
    const { queues } = await start();
    const q = await broker.declare('q', { groups: true });
    for (const body of ['a1', 'a2', 'a3']) queues.publish(message(body, { groupId: 'a' }), [q]);
    const first = q.take(1000, true) as number;
    void q.takeNextOfGroup(first, 2000, true);
    q.extend(first, 0);
    await broker.restart();
    const again = broker.get('q');
    expect([again.readyCount, again.leasedCount]).toEqual([2, 1]);
    expect(await again.take()).toBeUndefined();
    again.ack(again.restoredLease(1)!);
    expect(await bodies(again)).toEqual(['a1', 'a3']);
    expect(again.seq((await again.take())!)).toBe(0);
  });

  it('has no end where none was given: the message is ready', async () => {
    const { queues } = await start();
    const q = await broker.declare('q', { delayMs: 1000 });
    queues.publish(message('a'), [q]);
    broker.clock.advance(1000);
    void q.take(0, true);
    await broker.crash();
    expect(broker.get('q').readyCount).toBe(1);
  });
});
