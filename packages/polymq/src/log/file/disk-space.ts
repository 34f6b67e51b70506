/**
 * Room on the disk. Below the hard limit appends are refused before they fail; what is already safe in the commit
 * log still needs room for its segment, which the reserve file provides: it is given up when the
 * disk is full, and made again when there is plenty.
 */
import { join } from 'node:path';
import type { Timer } from '../../lib/environment/clock.ts';
import type { Environment } from '../../lib/environment/environment.ts';

const CHECK_INTERVAL_MS = 1000;
/** The reserve is not made at once: a broker that lives only for a moment needs none. */
const RESERVE_DELAY_CHECKS = 5;
const CHUNK_BYTES = 1024 * 1024;

export interface DiskSpaceOptions {
  /** Appends are refused while less than this is free. */
  hardFreeBytes: number;
  /** `low` is reported while less than this is free. */
  lowFreeBytes: number | undefined;
  /** Size of the reserve file; 0 for none. */
  reserveBytes: number;
}

export class DiskSpace {
  /** Appends are refused. */
  full = false;
  /** Time to warn people: less than `lowFreeBytes`, or 5 % but at least 1 GiB, is free. */
  low = false;
  free: number = Number.POSITIVE_INFINITY;
  readonly #environment: Pick<Environment, 'disk' | 'timers'>;
  readonly #directory: string;
  readonly #options: DiskSpaceOptions;
  #timer: Timer | undefined;
  #checks = 0;
  #reserved = false;
  #working: Promise<void> | undefined;
  #stopped = false;

  constructor(
    environment: Pick<Environment, 'disk' | 'timers'>,
    directory: string,
    options: DiskSpaceOptions,
  ) {
    this.#environment = environment;
    this.#directory = directory;
    this.#options = options;
  }

  /** Looks once, then every second. */
  async start(): Promise<void> {
    const size = await this.#environment.disk.size(this.#reservePath);
    this.#reserved = (size ?? 0) >= this.#options.reserveBytes;
    await this.check();
    this.#arm();
  }

  /** A write found no room. */
  noteFull(): void {
    this.full = true;
    if (this.#reserved) void this.#release();
  }

  async check(): Promise<void> {
    const { free, total } = await this.#environment.disk.freeBytes(this.#directory);
    const { hardFreeBytes, lowFreeBytes } = this.#options;
    this.free = free;
    this.full = free < hardFreeBytes;
    this.low = free < (lowFreeBytes ?? Math.max(1024 ** 3, total * 0.05));
    if (this.full || this.#reserved || ++this.#checks < RESERVE_DELAY_CHECKS) return;
    if (free > hardFreeBytes + 4 * this.#options.reserveBytes) await this.#reserve();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#environment.timers.clear(this.#timer);
    await this.#working;
  }

  get #reservePath(): string {
    return join(this.#directory, 'reserve');
  }

  #arm(): void {
    if (this.#stopped) return;
    this.#timer = this.#environment.timers.after(CHECK_INTERVAL_MS, () => {
      this.#working = (this.#working ?? Promise.resolve())
        .then(() => this.check())
        // Not knowing is no reason to stop; a write that finds no room says so itself.
        .catch(() => undefined)
        .then(() => {
          this.#working = undefined;
          this.#arm();
        });
    });
    this.#timer.unref();
  }

  async #release(): Promise<void> {
    this.#reserved = false;
    this.#checks = 0;
    await this.#environment.disk.remove(this.#reservePath).catch(() => undefined);
  }

  async #reserve(): Promise<void> {
    const { disk } = this.#environment;
    const file = await disk.open(this.#reservePath, { create: true });
    const zeros = Buffer.alloc(CHUNK_BYTES);
    try {
      for (let at = 0; at < this.#options.reserveBytes && !this.#stopped; at += CHUNK_BYTES) {
        await file.write([zeros], at);
      }
      this.#reserved = true;
    } catch {
      await disk.remove(this.#reservePath);
    } finally {
      await file.close();
    }
  }
}
