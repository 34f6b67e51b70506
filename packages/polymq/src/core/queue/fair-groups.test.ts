import { describe, expect, it } from 'vitest';
import type { CoreQueue } from './core-queue.ts';
import type { QueueSettings } from './queue-definition.ts';
import { bodies, type Kit, kit, message, settle, TestConsumer } from './testing/kit.ts';
import { RestartKit } from './testing/restart-kit.ts';

interface Fair extends Kit {
  q: CoreQueue;
  publish: (...texts: string[]) => void;
  take: (count?: number) => string[];
  rows: Map<string, number>;
}

/** Messages whose group is their first letter; those that begin with `-` have none. */
async function fair(texts: readonly string[], settings: QueueSettings = {}): Promise<Fair> {
  const made = kit();
  const q = await made.queue({ groups: 'fair', ...settings });
  const rows = new Map<string, number>();
  const publish = (...more: string[]): void => {
    for (const text of more) made.queues.publish(messageOf(text), [q]);
  };
  const take = (count = Number.POSITIVE_INFINITY): string[] => {
    const taken: string[] = [];
    while (taken.length < count) {
      const row = q.take() as number | undefined;
      if (row === undefined) break;
      taken.push(made.store.view.body.toString());
      rows.set(taken.at(-1)!, row);
    }
    return taken;
  };
  publish(...texts);
  return { ...made, q, publish, take, rows };
}

function messageOf(text: string): ReturnType<typeof message> {
  return message(text, text[0] === '-' ? {} : { groupId: text[0]! });
}

