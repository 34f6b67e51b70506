/**
 * Random work on a simulated disk that stops at a random operation, then a power cut (or only the death of the
 * process), then recovery; several generations on one disk. Nothing acknowledged may be lost, nothing
 * may appear that was not appended there, and nothing healthy may count as damaged.
 */
import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../lib/environment/simulated/seeded-random.ts';
import { SimulatedDisk, systemError } from '../../lib/environment/simulated/simulated-disk.ts';
import { batchBaseOffset, batchNextOffset } from '../batch.ts';
import type { Durability, Log, LogOptions } from '../log.ts';
import { makeBatch } from '../testing/batches.ts';
import { readBatches, turns } from '../testing/contract.ts';
import { openSimulatedEngine, type SimulatedEngine } from '../testing/simulated-engine.ts';

/** What must hold for one log, kept outside of the disk. */
class Expected {
  /** Batches by base offset, as appended last. */
  batches = new Map<number, Buffer>();
  acknowledged = 0;
  trimAcknowledged = 0;
  trimAttempted = 0;
}

interface World {
  disk: SimulatedDisk;
  random: SeededRandom;
  durability: Durability;
  logs: Map<string, Expected>;
}

const NAMES = ['a', 'b/1', 'c', 'd'];
const SEEDS = process.env['TEST_LONG'] ? 400 : 40;

describe('the file engine over crashes', () => {
  it('loses nothing acknowledged to power cuts in fsync mode', async () => {
    for (let seed = 1; seed <= SEEDS; seed++) await runGenerations(seed, 'fsync', 'powerCut');
  });

  it('loses nothing acknowledged to the death of the process in os mode', async () => {
    for (let seed = 1; seed <= SEEDS / 2; seed++) await runGenerations(seed, 'os', 'kill');
  });

  it('loses nothing acknowledged to the death of the process in fsync mode', async () => {
    for (let seed = 1; seed <= SEEDS / 2; seed++) await runGenerations(seed, 'fsync', 'kill');
  });

  it('opens after a power cut in os mode with an intact beginning of what was appended', async () => {
    for (let seed = 1; seed <= SEEDS / 2; seed++) await runGenerations(seed, 'os', 'powerCut');
  });
});

async function runGenerations(
  seed: number,
  durability: Durability,
  end: 'powerCut' | 'kill',
): Promise<void> {
  const world: World = {
    disk: new SimulatedDisk(),
    random: new SeededRandom(seed),
    durability,
    logs: new Map(NAMES.map((name) => [name, new Expected()])),
  };
  try {
    for (let generation = 0; generation < 4; generation++) {
      await runUntilCut(world, seed);
      if (end === 'powerCut') world.disk.powerCut(world.random);
      else world.disk.kill();
      await check(world, seed, durability === 'os' && end === 'powerCut');
    }
  } catch (error) {
    throw new Error(`seed ${seed}, ${durability}, ${end}`, { cause: error });
  }
}

async function runUntilCut(world: World, seed: number): Promise<void> {
  const { disk, random } = world;
  const lastOperation = disk.operationCount + random.integer(random.integer(2) === 0 ? 80 : 700);
  disk.onOperation = ({ index, path }) => {
    if (index >= lastOperation) throw systemError('EIO', path);
  };
  try {
    const simulated = await openSimulatedEngine(disk, seed);
    const logs = new Map<string, Log>();
    for (const name of NAMES) {
      const log = await simulated.engine.open(name, options(world, name));
      logs.set(name, log);
    }
    for (let step = 0; step < 400 && disk.operationCount < lastOperation; step++) {
      await runStep(world, simulated, logs);
    }
    if (random.integer(4) === 0) await simulated.engine.close();
  } catch (error) {
    if (disk.operationCount <= lastOperation) throw error;
  } finally {
    disk.onOperation = undefined;
  }
}

async function runStep(
  world: World,
  { clock }: SimulatedEngine,
  logs: Map<string, Log>,
): Promise<void> {
  const { random } = world;
  const name = NAMES[random.integer(NAMES.length)]!;
  const log = logs.get(name)!;
  const expected = world.logs.get(name)!;
  const choice = random.integer(20);
  if (choice < 14) {
    const sizes = [1, 60, 700, 3000, 18_000];
    const batch = makeBatch({
      recordCount: 1 + random.integer(3),
      bodyBytes: random.integer(sizes[random.integer(sizes.length)]!),
      fill: random.integer(256),
    });
    const offset = log.append(batch);
    for (const other of expected.batches.keys()) {
      if (other >= offset) expected.batches.delete(other);
    }
    expected.batches.set(offset, Buffer.from(batch));
    const tail = log.tail;
    log.whenCommitted(tail).then(
      () => {
        expected.acknowledged = Math.max(expected.acknowledged, tail);
      },
      () => undefined,
    );
  } else if (choice < 17) {
    await turns(1 + random.integer(4));
  } else if (choice === 17) {
    clock.advance(random.integer(300));
  } else if (choice === 18) {
    clock.advance(random.integer(3) === 0 ? 10_000 : 60);
    await turns(random.integer(30));
  } else if (random.integer(4) === 0 && log.committed > log.start) {
    const before = log.start + random.integer(log.committed - log.start + 1);
    expected.trimAttempted = Math.max(expected.trimAttempted, before);
    await log.trim(before);
    expected.trimAcknowledged = Math.max(expected.trimAcknowledged, before);
  }
}

async function check(world: World, seed: number, mayLose: boolean): Promise<void> {
  const { engine } = await openSimulatedEngine(world.disk, seed);
  expect(engine.metrics.damagedRanges).toBe(0);
  for (const [name, expected] of world.logs) {
    const log = await engine.open(name, options(world, name));
    if (!mayLose) expect(log.committed, name).toBeGreaterThanOrEqual(expected.acknowledged);
    expect(log.start).toBeGreaterThanOrEqual(expected.trimAcknowledged);
    expect(log.start).toBeLessThanOrEqual(expected.trimAttempted);
    let next = -1;
    for (const batch of await readBatches(log, log.start)) {
      const offset = batchBaseOffset(batch, 0);
      if (next >= 0) expect(offset).toBe(next);
      next = batchNextOffset(batch, 0);
      expect(batch.equals(expected.batches.get(offset)!), `${name} at ${offset}`).toBe(true);
    }
    if (log.committed > log.start) expect(next).toBe(log.committed);
    expected.acknowledged = log.committed;
    expected.trimAcknowledged = log.start;
    expected.trimAttempted = log.start;
  }
  expect(engine.metrics.damagedRanges).toBe(0);
  if (world.random.integer(2) === 0) await engine.close();
  else world.disk.kill();
}

function options({ durability }: World, name: string): LogOptions {
  return { durability, segmentBytes: 6000, keepsTail: name < 'c' };
}
