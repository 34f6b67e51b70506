import { describe, expect, it } from 'vitest';
import { SimulatedDisk } from '../../../lib/environment/simulated/simulated-disk.ts';
import { turns } from '../../../log/testing/contract.ts';
import { openSimulatedEngine } from '../../../log/testing/simulated-engine.ts';
import { memoryEngine, openKit, type StoreKit } from './testing/kit.ts';

const SMALL = { arenaBytes: 8 << 10, memoryBytesMax: 128 << 10, segmentBytes: 32 << 10 };

/** Puts `count` messages of a kilobyte. */
async function fill(kit: StoreKit, count: number, persistent = true): Promise<number[]> {
  const rows: number[] = [];
  for (let seq = 0; seq < count; seq++) {
    rows.push(...kit.put([[1, seq]], { body: `${seq} `.padEnd(1000, '.'), persistent }));
    if (seq % 5 === 0) await turns(1);
  }
  await turns(5);
  return rows;
}

describe('memory of the message store', () => {
  it('gives up committed messages when there are many, and reads them again', async () => {
    const kit = await openKit(memoryEngine(), SMALL);
    const rows = await fill(kit, 400);
    expect(kit.store.memoryBytes).toBeLessThan(SMALL.memoryBytesMax);
    expect(kit.body(rows[0]!)).toBeUndefined();
    expect(kit.body(rows[399]!)).toMatch(/^399 /);
    for (const [seq, row] of rows.entries()) {
      expect(await kit.loadBody(row)).toMatch(new RegExp(`^${seq} `));
      if (seq % 20 === 0) await turns(1);
    }
    await turns(1);
    expect(kit.store.memoryBytes).toBeLessThan(SMALL.memoryBytesMax);
    // Neighbours come together.
    expect(kit.store.counters.loads).toBeLessThan(80);
  });

  it('reads once for all who ask at the same time', async () => {
    const kit = await openKit(memoryEngine(), SMALL);
    const rows = await fill(kit, 400);
    await Promise.all([kit.store.load(rows[0]!), kit.store.load(rows[1]!)]);
    expect(kit.store.counters.loads).toBe(1);
    expect(kit.body(rows[1]!)).toMatch(/^1 /);
  });

  it('frees the memory of messages that are done with', async () => {
    const kit = await openKit(memoryEngine(), SMALL);
    const rows = await fill(kit, 50);
    expect(kit.store.memoryBytes).toBeGreaterThan(40_000);
    for (const row of rows) kit.remove(row);
    await kit.committed();
    await turns(2);
    expect(kit.store.memoryBytes).toBeLessThanOrEqual(2 * SMALL.arenaBytes);
  });

  it('keeps the memory of a message that is being sent', async () => {
    const kit = await openKit(memoryEngine(), SMALL);
    const [row] = kit.put([[1, 1]], { body: 'a'.repeat(3000) });
    await kit.committed();
    kit.body(row!);
    const { body } = kit.store.view;
    const hold = kit.store.hold();
    kit.remove(row!);
    await fill(kit, 100);
    expect(body.toString()).toBe('a'.repeat(3000));
    kit.store.release(hold);
  });

  it('moves transient messages to the journal when memory is short, but does not restore them', async () => {
    const engine = memoryEngine();
    const kit = await openKit(engine, SMALL);
    const rows = await fill(kit, 400, false);
    await turns(50);
    expect(kit.store.counters.spilledRows).toBeGreaterThan(100);
    expect(kit.store.memoryBytes).toBeLessThan(SMALL.memoryBytesMax);
    for (const [seq, row] of rows.entries()) {
      expect(await kit.loadBody(row)).toMatch(new RegExp(`^${seq} `));
      kit.remove(row);
    }
    await kit.store.close();
    expect((await openKit(engine, SMALL)).restored).toEqual([]);
  });

  it('holds back who puts faster than transient messages can leave memory', async () => {
    const kit = await openKit(memoryEngine(), SMALL);
    let told = 0;
    kit.store.onCommitted(() => {
      told++;
    });
    const rows: number[] = [];
    for (let seq = 0; seq < 400; seq++) {
      rows.push(...kit.put([[1, seq]], { body: '.'.repeat(1000), persistent: false }));
    }
    expect(kit.store.uncommittedBytes).toBeGreaterThan(SMALL.memoryBytesMax);
    expect(told).toBe(0);
    for (const row of rows) kit.remove(row);
    await turns(2);
    expect(kit.store.uncommittedBytes).toBe(0);
    expect(told).toBeGreaterThan(0);
  });

  it('moves what is overdue to the journal, and says so', async () => {
    const kit = await openKit(memoryEngine(), SMALL);
    for (let seq = 0; seq < 400; seq++) {
      kit.put([[1, seq]], { body: '.'.repeat(1000), persistent: false });
    }
    let last = kit.store.uncommittedBytes;
    expect(last).toBeGreaterThan(SMALL.memoryBytesMax);
    kit.store.onCommitted(() => {
      last = kit.store.uncommittedBytes;
    });
    await turns(100);
    expect(last).toBe(0);
  });

  it('keeps a message of many queues once, also when it is moved', async () => {
    const kit = await openKit(memoryEngine(), { ...SMALL, segmentBytes: 8 << 10 });
    const targets = Array.from({ length: 100 }, (_, queue): [number, number] => [queue + 10, 0]);
    const shared = kit.put(targets, { body: 'shared'.repeat(100), groupId: 'g', ttlMs: 5000 });
    expect(kit.store.uncommittedBytes).toBeLessThan(3000);
    for (const row of await fill(kit, 200)) kit.remove(row);
    await kit.committed();
    kit.clock.advance(6000);
    await turns(50);
    expect(kit.store.counters.relocatedRows).toBe(100);
    const places = shared.map((row) => {
      const page = kit.store.rows.page(row);
      return page.offset[kit.store.rows.index(row)];
    });
    expect(new Set(places).size).toBe(1);
    expect(places[0]).toBeGreaterThan(200);
    for (const row of shared) expect(await kit.loadBody(row)).toBe('shared'.repeat(100));
  });

  it('takes messages larger than an arena', async () => {
    const { engine } = await openSimulatedEngine(new SimulatedDisk());
    const kit = await openKit(engine, SMALL);
    kit.put([[1, 1]], { body: 'small' });
    const body = 'x'.repeat(100_000);
    const [persistent] = kit.put([[1, 2]], { body });
    const [transient] = kit.put([[1, 3]], { body, persistent: false });
    await kit.committed();
    expect([kit.body(persistent!), kit.body(transient!)]).toEqual([body, body]);
    const again = await openKit(engine, SMALL);
    expect(await again.loadBody(again.restored[1]!.row)).toBe(body);
  });
});

