/** A file engine on a simulated disk, small enough that everything rolls, switches and evicts. */
import { SeededRandom } from '../../lib/environment/simulated/seeded-random.ts';
import { SimulatedClock } from '../../lib/environment/simulated/simulated-clock.ts';
import type { SimulatedDisk } from '../../lib/environment/simulated/simulated-disk.ts';
import { type FileEngineOptions, openFileEngine } from '../file/file-engine.ts';
import type { LogEngine } from '../log.ts';

export interface SimulatedEngine {
  engine: LogEngine;
  clock: SimulatedClock;
}

export async function openSimulatedEngine(
  disk: SimulatedDisk,
  seed = 1,
  options: Partial<FileEngineOptions> = {},
): Promise<SimulatedEngine> {
  const clock = new SimulatedClock();
  const environment = {
    clock,
    timers: clock,
    disk: disk.attach(),
    random: new SeededRandom(seed ^ Math.imul(disk.operationCount, 31)),
  };
  const engine = await openFileEngine(environment, {
    directory: '/data',
    tailCacheBytes: 16 * 1024,
    openFilesMax: 6,
    commitFileBytes: 32 * 1024,
    preallocateBytes: 4096,
    reserveBytes: 0,
    ...options,
  });
  return { engine, clock };
}
