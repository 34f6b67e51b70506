import type { SeededRandom } from '../../lib/environment/simulated/seeded-random.ts';
import { type SimulatedDisk, systemError } from '../../lib/environment/simulated/simulated-disk.ts';

/**
 * Runs `live` on a disk that fails from a random operation on, at most `operationsMax` from now. What `live` throws counts only if it came
 * before that; `isCut` tells it that the disk has failed.
 */
export async function untilCut(
  { disk, random }: { disk: SimulatedDisk; random: SeededRandom },
  operationsMax: number,
  live: (isCut: () => boolean) => Promise<void>,
): Promise<void> {
  const lastOperation = disk.operationCount + random.integer(operationsMax);
  disk.onOperation = ({ index, path }) => {
    if (index >= lastOperation) throw systemError('EIO', path);
  };
  try {
    await live(() => disk.operationCount >= lastOperation);
  } catch (error) {
    if (disk.operationCount <= lastOperation) throw error;
  } finally {
    disk.onOperation = undefined;
  }
}
