import type { Disk } from '../../lib/environment/disk.ts';

/**
 * fsync of folders for many at once: who asks while one is under way shares the next with all others
 * who ask. Creating a thousand logs syncs their common parent a few times, not a thousand.
 */
export class FolderSync {
  readonly #disk: Disk;
  readonly #running = new Map<string, Promise<void>>();
  readonly #next = new Map<string, Promise<void>>();

  constructor(disk: Disk) {
    this.#disk = disk;
  }

  sync(path: string): Promise<void> {
    const running = this.#running.get(path);
    if (running === undefined) return this.#start(path);
    let next = this.#next.get(path);
    if (next === undefined) {
      next = running
        .catch(() => undefined)
        .then(() => {
          this.#next.delete(path);
          return this.#start(path);
        });
      this.#next.set(path, next);
    }
    return next;
  }

  #start(path: string): Promise<void> {
    const run = this.#disk.syncDirectory(path).finally(() => this.#running.delete(path));
    this.#running.set(path, run);
    return run;
  }
}
