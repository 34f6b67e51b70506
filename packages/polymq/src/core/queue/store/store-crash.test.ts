/**
 * Random work on a simulated disk that stops at a random operation, then a power cut (or the death of the process, or
 * a clean stop), then recovery; several lives on one disk, with so little memory and such small segments that
 * spilling, evicting, relocating, trimming and snapshots go on all the time.
 */
import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../../lib/environment/simulated/seeded-random.ts';
import { SimulatedDisk, systemError } from '../../../lib/environment/simulated/simulated-disk.ts';
import type { Durability } from '../../../log/log.ts';
import { turns } from '../../../log/testing/contract.ts';
import { openSimulatedEngine } from '../../../log/testing/simulated-engine.ts';
import { openKit } from './testing/kit.ts';
import { Model } from './testing/model.ts';

const SEEDS = Number(process.env['POLYMQ_SEEDS'] ?? 5);

interface World {
  seed: number;
  disk: SimulatedDisk;
  model: Model;
  durability: Durability;
  /** Sums over all lives, so that the test is known to have seen these things. */
  seen: Record<string, number>;
}

describe('the message store over crashes', () => {
  it('loses nothing committed to power cuts, and brings nothing back', async () => {
    const seen = await runSeeds('fsync', 'powerCut');
    for (const what of ['relocatedRows', 'spilledRows', 'evictedExtents', 'snapshots', 'trims']) {
      expect(seen[what], what).toBeGreaterThan(0);
    }
  });

  it('loses nothing committed to the death of the process', async () => {
    await runSeeds('os', 'kill');
  });
});

async function runSeeds(durability: Durability, end: 'powerCut' | 'kill') {
  const seen: Record<string, number> = {};
  for (let seed = 1; seed <= SEEDS; seed++) {
    const disk = new SimulatedDisk();
    const model = new Model(new SeededRandom(seed));
    const world: World = { seed, disk, model, durability, seen };
    try {
      for (let life = 0; life < 5; life++) await live(world, life, end);
    } catch (error) {
      throw new Error(`seed ${seed}, ${durability}, ${end}`, { cause: error });
    }
  }
  return seen;
}

async function open(world: World, life: number) {
  const { engine, clock } = await openSimulatedEngine(world.disk, world.seed);
  const options = {
    memoryBytesMax: 64 << 10,
    arenaBytes: 8 << 10,
    segmentBytes: 32 << 10,
    snapshotBytes: 40_000,
  };
  const kit = await openKit(engine, { durability: world.durability, ...options }, clock);
  await world.model.check(kit, `life ${life}`);
  return { engine, clock, kit };
}

async function live(world: World, life: number, end: 'powerCut' | 'kill'): Promise<void> {
  const { disk, model, seen } = world;
  const { random } = model;
  const lastOperation = disk.operationCount + 100 + random.integer(3000);
  disk.onOperation = ({ index, path }) => {
    if (index >= lastOperation) throw systemError('EIO', path);
  };
  let clean = false;
  try {
    const { engine, clock, kit } = await open(world, life);
    for (let step = 0; step < 600 && disk.operationCount < lastOperation; step++) {
      for (let count = random.integer(6); count > 0; count--) model.step(kit);
      await turns(random.integer(3));
      if (random.integer(40) === 0) clock.advance(6000);
      if (kit.store.uncommittedBytes > 1 << 20) await kit.committed();
      model.settle(kit);
    }
    for (const [name, count] of Object.entries(kit.store.counters)) {
      seen[name] = (seen[name] ?? 0) + (count as number);
    }
    if (random.integer(2) === 0) await model.checkBodies(kit);
    if (random.integer(3) === 0) {
      await kit.store.close();
      model.settle(kit);
      await engine.close();
      clean = disk.operationCount < lastOperation;
    }
  } catch (error) {
    if (disk.operationCount <= lastOperation) throw error;
  } finally {
    disk.onOperation = undefined;
  }
  model.crash();
  if (clean) seen['cleanStops'] = (seen['cleanStops'] ?? 0) + 1;
  if (end === 'powerCut') disk.powerCut(random);
  else disk.kill();
}
