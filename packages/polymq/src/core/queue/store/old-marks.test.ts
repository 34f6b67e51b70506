import { describe, expect, it } from 'vitest';
import { SimulatedClock } from '../../../lib/environment/simulated/simulated-clock.ts';
import { type KitOptions, memoryEngine, openKit, type StoreKit } from './testing/kit.ts';

const SMALL: KitOptions = {
  arenaBytes: 16 << 10,
  segmentBytes: 64 << 10,
  memoryBytesMax: 4 << 20,
  snapshotBytes: 1 << 30,
};
const REVIEW_MS = 5000;

async function turns(count: number): Promise<void> {
  for (let at = 0; at < count; at++) await new Promise((resolve) => setImmediate(resolve));
}

/** Messages that come and go, each with so many marks. */
async function work(kit: StoreKit, count: number, marksEach: number, from = 0): Promise<void> {
  for (let seq = from; seq < from + count; seq++) {
    const [row] = kit.put([[1, seq]], { body: 'x'.repeat(1000) });
    for (let mark = 0; mark < marksEach; mark++) {
      kit.store.setMark(`dedup/${seq}-${mark}`.padEnd(28, '.'), seq);
    }
    await turns(1);
    kit.remove(row!);
    if (seq % 50 === 0) await kit.committed();
  }
  await kit.committed();
  await turns(300);
}

describe('marks at the beginning of the journal', () => {
  it('are written again when they are few for what that frees', async () => {
    const engine = memoryEngine();
    const kit = await openKit(engine, SMALL);
    for (let at = 0; at < 100; at++) kit.store.setMark(`cursor ${at}`, at);
    await work(kit, 600, 0);
    expect(kit.store.counters.trims).toBeGreaterThan(0);
    await kit.store.close();
    const again = await openKit(engine, SMALL);
    for (let at = 0; at < 100; at++) expect(again.store.mark(`cursor ${at}`)).toBe(at);
  });

  it('are not written again and again when they are many, but hold the journal', async () => {
    const engine = memoryEngine();
    const clock = new SimulatedClock();
    const kit = await openKit(engine, SMALL, clock);
    // 20 marks have more bytes than a quarter of the message.
    await work(kit, 600, 20);
    const put = kit.store.counters.journaledBytes;
    for (let at = 0; at < 5; at++) {
      clock.advance(REVIEW_MS);
      await turns(200);
    }
    expect(kit.store.counters.journaledBytes - put).toBeLessThan(100);
    expect(kit.store.marks('dedup/')).toHaveLength(12_000);
    const log = await engine.open('queues', { durability: 'fsync', segmentBytes: 64 << 10 });
    const held = log.start;
    expect(held).toBeLessThan(1000);
    // Those of the first half are over: what holds them goes.
    for (const [name, value] of kit.store.marks('dedup/')) {
      if (value < 300) kit.store.forgetMark(name);
    }
    clock.advance(REVIEW_MS);
    await turns(400);
    expect(log.start).toBeGreaterThan(held + 2000);
    await kit.store.close();
    const again = await openKit(engine, SMALL);
    const kept = again.store.marks('dedup/').filter(([, value]) => value >= 300);
    expect(kept).toHaveLength(6000);
  });

  it('are rewritten as far as it pays', async () => {
    const engine = memoryEngine();
    const kit = await openKit(engine, SMALL);
    await work(kit, 400, 3);
    await work(kit, 400, 20, 400);
    const log = await engine.open('queues', { durability: 'fsync', segmentBytes: 64 << 10 });
    expect(log.start).toBeGreaterThan(0);
    await kit.store.close();
    expect((await openKit(engine, SMALL)).store.marks('dedup/')).toHaveLength(400 * 23);
  });

  it('are all in a snapshot that is taken while more come', async () => {
    const engine = memoryEngine();
    const kit = await openKit(engine, { ...SMALL, snapshotBytes: 256 << 10 });
    const before = kit.store.counters.snapshots;
    await work(kit, 500, 40);
    expect(kit.store.counters.snapshots).toBeGreaterThan(before);
    // Not closed: what is behind the snapshot is replayed.
    const again = await openKit(engine, SMALL);
    expect(again.store.marks('dedup/')).toHaveLength(20_000);
  });
});
