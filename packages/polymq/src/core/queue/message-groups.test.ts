import { describe, expect, it } from 'vitest';
import type { CoreQueue } from './core-queue.ts';
import { bodies, type Kit, kit, message, TestConsumer } from './testing/kit.ts';

/** Publishes messages whose group is their first letter. */
async function grouped(
  texts: readonly string[],
): Promise<Kit & { q: CoreQueue; take: () => [number, string] | undefined }> {
  const made = kit();
  const q = await made.queue({ groups: true });
  for (const text of texts) made.queues.publish(message(text, { groupId: text[0]! }), [q]);
  const take = (): [number, string] | undefined => {
    const row = q.take() as number | undefined;
    return row === undefined ? undefined : [row, made.store.view.body.toString()];
  };
  return { ...made, q, take };
}

describe('message groups', () => {
  it('have one message leased at a time, while other groups flow', async () => {
    const { q, take } = await grouped(['a1', 'a2', 'b1', 'a3', 'b2']);
    const [a1, text] = take()!;
    expect(text).toBe('a1');
    const [, b1] = take()!;
    expect(b1).toBe('b1');
    expect(take()).toBeUndefined();
    expect([q.readyCount, q.leasedCount]).toEqual([3, 2]);
    q.ack(a1);
    expect(take()![1]).toBe('a2');
    expect(take()).toBeUndefined();
  });

  it('deliver the next message when the one before is acknowledged', async () => {
    const { q } = await grouped(['a1', 'a2', 'a3']);
    const consumer = new TestConsumer();
    q.addConsumer(consumer);
    expect(consumer.bodies).toEqual(['a1']);
    q.ack(consumer.deliveries[0]!.row);
    expect(consumer.bodies).toEqual(['a1', 'a2']);
  });

  it('keep their order when a message comes back', async () => {
    const { q, take } = await grouped(['a1', 'a2', 'b1']);
    const [a1] = take()!;
    q.requeue(a1);
    expect(take()![1]).toBe('a1');
    expect(take()![1]).toBe('b1');
    expect(take()).toBeUndefined();
  });

  it('wait for a message that comes back later', async () => {
    const { q, take, clock } = await grouped(['a1', 'a2', 'b1']);
    q.requeue(take()![0], { delayMs: 100 });
    expect(take()![1]).toBe('b1');
    expect(take()).toBeUndefined();
    clock.advance(100);
    expect(take()![1]).toBe('a1');
    expect(take()).toBeUndefined();
  });

  it('do not wait for a message that is delayed from the start', async () => {
    const { q, take, queues, clock } = await grouped([]);
    queues.publish(message('a1', { groupId: 'a', dueMs: clock.nowMs() + 100 }), [q]);
    queues.publish(message('a2', { groupId: 'a' }), [q]);
    const [a2, text] = take()!;
    expect(text).toBe('a2');
    clock.advance(100);
    expect(take()).toBeUndefined();
    q.ack(a2);
    expect(take()![1]).toBe('a1');
  });

  it('may have several messages leased to one who asks for more of the same', async () => {
    const { q, take, store } = await grouped(['a1', 'b1', 'a2', 'a3']);
    const [a1] = take()!;
    const a2 = q.takeNextOfGroup(a1)!;
    expect(store.view.body.toString()).toBe('a2');
    q.ack(a1);
    // Partly deleted: the rest still keeps the group waiting.
    expect(take()![1]).toBe('b1');
    expect(take()).toBeUndefined();
    q.requeue(a2);
    expect(take()![1]).toBe('a2');
    expect(q.takeNextOfGroup(a2)).toBeDefined();
    expect(q.takeNextOfGroup(a2)).toBeUndefined();
  });

  it('end the lease of messages taken together one by one', async () => {
    const { q, take, clock } = await grouped(['a1', 'a2']);
    const [a1] = take()!;
    q.takeNextOfGroup(a1, 100);
    clock.advance(100);
    expect(take()).toBeUndefined();
    q.ack(a1);
    expect(take()![1]).toBe('a2');
  });

  it('go on when a message dies', async () => {
    const { q, queues, take, clock } = await grouped([]);
    queues.publish(message('a1', { groupId: 'a', ttlMs: 100 }), [q]);
    queues.publish(message('a2', { groupId: 'a' }), [q]);
    queues.publish(message('a3', { groupId: 'a' }), [q]);
    clock.advance(100);
    const [a2, text] = take()!;
    expect(text).toBe('a2');
    q.reject(a2);
    expect(take()![1]).toBe('a3');
  });

  it('cost nothing when they have no messages', async () => {
    const { q, queues, store } = await grouped([]);
    for (let count = 0; count < 1000; count++) {
      queues.publish(message('x', { groupId: `group ${count}` }), [q]);
      q.ack(q.take() as number);
    }
    expect([q.groupCount, store.count]).toEqual([0, 0]);
    queues.publish(message('x', { groupId: 'group' }), [q]);
    const row = q.take() as number;
    expect(store.rows.page(row).group[store.rows.index(row)]).toBe(1);
  });

  it('are peeked in order, and purged but for what is leased', async () => {
    const { q, take, store } = await grouped(['a1', 'a2', 'b1', 'a3', 'b2']);
    take();
    expect(await bodies(q)).toEqual(['a2', 'b1', 'a3', 'b2']);
    expect(await q.purge()).toBe(4);
    expect([q.readyCount, q.groupCount, store.count]).toEqual([0, 1, 1]);
    q.requeue(0);
    expect(await bodies(q)).toEqual(['a1']);
    q.ack(take()![0]);
    expect([q.groupCount, q.bytes]).toEqual([0, 0]);
  });

  it('matter only to queues that were declared with them', async () => {
    const { queues, queue } = kit();
    const q = await queue();
    for (const body of ['a', 'b']) queues.publish(message(body, { groupId: 'g' }), [q]);
    void q.take();
    expect(q.take()).toBeDefined();
  });
});
