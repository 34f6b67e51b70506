/**
 * Opens and removes the logs of partitions, many at a time, and gives each its producer state back.
 *
 * The log of a partition is named by the stream's id, `stream/<id>/<index>`, so a name that is
 * deleted and created again never meets old records.
 */
import type { Clock } from '../../lib/environment/clock.ts';
import type { LogEngine } from '../../log/log.ts';
import { LogPartition } from './log-partition.ts';
import type { ProducerSnapshots } from './producer-snapshots.ts';
import type { ProducerBudget } from './producer-state.ts';
import type { StreamConfig } from './stream-config.ts';

export const STREAM_LOG_PREFIX = 'stream/';
const PARALLEL_OPENS = 64;

export interface PartitionToOpen {
  streamId: string;
  streamName: string;
  index: number;
  config: StreamConfig;
}

export function partitionLogName(streamId: string, index: number): string {
  return `${STREAM_LOG_PREFIX}${streamId}/${index}`;
}

export class PartitionOpener {
  readonly #engine: LogEngine;
  readonly #clock: Clock;
  readonly #snapshots: ProducerSnapshots;
  readonly #budget: ProducerBudget;

  constructor(
    engine: LogEngine,
    clock: Clock,
    snapshots: ProducerSnapshots,
    budget: ProducerBudget,
  ) {
    this.#engine = engine;
    this.#clock = clock;
    this.#snapshots = snapshots;
    this.#budget = budget;
  }

  async open(partition: PartitionToOpen): Promise<LogPartition> {
    const { streamName, index, config } = partition;
    const name = partitionLogName(partition.streamId, index);
    const log = await this.#engine.open(name, {
      durability: config.durability,
      segmentBytes: config.segmentBytes,
    });
    const opened = new LogPartition({
      streamName,
      index,
      log,
      config,
      clock: this.#clock,
      budget: this.#budget,
      space: this.#engine.metrics,
      saveProducers: (snapshot) => this.#snapshots.write(snapshot),
    });
    await opened.producers.rebuild(this.#snapshots.take(name, log.tail), this.#clock.nowMs());
    return opened;
  }

  /** Opens all, in their order; if one fails, rejects after the others under way have ended. */
  async openAll(partitions: readonly PartitionToOpen[]): Promise<LogPartition[]> {
    const opened: LogPartition[] = new Array(partitions.length);
    await inParallel(partitions.length, async (at) => {
      opened[at] = await this.open(partitions[at]!);
    });
    return opened;
  }

  async remove(logNames: readonly string[]): Promise<void> {
    await inParallel(logNames.length, async (at) => {
      await this.#engine.delete(logNames[at]!);
      await this.#snapshots.delete(logNames[at]!);
    });
  }
}

/** Runs `task` for `0` to `count - 1`, some at a time. Starts no more once one has failed. */
async function inParallel(count: number, task: (at: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) {
      try {
        await task(next++);
      } catch (error: unknown) {
        next = count;
        throw error;
      }
    }
  };
  const workers = Array.from({ length: Math.min(count, PARALLEL_OPENS) }, worker);
  const outcomes = await Promise.allSettled(workers);
  const failed = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}
