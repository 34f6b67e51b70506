/**
 * Commits on a simulated disk that stops at a random operation, then a power cut, then recovery; several times on
 * one disk, with snapshots and trims going on. What was acknowledged must be there, and nothing older.
 */
import { expect, test } from 'vitest';
import type { Environment } from '../../lib/environment/environment.ts';
import { SeededRandom } from '../../lib/environment/simulated/seeded-random.ts';
import { SimulatedDisk } from '../../lib/environment/simulated/simulated-disk.ts';
import { openSimulatedEngine } from '../../log/testing/simulated-engine.ts';
import { untilCut } from '../../log/testing/until-cut.ts';
import { type GroupRegistry, openGroups } from './group-registry.ts';

const SEEDS = Number(process.env['POLYMQ_SEEDS'] ?? 30);

interface World {
  seed: number;
  disk: SimulatedDisk;
  random: SeededRandom;
  /** By group and partition: the last offset tried, and the last acknowledged. */
  tried: Map<string, number>;
  acknowledged: Map<string, number>;
  /** Blobs seen, so that the test is known to have taken snapshots. */
  snapshots: number;
}

test('acknowledged commits survive power cuts, also while snapshots are taken', async () => {
  let snapshots = 0;
  for (let seed = 1; seed <= SEEDS; seed++) {
    const disk = new SimulatedDisk();
    const random = new SeededRandom(seed);
    const tried = new Map<string, number>();
    const world = { seed, disk, random, tried, acknowledged: new Map(), snapshots: 0 };
    for (let life = 0; life < 4; life++) {
      await liveUntilCut(world);
      disk.powerCut(random);
    }
    const groups = await open(world);
    check(groups, world);
    snapshots += world.snapshots;
  }
  expect(snapshots).toBeGreaterThan(SEEDS);
});

async function open(world: World): Promise<GroupRegistry> {
  const { engine, clock } = await openSimulatedEngine(world.disk, world.seed);
  const none = {} as Pick<Environment, 'disk' | 'network' | 'outbound'>;
  const environment = { ...none, clock, timers: clock, random: world.random };
  const groups = await openGroups({ environment, engine, options: { snapshotBytes: 2_000 } });
  world.snapshots += (await engine.blobs.list('groups/')).length;
  return groups;
}

function liveUntilCut(world: World): Promise<void> {
  return untilCut(world, 600, async (isCut) => {
    const groups = await open(world);
    check(groups, world);
    for (let step = 0; step < 200 && !isCut(); step++) {
      for (let count = world.random.integer(8); count > 0; count--) commitOne(groups, world);
      await new Promise((resolve) => setImmediate(resolve));
    }
  });
}

function commitOne(groups: GroupRegistry, world: World): void {
  const groupId = `g${world.random.integer(10)}`;
  const partition = world.random.integer(5);
  const key = `${groupId}/${partition}`;
  const offset = (world.tried.get(key) ?? 0) + 1;
  world.tried.set(key, offset);
  const one = { stream: 'orders', partition, offset, leaderEpoch: -1, metadata: 'some text' };
  groups.commitOffsets(groupId, undefined, [one]).then(
    () => {
      const last = world.acknowledged.get(key) ?? 0;
      world.acknowledged.set(key, Math.max(last, offset));
    },
    () => undefined,
  );
}

function check(groups: GroupRegistry, { seed, tried, acknowledged }: World): void {
  const found = new Map<string, number>();
  for (const { groupId, partition, offset } of groups.committed()) {
    found.set(`${groupId}/${partition}`, offset);
  }
  for (const [key, offset] of tried) {
    const context = `seed ${seed}, ${key}`;
    expect(found.get(key) ?? 0, context).toBeGreaterThanOrEqual(acknowledged.get(key) ?? 0);
    expect(found.get(key) ?? 0, context).toBeLessThanOrEqual(offset);
  }
}