describe('the journal of the message store', () => {
  it('is trimmed when messages are done with', async () => {
    const { engine, clock } = await openSimulatedEngine(new SimulatedDisk());
    const kit = await openKit(engine, SMALL, clock);
    for (const row of await fill(kit, 300)) kit.remove(row);
    await kit.committed();
    clock.advance(6000);
    await turns(100);
    const log = await engine.open('queues', { durability: 'fsync', segmentBytes: 32 << 10 });
    expect(log.sizeBytes).toBe(0);
    expect(log.start).toBe(log.tail);
    // It goes on from there.
    const [row] = kit.put([[1, 1000]], { body: 'more' });
    await kit.committed();
    expect(kit.body(row!)).toBe('more');
    expect((await openKit(engine, SMALL, clock)).restored).toMatchObject([{ seq: 1000 }]);
  });

  it('moves the few that are alive at its beginning', async () => {
    const { engine, clock } = await openSimulatedEngine(new SimulatedDisk());
    const kit = await openKit(engine, SMALL, clock);
    const kept = kit.put([[1, 1000]], { body: 'kept', dueMs: 77, groupId: 'g', priority: 3 });
    kit.store.setMark('mark', 5);
    for (const row of await fill(kit, 300)) kit.remove(row);
    await kit.committed();
    for (let review = 0; review < 5; review++) {
      clock.advance(6000);
      await turns(100);
    }
    const log = await engine.open('queues', { durability: 'fsync', segmentBytes: 32 << 10 });
    expect(log.sizeBytes).toBeLessThan(4 * SMALL.segmentBytes);
    expect(log.start).toBeGreaterThan(100);
    expect(await kit.loadBody(kept[0]!)).toBe('kept');
    const again = await openKit(engine, SMALL, clock);
    expect(again.restored).toMatchObject([{ queue: 1, seq: 1000, dueMs: 77, groupId: 'g' }]);
    expect(again.store.mark('mark')).toBe(5);
  });
});
