/**
 * Retained messages on a simulated disk that stops at a random operation and loses what was not synced, several lives on one disk,
 * with segments so small that the journal is compacted, trimmed and snapshots are taken all the time. Of each key there is the
 * committed state, or a later one, and never two.
 */
import { expect, it } from 'vitest';
import { SeededRandom } from '../../lib/environment/simulated/seeded-random.ts';
import { SimulatedDisk, systemError } from '../../lib/environment/simulated/simulated-disk.ts';
import { turns } from '../../log/testing/contract.ts';
import { openSimulatedEngine } from '../../log/testing/simulated-engine.ts';
import type { JournaledRetained } from './journaled-retained.ts';
import { openRetained, type RetainedKit, retainedDraft, retainedOf } from './testing/kit.ts';

const SEEDS = Number(process.env['POLYMQ_SEEDS'] ?? 4);
const LIVES = 4;
const KEYS = 60;

/** What a key was set to; the empty text if it was removed. */
interface State {
  text: string;
}

interface World {
  random: SeededRandom;
  disk: SimulatedDisk;
  /** What was done to each key since, and including, the state that is known to be committed. */
  states: Map<string, State[]>;
  next: number;
  seen: Record<'crashes' | 'trims' | 'relocatedRows' | 'snapshots' | 'stops', number>;
}

it('leaves of each key what was committed, or what came after, whenever the power fails', async () => {
  const seen = { crashes: 0, trims: 0, relocatedRows: 0, snapshots: 0, stops: 0 };
  for (let seed = 1; seed <= SEEDS; seed++) {
    const disk = new SimulatedDisk();
    const world = { random: new SeededRandom(seed), disk, states: new Map(), next: 0, seen };
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
    const kit = await openRetained(engine, clock, { store: { ...sizes, snapshotBytes: 60_000 } });
    await check(world, kit.retained);
    const steps = random.integer(2) === 0 ? 40 : 500;
    for (let step = 0; step < steps && disk.operationCount < lastOperation; step++) {
      for (let count = random.integer(5); count > 0; count--) change(world, kit);
      await turns(random.integer(3));
      if (random.integer(40) === 0) clock.advance(6000);
    }
    for (const what of ['trims', 'relocatedRows', 'snapshots'] as const) {
      seen[what] += kit.store.counters[what];
    }
    if (random.integer(3) > 0) {
      await kit.close();
      await engine.close();
      if (disk.operationCount < lastOperation) seen.stops++;
    }
  } catch (error) {
    if (disk.operationCount < lastOperation) throw error;
  }
  seen.crashes++;
  disk.onOperation = undefined;
  disk.powerCut(random);
}

function change(world: World, { retained, store }: RetainedKit): void {
  const { random, states } = world;
  const key = `k.${random.integer(KEYS)}`;
  const state: State = { text: '' };
  if (random.integer(6) === 0) retained.remove('', key);
  else {
    const bytes = [20, 800, 5000][random.integer(3)]!;
    state.text = `${world.next++} `.padEnd(bytes, 'x');
    retained.set('', retainedDraft(key, state.text));
  }
  const since = states.get(key) ?? [{ text: '' }];
  states.set(key, since);
  since.push(state);
  store.whenCommitted(store.position).then(
    () => since.splice(0, since.indexOf(state)),
    () => undefined,
  );
}

async function check(world: World, retained: JournaledRetained): Promise<void> {
  const found = await retainedOf(retained);
  const there = new Map(found);
  if (there.size < found.length) throw new Error('a key is there twice');
  for (const [key, since] of world.states) {
    const text = there.get(key) ?? '';
    const state = since.find((one) => one.text === text);
    if (state === undefined) throw new Error(`${key} is ${text.slice(0, 20)}`);
    // Another array: promises of the life before may still resolve.
    world.states.set(key, [state]);
    there.delete(key);
  }
  if (there.size > 0) throw new Error('there are keys from nowhere');
}
