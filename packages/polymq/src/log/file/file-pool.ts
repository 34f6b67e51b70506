/**
 * The open files of all logs, at most `openMax` of them. A file is opened when it is used and closed when it
 * is the longest unused one and the pool is full. One descriptor per segment: an error of a background
 * write-back is reported once per descriptor, so data must be synced on the one it was written to;
 * therefore a file with unsynced data is synced before it is closed.
 */
import type { Disk, DiskFile } from '../../lib/environment/disk.ts';

export class FilePool {
  readonly #disk: Disk;
  readonly #openMax: number;
  /** Open files, longest unused first. */
  readonly #open = new Set<PooledFile>();

  constructor(disk: Disk, openMax: number) {
    this.#disk = disk;
    this.#openMax = openMax;
  }

  get openCount(): number {
    return this.#open.size;
  }

  file(path: string): PooledFile {
    return new PooledFile(path, this);
  }

  /** For `PooledFile` only. */
  async openFile(file: PooledFile): Promise<DiskFile> {
    const opened = await this.#disk.open(file.path, { create: true });
    this.#open.add(file);
    this.#evict();
    return opened;
  }

  /** For `PooledFile` only: marks it as the one used last. */
  touch(file: PooledFile): void {
    this.#open.delete(file);
    this.#open.add(file);
  }

  /** For `PooledFile` only. */
  forget(file: PooledFile): void {
    this.#open.delete(file);
  }

  async closeAll(): Promise<void> {
    await Promise.all([...this.#open].map((file) => file.close()));
  }

  #evict(): void {
    if (this.#open.size <= this.#openMax) return;
    for (const file of this.#open) {
      if (file.idle) {
        // An error on the way (of the sync before) is the same as one of the sync later: see `close`.
        file.close().catch(() => undefined);
        if (this.#open.size <= this.#openMax) return;
      }
    }
  }
}

/** A file that may be open or not. */
export class PooledFile {
  readonly path: string;
  readonly #pool: FilePool;
  #file: DiskFile | undefined;
  #opening: Promise<DiskFile> | undefined;
  #closing: Promise<void> | undefined;
  #users = 0;
  /** Written since the last sync: it must not be closed before the next one. */
  dirty = false;

  constructor(path: string, pool: FilePool) {
    this.path = path;
    this.#pool = pool;
  }

  get idle(): boolean {
    return this.#users === 0 && !this.dirty && this.#file !== undefined;
  }

  /** The open file for use right now, in this turn; `undefined` if it must be opened first. */
  get now(): DiskFile | undefined {
    if (this.#file !== undefined) this.#pool.touch(this);
    return this.#file;
  }

  /** Uses the file; it stays open until `action` is done. */
  async use<T>(action: (file: DiskFile) => Promise<T>): Promise<T> {
    this.#users++;
    try {
      return await action(this.#file ?? (await this.#openNow()));
    } finally {
      this.#users--;
    }
  }

  /** Closes it once nobody uses it any more. It opens again by itself when it is used. */
  async close(): Promise<void> {
    const file = this.#file;
    if (file === undefined) return this.#closing;
    this.#file = undefined;
    this.#pool.forget(this);
    this.#closing = file.close();
    await this.#closing;
    this.#closing = undefined;
  }

  async #openNow(): Promise<DiskFile> {
    if (this.#opening === undefined) {
      this.#opening = this.#open();
    }
    try {
      return await this.#opening;
    } finally {
      this.#opening = undefined;
    }
  }

  async #open(): Promise<DiskFile> {
    await this.#closing;
    const file = await this.#pool.openFile(this);
    this.#file = file;
    return file;
  }
}
