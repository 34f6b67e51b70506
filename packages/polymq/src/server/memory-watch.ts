/** Says when the process has taken more memory than it should: publishers wait then, and consumers go on. */
import { totalmem } from 'node:os';
import type { Alarms } from '../core/alarms.ts';
import type { Timer, Timers } from '../lib/environment/clock.ts';
import type { Logger } from '../lib/logger.ts';

const CHECK_MS = 1_000;
/** The alarm goes off at this share of what set it on, so that it does not flutter. */
const CLEAR_SHARE = 0.95;

export interface MemoryWatchOptions {
  /** Resident memory, in bytes. */
  bytesMax: number;
  timers: Timers;
  logger: Logger;
  alarms: Alarms;
  /** Default: this process. */
  residentBytes?: () => number;
}

/** `percent` of what this process may have: the limit of its container, or the machine's memory. */
export function memoryWatermark(percent: number): number {
  const limit = process.constrainedMemory();
  const total = totalmem();
  const available = limit > 0 && limit < total ? limit : total;
  return (available * percent) / 100;
}

export class MemoryWatch {
  readonly #options: MemoryWatchOptions;
  readonly #residentBytes: () => number;
  #timer: Timer | undefined;
  #high = false;

  constructor(options: MemoryWatchOptions) {
    this.#options = options;
    this.#residentBytes = options.residentBytes ?? (() => process.memoryUsage.rss());
  }

  start(): void {
    this.look();
    this.#timer = this.#options.timers.after(CHECK_MS, () => this.start());
    this.#timer.unref();
  }

  stop(): void {
    this.#options.timers.clear(this.#timer);
  }

  look(): void {
    const { bytesMax, logger, alarms } = this.#options;
    const bytes = this.#residentBytes();
    const high = bytes > (this.#high ? bytesMax * CLEAR_SHARE : bytesMax);
    if (high === this.#high) return;
    this.#high = high;
    alarms.set('memory', high);
    const fields = { residentBytes: bytes, bytesMax };
    if (high)
      logger.error(fields, 'memory is short, publishers wait until consumers have caught up');
    else logger.info(fields, 'memory is sufficient again');
  }
}
