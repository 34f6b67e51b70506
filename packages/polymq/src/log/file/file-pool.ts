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
      if (!file.idle) continue;
      // A failed sync on the way is told to the owner.
      file.close().catch(() => undefined);
      if (this.#open.size <= this.#openMax) return;
    }
  }
}

/** The file was removed while somebody was about to use it. */
export class RetiredFileError extends Error {
  constructor(path: string) {
    super(`segment ${path} was removed`);
    this.name = 'RetiredFileError';
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
  #retired = false;
  #onIdle: (() => void) | undefined;
  /** Written since the last sync. */
  dirty = false;
  /** Told of a failed sync that happened only because the file had to be closed. */
  onError: ((error: unknown) => void) | undefined;

  constructor(path: string, pool: FilePool) {
    this.path = path;
    this.#pool = pool;
  }

  get idle(): boolean {
    return this.#users === 0 && this.#file !== undefined;
  }

  /** The open file for use right now, in this turn; `undefined` if it must be opened first. */
  get now(): DiskFile | undefined {
    if (this.#file === undefined || this.#retired) return undefined;
    this.#pool.touch(this);
    return this.#file;
  }

  /**
   * Closes it for good, before it is removed: opening it again would bring back an empty file, or, after
   * its log was deleted, one that belongs to another log of the same name.
   */
  async retire(): Promise<void> {
    this.#retired = true;
    this.dirty = false;
    await this.close();
  }

  /** Uses the file; it stays open until `action` is done. Throws `RetiredFileError` after `retire`. */
  async use<T>(action: (file: DiskFile) => Promise<T>): Promise<T> {
    if (this.#retired) throw new RetiredFileError(this.path);
    this.#users++;
    try {
      return await action(this.now ?? (await this.#openNow()));
    } finally {
      this.#users--;
      if (this.#users === 0) this.#onIdle?.();
    }
  }

  /** Closes it once nobody uses it any more. It opens again by itself when it is used. */
  async close(): Promise<void> {
    while (this.#users > 0) {
      await new Promise<void>((resolve) => {
        const before = this.#onIdle;
        this.#onIdle = () => {
          this.#onIdle = undefined;
          before?.();
          resolve();
        };
      });
    }
    const file = this.#file;
    if (file === undefined) return this.#closing;
    this.#file = undefined;
    this.#pool.forget(this);
    this.#closing = this.#finish(file);
    await this.#closing;
    this.#closing = undefined;
  }

  async #finish(file: DiskFile): Promise<void> {
    try {
      if (this.dirty) await file.datasync();
    } catch (error) {
      this.onError?.(error);
    } finally {
      await file.close();
    }
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
