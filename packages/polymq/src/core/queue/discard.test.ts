import { describe, expect, it } from 'vitest';
import type { CoreQueue } from './core-queue.ts';
import type { QueueSettings } from './queue-definition.ts';
import { bodies, type Kit, kit, message, settle, TestConsumer } from './testing/kit.ts';

/** A queue with these messages, and the rows by body; the group is the first letter where there are groups. */
async function filled(
  texts: readonly string[],
  settings: QueueSettings = {},
): Promise<Kit & { q: CoreQueue; rows: Map<string, number> }> {
  const made = kit();
  const q = await made.queue(settings);
  const rows = new Map<string, number>();
  for (const text of texts) {
    const group = settings.groups === undefined ? {} : { groupId: text[0]! };
    made.queues.publish(message(text, group), [q]);
  }
  await q.peek(texts.length, (view, row) => rows.set(view.body.toString(), row));
  return { ...made, q, rows };
}

const at = (rows: Map<string, number>, text: string) => rows.get(text)!;

describe('discarding', () => {
  it('removes a ready message from the middle, at once in every respect', async () => {
    const { q, rows, store, queues } = await filled(['a', 'b', 'c', 'd']);
    const bytes = q.bytes;
    expect(q.discard(at(rows, 'b'), 1)).toBe(true);
    expect([q.readyCount, q.bytes, q.readyBodyBytes, store.count]).toEqual([
      3,
      (bytes / 4) * 3,
      3,
      3,
    ]);
    expect(store.journal.at(-1)).toBe('remove 1');
    expect(await bodies(q)).toEqual(['a', 'c', 'd']);
    expect(queues.counters.acked).toBe(1);
    const consumer = new TestConsumer();
    q.addConsumer(consumer);
    expect(consumer.bodies).toEqual(['a', 'c', 'd']);
    for (const { row } of consumer.deliveries) q.ack(row);
    expect([store.rows.count, q.bytes]).toEqual([0, 0]);
  });

  it('keeps the row until it has left the list, so no other message gets it', async () => {
    const { q, rows, store, queues } = await filled(['a', 'b', 'c']);
    q.discard(at(rows, 'b'), 1);
    expect(store.rows.count).toBe(3);
    queues.publish(message('d'), [q]);
    expect(await bodies(q)).toEqual(['a', 'c', 'd']);
    void q.take();
    void q.take();
    expect(store.rows.count).toBe(3);
  });

  it('works at the head, at the tail, and where nothing else is left', async () => {
    const { q, rows, queues, store } = await filled(['a', 'b', 'c']);
    for (const [text, seq] of [
      ['a', 0],
      ['c', 2],
      ['b', 1],
    ] as const) {
      expect(q.discard(at(rows, text), seq)).toBe(true);
    }
    expect([q.readyCount, q.take(), store.rows.count]).toEqual([0, undefined, 0]);
    queues.publish(message('d'), [q]);
    expect(await bodies(q)).toEqual(['d']);
  });

  it('removes messages that came back out of order', async () => {
    const { q, store } = await filled(['a', 'b', 'c', 'd', 'e']);
    const rows = Array.from({ length: 4 }, () => q.take() as number);
    for (const row of [3, 0, 2, 1]) q.requeue(rows[row]!);
    expect(q.discard(rows[2]!, 2)).toBe(true);
    expect(q.discard(rows[0]!, 0)).toBe(true);
    expect(await bodies(q)).toEqual(['b', 'd', 'e']);
    const consumer = new TestConsumer();
    q.addConsumer(consumer);
    expect(consumer.bodies).toEqual(['b', 'd', 'e']);
    expect(store.rows.count).toBe(3);
  });

  it('removes a delayed message and its timer', async () => {
    const { q, queues, clock, store } = await filled([]);
    queues.publish(message('a', { dueMs: clock.nowMs() + 100 }), [q]);
    const row = 0;
    expect([q.delayedCount, q.discard(row, 0)]).toEqual([1, true]);
    expect([q.delayedCount, q.bytes, store.rows.count, queues.rowTimers.count]).toEqual([
      0, 0, 0, 0,
    ]);
  });

  it('does nothing to what is leased, gone, another message or no row at all', async () => {
    const { q, queues, queue } = await filled(['a', 'b']);
    const other = await queue({}, {}, 'other');
    const row = q.take() as number;
    expect(q.discard(row, 0)).toBe(false);
    q.requeue(row);
    expect(q.discard(row, 1)).toBe(false);
    expect(other.discard(row, 0)).toBe(false);
    expect(q.discard(row, 0)).toBe(true);
    expect(q.discard(row, 0)).toBe(false);
    expect(q.discard(1_000_000, 0)).toBe(false);
    await queues.delete(q);
    expect(q.discard(1, 1)).toBe(false);
  });

  it('does nothing to what dies already', async () => {
    const { q, queues, store } = await filled(['a'], { deadLetterExchange: 'dlx' });
    const row = q.take() as number;
    store.evict();
    store.holdLoads = true;
    q.reject(row);
    expect(q.discard(row, 0)).toBe(false);
    store.finishLoads();
    await settle();
    expect([store.count, queues.counters.dropped]).toEqual([0, 1]);
  });

  it('lets the next of a group come, whether the message stood in line or waited', async () => {
    const { q, rows, store } = await filled(['a1', 'a2', 'a3', 'b1', 'b2'], { groups: true });
    expect(q.discard(at(rows, 'a1'), 0)).toBe(true);
    expect(q.discard(at(rows, 'b2'), 4)).toBe(true);
    expect(await bodies(q)).toEqual(['a2', 'a3', 'b1']);
    const consumer = new TestConsumer();
    q.addConsumer(consumer);
    expect(consumer.bodies).toEqual(['a2', 'b1']);
    expect(q.discard(at(rows, 'a3'), 2)).toBe(true);
    for (const { row } of consumer.deliveries) q.ack(row);
    expect([q.readyCount, q.groupCount, store.rows.count]).toEqual([0, 0, 0]);
  });

  it('wakes a consumer that waits for the group', async () => {
    const { q, queues, clock } = await filled(['a1'], { groups: true });
    q.requeue(q.take() as number, { delayMs: 1000 });
    queues.publish(message('a2', { groupId: 'a' }), [q]);
    const consumer = new TestConsumer();
    q.addConsumer(consumer);
    expect(consumer.bodies).toEqual([]);
    expect(q.discard(0, 0)).toBe(true);
    expect(consumer.bodies).toEqual(['a2']);
    clock.advance(1000);
    expect(consumer.bodies).toEqual(['a2']);
  });

  it('leaves nothing that a purge, a deletion or an expiry would stumble over', async () => {
    for (const groups of [false, true, 'fair'] as const) {
      const { q, rows, store, clock, queues } = await filled(['a1', 'a2', 'b1', 'b2', 'b3'], {
        groups,
        messageTtlMs: 1000,
      });
      for (const [text, seq] of [
        ['a2', 1],
        ['b1', 2],
      ] as const) {
        q.discard(at(rows, text), seq);
      }
      if (groups === false) expect(await q.purge()).toBe(3);
      else if (groups === 'fair') await queues.delete(q);
      else clock.advance(1000);
      await settle();
      expect([q.readyCount, store.count, store.rows.count]).toEqual([0, 0, 0]);
    }
  });
});