describe('fair groups', () => {
  it('take turns, and keep the order within each', async () => {
    const { take } = await fair(['a1', 'a2', 'a3', 'a4', 'b1', 'c1', 'b2']);
    expect(take()).toEqual(['a1', 'b1', 'c1', 'a2', 'b2', 'a3', 'a4']);
  });

  it('do not lock: one group alone is handed out as fast as it can be', async () => {
    const { take, q } = await fair(['a1', 'a2', 'a3']);
    expect([take(), q.leasedCount]).toEqual([['a1', 'a2', 'a3'], 3]);
  });

  it('come behind those that have fewer in flight', async () => {
    const { take, publish, q, rows } = await fair(['a1', 'a2', 'a3', 'a4']);
    take(2);
    publish('b1', 'b2', 'c1');
    expect(take(4)).toEqual(['b1', 'c1', 'b2', 'a3']);
    for (const text of ['a1', 'a2', 'a3']) q.ack(rows.get(text)!);
    publish('b3');
    expect(take()).toEqual(['a4', 'b3']);
  });

  it('take turns also when each message is answered at once', async () => {
    const { take, q, rows } = await fair(['a1', 'a2', 'a3', 'b1', 'b2']);
    const seen: string[] = [];
    for (let count = 0; count < 5; count++) {
      const [text] = take(1);
      seen.push(text!);
      q.ack(rows.get(text!)!);
    }
    expect(seen).toEqual(['a1', 'b1', 'a2', 'b2', 'a3']);
  });

  it('take turns with messages without a group, each of which is one', async () => {
    const { take, q, rows, publish } = await fair(['a1', 'a2', 'a3', '-1', '-2', '-3']);
    expect(take(1)).toEqual(['a1']);
    expect(take(2)).toEqual(['-1', '-2']);
    q.ack(rows.get('a1')!);
    // It was served when `-3` was there, and `-4` was not.
    publish('-4');
    expect(take()).toEqual(['-3', 'a2', '-4', 'a3']);
  });

  it('are an ordinary queue where no message has a group', async () => {
    const { take, q, rows } = await fair(['-1', '-2', '-3']);
    expect(take(2)).toEqual(['-1', '-2']);
    q.requeue(rows.get('-1')!);
    expect([take(), q.groupCount]).toEqual([['-1', '-3'], 0]);
  });

  it('put what comes back to its place', async () => {
    const { take, q, rows } = await fair(['a1', 'a2', 'a3', 'b1']);
    take(3);
    q.requeue(rows.get('a1')!);
    expect(take()).toEqual(['a1', 'a3']);
    q.requeueAll(['a2', 'a3', 'a1', 'b1'].map((text) => rows.get(text)!));
    expect(take()).toEqual(['b1', 'a1', 'a2', 'a3']);
    expect([q.groupCount, q.leasedCount]).toEqual([2, 4]);
  });

  it('do not wait for one that comes back later', async () => {
    const { take, q, rows, clock } = await fair(['a1', 'a2']);
    take(1);
    q.requeue(rows.get('a1')!, { delayMs: 100 });
    expect(take()).toEqual(['a2']);
    clock.advance(100);
    expect(take()).toEqual(['a1']);
  });

  it('have no next message to be taken beside another', async () => {
    const { take, q, rows } = await fair(['a1', 'a2']);
    take(1);
    expect(q.takeNextOfGroup(rows.get('a1')!)).toBeUndefined();
  });

  it('lose what expires, is too much or is dead-lettered', async () => {
    const { q, publish, clock, take, queues, rows } = await fair(['a1', 'a2', 'b1'], {
      messageTtlMs: 100,
      lengthMax: 3,
      receiveMax: 1,
    });
    publish('c1');
    expect(await bodies(q)).toEqual(['a2', 'b1', 'c1']);
    clock.advance(50);
    expect(take(1)).toEqual(['a2']);
    q.requeue(rows.get('a2')!);
    publish('b2');
    // Of the four it was the turn of `b1`, which had to go.
    expect(take()).toEqual(['b2', 'c1']);
    q.requeueAll(['c1', 'b2'].map((text) => rows.get(text)!));
    clock.advance(100);
    expect([q.readyCount, q.groupCount, queues.counters.dropped]).toEqual([0, 0, 5]);
  });

  it('expire although nobody takes anything', async () => {
    const { q, publish, clock, store } = await fair(['a1', 'b1', 'b2'], { messageTtlMs: 100 });
    clock.advance(50);
    publish('a2', 'c1', '-1');
    clock.advance(50);
    expect(await bodies(q)).toEqual(['a2', 'c1', '-1']);
    clock.advance(50);
    expect([q.readyCount, store.rows.count]).toEqual([0, 0]);
  });

  it('expire by another time to live, however many there are in front', async () => {
    const { q, take, queues, clock } = await fair(['a1', 'b1', 'b2', 'c1', 'c2'], {
      messageTtlMs: 1000,
    });
    take(2);
    await queues.alter(q, { settings: { groups: 'fair', messageTtlMs: 100 }, declared: {} });
    await settle();
    clock.advance(100);
    expect([q.readyCount, q.leasedCount]).toEqual([0, 2]);
  });

  it('are discarded from and purged', async () => {
    const { q, take, store } = await fair(['a1', 'a2', 'a3', 'b1', 'c1', '-1']);
    const rows = new Map<string, number>();
    await q.peek(9, (view, row) => rows.set(view.body.toString(), row));
    for (const [text, seq] of [['a1', 0] as const, ['a2', 1] as const, ['b1', 3] as const]) {
      expect(q.discard(rows.get(text)!, seq)).toBe(true);
    }
    expect([q.groupCount, q.readyCount]).toEqual([2, 3]);
    expect(await bodies(q)).toEqual(['a3', 'c1', '-1']);
    expect(take(1)).toEqual(['a3']);
    expect(await q.purge()).toBe(2);
    expect([q.groupCount, q.readyCount, q.leasedCount, take()]).toEqual([1, 0, 1, []]);
    await q.purge({ all: true });
    expect([q.groupCount, store.count]).toEqual([0, 0]);
  });

  it('reach consumers in turn', async () => {
    const { q, publish } = await fair([]);
    const consumer = new TestConsumer(2);
    q.addConsumer(consumer);
    publish('a1', 'a2', 'a3', 'b1', '-1');
    expect(consumer.bodies).toEqual(['a1', 'a2']);
    consumer.credit = 9;
    q.resume(consumer);
    expect(consumer.bodies).toEqual(['a1', 'a2', 'b1', '-1', 'a3']);
  });

  it('are fair among very many', async () => {
    const { take, publish, q } = await fair([]);
    const letters = Array.from({ length: 5000 }, (_, each) => String.fromCharCode(0x4e00 + each));
    for (let each = 0; each < 5000; each++) publish('a');
    publish(...letters.map((letter) => `${letter}1`), ...letters.map((letter) => `${letter}2`));
    expect(take(1)).toEqual(['a']);
    expect(new Set(take(5000)).size).toBe(5000);
    expect(take(1)).toEqual(['a']);
    expect(q.groupCount).toBe(5001);
    expect(take()).toHaveLength(9998);
    await q.purge({ all: true });
    await settle();
    expect(q.groupCount).toBe(0);
  });

  it('are known after a restart, with what is in flight of each', async () => {
    const broker = new RestartKit();
    await broker.start();
    const q = await broker.declare('q', { groups: 'fair' });
    for (const text of ['a1', 'a2', 'a3', 'a4', 'b1', 'b2']) {
      broker.queues.publish(messageOf(text), [q]);
    }
    for (let count = 0; count < 3; count++) void q.take(60_000, true);
    await broker.crash();
    const again = broker.get('q');
    expect([again.leasedCount, again.readyCount, again.groupCount]).toEqual([3, 3, 2]);
    const seen: string[] = [];
    for (let row = await again.take(); row !== undefined; row = await again.take()) {
      broker.store.locate(row);
      seen.push(broker.store.view.body.toString());
    }
    // Two of "a" and one of "b" were in flight.
    expect(seen).toEqual(['b2', 'a3', 'a4']);
    await broker.stop();
  });
});
