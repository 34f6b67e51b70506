/**
 * Watches the free space where the data lies. Below the watermark the broker is not ready and says so once per
 * change; a disk that is really full is the log engine's to notice, whatever is measured here.
 */
import type { Timer } from '../lib/environment/clock.ts';
import type { Environment } from '../lib/environment/environment.ts';
import type { Logger } from '../lib/logger.ts';
import type { StorageConfig } from './config/settings.ts';

export interface DiskSpace {
  readonly free: number;
  readonly total: number;
}

/** Fast enough to notice before a gigabyte is written, cheap enough not to matter: one system call. */
const CHECK_MS = 1_000;
/** On a large disk a share of it is more than anybody needs as a reserve. */
const WATERMARK_BYTES_MAX = 5 * 1024 ** 3;

/** Below how many free bytes producers are refused. */
export function watermarkBytes(config: StorageConfig, totalBytes: number): number {
  const share = Math.min((totalBytes * config.freePercentMin) / 100, WATERMARK_BYTES_MAX);
  return Math.max(config.freeBytesMin, share);
}

export class DiskWatch {
  readonly #environment: Pick<Environment, 'disk' | 'timers'>;
  readonly #directory: string;
  readonly #config: StorageConfig;
  readonly #logger: Logger;
  #timer: Timer | undefined;
  #stopped = false;
  #space: DiskSpace | undefined;
  #low = false;

  private constructor(
    environment: Pick<Environment, 'disk' | 'timers'>,
    directory: string,
    config: StorageConfig,
    logger: Logger,
  ) {
    this.#environment = environment;
    this.#directory = directory;
    this.#config = config;
    this.#logger = logger;
  }

  /** Resolves after the first look, so that the broker starts knowing. */
  static async start(
    environment: Pick<Environment, 'disk' | 'timers'>,
    directory: string,
    config: StorageConfig,
    logger: Logger,
  ): Promise<DiskWatch> {
    const watch = new DiskWatch(environment, directory, config, logger);
    await watch.#look();
    return watch;
  }

  get space(): DiskSpace | undefined {
    return this.#space;
  }

  get low(): boolean {
    return this.#low;
  }

  stop(): void {
    this.#stopped = true;
    this.#environment.timers.clear(this.#timer);
  }

  async #look(): Promise<void> {
    try {
      this.#space = await this.#environment.disk.freeBytes(this.#directory);
      this.#judge(this.#space);
    } catch (error: unknown) {
      this.#logger.error({ error, directory: this.#directory }, 'cannot read the free disk space');
    }
    if (this.#stopped) return;
    this.#timer = this.#environment.timers.after(CHECK_MS, () => void this.#look());
    this.#timer.unref();
  }

  #judge({ free, total }: DiskSpace): void {
    const watermark = watermarkBytes(this.#config, total);
    const low = free < watermark;
    if (low === this.#low) return;
    this.#low = low;
    const fields = { directory: this.#directory, freeBytes: free, watermarkBytes: watermark };
    if (low) this.#logger.error(fields, 'disk space is low: free some or shorten retention');
    else this.#logger.info(fields, 'disk space is sufficient again');
  }
}
