/**
 * Says in the log when the disk gets low and when it has room again. The engine measures; below the watermark the
 * core refuses producers, and the broker is not ready, while reads, commits and deletes go on.
 */
import type { Alarms } from '../core/alarms.ts';
import type { Timer, Timers } from '../lib/environment/clock.ts';
import type { Disk } from '../lib/environment/disk.ts';
import type { Logger } from '../lib/logger.ts';
import type { LogEngineMetrics } from '../log/log.ts';
import type { StorageConfig } from './config/settings.ts';

/** As often as the engine measures. */
const CHECK_MS = 1_000;
/** On a large disk a share of it is more than anybody needs as a reserve. */
const SHARE_BYTES_MAX = 5 * 1024 ** 3;

/** Below how many free bytes producers are refused. Creates the folder if it is missing. */
export async function watermarkOf(
  disk: Pick<Disk, 'makeDirectory' | 'freeBytes'>,
  directory: string,
  config: StorageConfig,
): Promise<number> {
  try {
    await disk.makeDirectory(directory);
  } catch (cause: unknown) {
    const why = (cause as Error).message;
    throw new Error(
      `data directory ${directory} cannot be used (${why}); give another with --data`,
      {
        cause,
      },
    );
  }
  const { total } = await disk.freeBytes(directory);
  const share = Math.min((total * config.freePercentMin) / 100, SHARE_BYTES_MAX);
  return Math.max(config.freeBytesMin, share);
}

export class DiskWatch {
  readonly #metrics: Pick<LogEngineMetrics, 'freeBytes' | 'lowSpace'>;
  readonly #timers: Timers;
  readonly #logger: Logger;
  readonly #alarms: Alarms;
  #timer: Timer | undefined;
  #low = false;

  constructor(
    metrics: Pick<LogEngineMetrics, 'freeBytes' | 'lowSpace'>,
    timers: Timers,
    logger: Logger,
    alarms: Alarms,
  ) {
    this.#metrics = metrics;
    this.#alarms = alarms;
    this.#timers = timers;
    this.#logger = logger;
  }

  start(): void {
    this.#look();
  }

  stop(): void {
    this.#timers.clear(this.#timer);
  }

  #look(): void {
    const { lowSpace = false, freeBytes } = this.#metrics;
    if (lowSpace !== this.#low) {
      this.#low = lowSpace;
      this.#alarms.set('disk', lowSpace);
      if (lowSpace) {
        const message = 'disk space is low, producers are refused: free some or shorten retention';
        this.#logger.error({ freeBytes }, message);
      } else this.#logger.info({ freeBytes }, 'disk space is sufficient again');
    }
    this.#timer = this.#timers.after(CHECK_MS, () => this.#look());
    this.#timer.unref();
  }
}
