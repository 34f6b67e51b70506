/**
 * Appends on a simulated disk that stops at a random operation, then a power cut, then recovery; several times on one disk. What was acknowledged
 * must be there, whole appends only, and versions without gaps.
 */
import { expect, test } from 'vitest';
import type { Environment } from '../../lib/environment/environment.ts';
import { SeededRandom } from '../../lib/environment/simulated/seeded-random.ts';
import { SimulatedDisk } from '../../lib/environment/simulated/simulated-disk.ts';
import { openSimulatedEngine } from '../../log/testing/simulated-engine.ts';
import { untilCut } from '../../log/testing/until-cut.ts';
import { MetaJournal } from '../meta/meta-journal.ts';
import { openDocuments } from '../meta/open-documents.ts';
import { openStreams } from '../stream/open-streams.ts';
import type { EventLog, EventToAppend } from './event-log.ts';
import { StreamEventLog } from './open-event-log.ts';

const SEEDS = Number(process.env['POLYMQ_SEEDS'] ?? 10);
const STREAMS = 6;

interface World {
  seed: number;
  disk: SimulatedDisk;
  random: SeededRandom;
  appends: number;
  /** Per stream: what every acknowledged append has put at which version. */
  acknowledged: Map<string, Map<number, string>>;
}

test('acknowledged appends survive power cuts whole, and versions have no gaps', async () => {
  let kept = 0;
  for (let seed = 1; seed <= SEEDS; seed++) {
    const disk = new SimulatedDisk();
    const random = new SeededRandom(seed);
    const world: World = { seed, disk, random, appends: 0, acknowledged: new Map() };
    for (let life = 0; life < 4; life++) {
      await liveUntilCut(world);
      disk.powerCut(random);
    }
    await check(await open(world), world);
    for (const versions of world.acknowledged.values()) kept += versions.size;
  }
  expect(kept).toBeGreaterThan(SEEDS * 10);
});

async function open(world: World): Promise<EventLog> {
  const { engine, clock } = await openSimulatedEngine(world.disk, world.seed);
  const none = {} as Pick<Environment, 'disk' | 'network' | 'outbound'>;
  const environment = { ...none, clock, timers: clock, random: world.random };
  const meta = await MetaJournal.open({ engine, clock });
  const documents = openDocuments(meta);
  const { streams } = await openStreams({ environment, engine, meta });
  const log = new StreamEventLog({ streams, documents, environment });
  if (streams.get('store') === undefined) {
    const overrides = new Map([['retentionMs', '-1']] as const);
    await streams.create({ name: 'store', partitionCount: 2, overrides });
  }
  await log.version('store', 'any');
  return log;
}

function liveUntilCut(world: World): Promise<void> {
  return untilCut(world, 600, async (isCut) => {
    const log = await open(world);
    await check(log, world);
    for (let step = 0; step < 200 && !isCut(); step++) {
      for (let count = world.random.integer(8); count > 0; count--) appendOne(log, world);
      await new Promise((resolve) => setImmediate(resolve));
    }
  });
}

/** The events of one append carry its number and how many they are, so that half of one would show. */
function appendOne(log: EventLog, world: World): void {
  world.appends += 1;
  const stream = `s${world.random.integer(STREAMS)}`;
  const count = 1 + world.random.integer(3);
  const events = Array.from({ length: count }, (_, at): EventToAppend => {
    const id = `${world.appends}:${at}/${count}`;
    return { id, body: Buffer.from(id), contentType: '', headers: {}, timestampMs: 0 };
  });
  log.append('store', stream, events).then(
    (outcome) => {
      if (outcome.conflict) throw new Error('an append at any version met a conflict');
      const known = world.acknowledged.get(stream) ?? new Map<number, string>();
      world.acknowledged.set(stream, known);
      for (const [at, { id }] of events.entries()) known.set(outcome.version - count + at + 1, id);
    },
    () => undefined,
  );
}

async function check(log: EventLog, { seed, acknowledged }: World): Promise<void> {
  for (let number = 0; number < STREAMS; number++) {
    const stream = `s${number}`;
    const context = `seed ${seed}, ${stream}`;
    const events = await log.readStream('store', stream, 1, 10_000);
    expect(events.length, context).toBe(await log.version('store', stream));
    for (const [version, id] of acknowledged.get(stream) ?? []) {
      expect(events[version - 1]?.id, context).toBe(id);
    }
    for (let at = 0; at < events.length; ) {
      const [append, place] = events[at]!.id.split(':');
      const count = Number(place!.split('/')[1]);
      for (let index = 0; index < count; index++, at++) {
        expect(events[at]?.id, context).toBe(`${append}:${index}/${count}`);
        expect(events[at]?.version, context).toBe(at + 1);
      }
    }
  }
}
