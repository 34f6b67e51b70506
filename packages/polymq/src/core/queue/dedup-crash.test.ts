/**
 * Messages with deduplication ids on a simulated disk that stops at a random operation and loses what was not synced, several
 * lives on one disk, with segments so small that the journal is trimmed and snapshots are taken all the time: a message is there, or
 * was there, exactly if its id is known.
 */
import { expect, it } from 'vitest';
import { SeededRandom } from '../../lib/environment/simulated/seeded-random.ts';
import { SimulatedDisk, systemError } from '../../lib/environment/simulated/simulated-disk.ts';
import { turns } from '../../log/testing/contract.ts';
import { openSimulatedEngine } from '../../log/testing/simulated-engine.ts';
import { DedupWindow } from './dedup-window.ts';
import { openKit, type StoreKit } from './store/testing/kit.ts';

const SEEDS = Number(process.env['POLYMQ_SEEDS'] ?? 3);
const LIVES = 3;

interface World {
  random: SeededRandom;
  disk: SimulatedDisk;
  nextSeq: number;
  lastNumber: number;
  /** Ids of messages that were taken and committed as gone, or may be. */
  taken: Set<number>;
  /** Ids that were confirmed to their publisher. */
  confirmed: Set<number>;
  seen: { crashes: number; lost: number; trims: number; snapshots: number };
}

it('knows exactly the ids of messages that came through, whenever the power fails', async () => {
  const seen = { crashes: 0, lost: 0, trims: 0, snapshots: 0 };
  for (let seed = 1; seed <= SEEDS; seed++) {
    const world: World = {
      random: new SeededRandom(seed),
      disk: new SimulatedDisk(),
      nextSeq: 0,
      lastNumber: 0,
      taken: new Set(),
      confirmed: new Set(),
      seen,
    };
    try {
      for (let life = 0; life < LIVES; life++) await live(world, seed);
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    }
  }
  for (const [what, count] of Object.entries(seen)) expect(count, what).toBeGreaterThan(0);
});

async function live(world: World, seed: number): Promise<void> {
  const { disk, random, seen } = world;
  const lastOperation = disk.operationCount + 200 + random.integer(2000);
  disk.onOperation = ({ index, path }) => {
    if (index >= lastOperation) throw systemError('EIO', path);
  };
  try {
    const { engine, clock } = await openSimulatedEngine(disk, seed);
    const sizes = { memoryBytesMax: 64 << 10, arenaBytes: 8 << 10, segmentBytes: 32 << 10 };
    const kit = await openKit(engine, { ...sizes, snapshotBytes: 60_000 }, clock);
    const dedup = new DedupWindow({ store: kit.store, clock, timers: clock });
    check(world, kit, dedup);
    const rows = new Map(kit.restored.map(({ seq, row }) => [seq, row]));
    for (let step = 0; step < 500 && disk.operationCount < lastOperation; step++) {
      for (let count = random.integer(5); count > 0; count--) publish(world, kit, dedup, rows);
      takeSome(world, kit, rows);
      await turns(random.integer(3));
      if (random.integer(40) === 0) clock.advance(1000);
    }
    seen.trims += kit.store.counters.trims;
    seen.snapshots += kit.store.counters.snapshots;
  } catch (error) {
    if (disk.operationCount < lastOperation) throw error;
  }
  seen.crashes++;
  disk.onOperation = undefined;
  disk.powerCut(random);
}

function publish(world: World, kit: StoreKit, dedup: DedupWindow, rows: Map<number, number>): void {
  const seq = world.nextSeq++;
  const id = `id ${seq}`;
  const body = 'x'.repeat([20, 800, 5000][world.random.integer(3)]!);
  const number = dedup.nextNumber();
  if (number <= world.lastNumber) throw new Error('numbers do not grow');
  const first = world.random.integer(2) === 0;
  if (first) dedup.remember('q', id, number);
  rows.set(seq, kit.put([[1, seq]], { body })[0]!);
  if (!first) dedup.remember('q', id, number);
  kit.committed().then(
    () => {
      world.confirmed.add(seq);
      world.lastNumber = Math.max(world.lastNumber, number);
    },
    () => undefined,
  );
}

function takeSome(world: World, kit: StoreKit, rows: Map<number, number>): void {
  for (const [seq, row] of rows) {
    if (rows.size < 20 || world.random.integer(3) === 0) return;
    world.taken.add(seq);
    rows.delete(seq);
    kit.remove(row);
  }
}

function check(world: World, kit: StoreKit, dedup: DedupWindow): void {
  const there = new Set(kit.restored.map(({ seq }) => seq));
  for (let seq = 0; seq < world.nextSeq; seq++) {
    const known = dedup.find('q', `id ${seq}`) !== undefined;
    if (there.has(seq) && !known) throw new Error(`${seq} is there but not known`);
    if (known && !there.has(seq) && !world.taken.has(seq)) {
      throw new Error(`${seq} is known but not there`);
    }
    if (world.confirmed.has(seq) && !known) throw new Error(`${seq} was confirmed`);
    if (!known) world.seen.lost++;
  }
}
