import { describe, expect, it } from 'vitest';
import { BATCH_HEADER_BYTES, batchBytes } from '../../../log/batch.ts';
import { ROW_FLAG } from '../rows.ts';
import { ENTRY_KIND } from './journal-entry.ts';
import { memoryEngine, openKit } from './testing/kit.ts';

describe('the message store', () => {
  it('finds a message as soon as it was put, and after it was committed', async () => {
    const kit = await openKit(memoryEngine());
    const [row] = kit.put([[1, 1]], { body: 'hello' });
    expect(kit.body(row!)).toBe('hello');
    expect(kit.store.view.exchange).toBe('ex');
    expect(kit.store.view.routingKey).toBe('key');
    expect(kit.store.view.properties.toString()).toBe('props');
    expect(kit.store.committed).toBeLessThan(kit.store.position);
    await kit.committed();
    expect(kit.body(row!)).toBe('hello');
  });

  it('restores what was put and not removed, queue by queue in order', async () => {
    const engine = memoryEngine();
    const kit = await openKit(engine);
    const [first, second] = kit.put([
      [1, 7],
      [2, 3],
    ]);
    kit.put([[1, 6]], { body: 'six', priority: 5, groupId: 'g', dueMs: 99 });
    kit.remove(second!);
    expect(first).not.toBe(second);
    await kit.store.close();
    const again = await openKit(engine);
    expect(again.restored).toMatchObject([
      { queue: 1, seq: 6, dueMs: 99, groupId: 'g', enqueuedMs: 1_700_000_000_000 },
      { queue: 1, seq: 7, dueMs: 0, groupId: undefined },
    ]);
    expect(await again.loadBody(again.restored[0]!.row)).toBe('six');
    expect(again.row(again.restored[0]!.row).flags & ROW_FLAG.persistent).not.toBe(0);
  });

  it('journals a mark once a batch, in the batch of the messages it was set with', async () => {
    const engine = memoryEngine();
    const kit = await openKit(engine);
    const body = Buffer.alloc(600);
    for (let seq = 0; seq < 3000; seq++) {
      kit.put([[1, seq]], { body });
      kit.store.setMark('cursor', seq + 1);
    }
    await kit.committed();
    const log = await engine.open('queues', { durability: 'fsync', segmentBytes: 1 << 20 });
    const { buffers } = await log.read(0, 100_000_000, true);
    let marks = 0;
    let messages = 0;
    for (const batch of batches(buffers)) {
      const found = entries(batch);
      messages += found.filter(({ kind }) => kind === ENTRY_KIND.message).length;
      const set = found.filter(({ kind }) => kind === ENTRY_KIND.mark);
      expect(set.map(({ at }) => batch.readDoubleBE(at + 6))).toEqual([messages]);
      marks += set.length;
    }
    expect([marks, messages]).toEqual([2, 3000]);
  });

  it('keeps marks over a restart, and forgets those that are unset', async () => {
    const engine = memoryEngine();
    const kit = await openKit(engine);
    kit.store.setMark('a', 1);
    kit.store.setMark('b', 2);
    await kit.committed();
    kit.store.setMark('a', 3);
    kit.store.setMark('b', undefined);
    expect(kit.store.committed).toBeLessThan(kit.store.position);
    await kit.committed();
    expect(kit.store.committed).toBe(kit.store.position);
    const again = await openKit(engine);
    expect([again.store.mark('a'), again.store.mark('b')]).toEqual([3, undefined]);
  });

  it('ends a full batch before the next message, but not between those that belong together', async () => {
    const kit = await openKit(memoryEngine(), { arenaBytes: 8 << 10 });
    const body = 'x'.repeat(5000);
    const batches = (): number => kit.store.counters.journaledBytes;
    kit.put([[1, 1]], { body });
    expect(batches()).toBe(0);
    kit.put([[1, 2]], { body });
    const before = batches();
    expect(before).toBeGreaterThan(0);
    kit.store.together(2);
    const opened = batches();
    kit.put([[1, 3]], { body });
    kit.put([[1, 4]], { body });
    expect(batches()).toBe(opened);
    kit.put([[1, 5]], { body });
    expect(batches()).toBeGreaterThan(opened);
  });
});

function* batches(buffers: readonly Buffer[]): Generator<Buffer> {
  for (const buffer of buffers) {
    for (let at = 0; at < buffer.length; at += batchBytes(buffer, at)) {
      yield buffer.subarray(at, at + batchBytes(buffer, at));
    }
  }
}

/** The entries of a batch: a length that does not count itself, then the kind. */
function entries(batch: Buffer): { kind: number; at: number }[] {
  const found: { kind: number; at: number }[] = [];
  for (let at = BATCH_HEADER_BYTES; at < batch.length; at += 4 + batch.readUInt32BE(at)) {
    found.push({ kind: batch[at + 4]!, at });
  }
  return found;
}
