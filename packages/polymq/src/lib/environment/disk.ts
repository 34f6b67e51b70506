/**
 * The disk as the log needs it. Paths are absolute. Errors are Node's own system errors with
 * `code` (`ENOENT`, `EEXIST`, `ENOSPC`, `EIO`).
 *
 * Durability follows POSIX: written data survives the death of the process at once, but a power
 * cut only after `DiskFile.datasync` on the same handle; a created, renamed or removed name only after
 * `syncDirectory` of its folder.
 */
export interface Disk {
  /**
   * Names this start of the machine, if that is known. When it has changed, unsynced data may be
   * lost or torn; when it is the same, everything that was written is still there.
   */
  readonly bootId: string | undefined;
  /** Opens a file for reading and writing. `create` makes it when missing and truncates nothing. */
  open(path: string, options?: { create?: boolean; readOnly?: boolean }): Promise<DiskFile>;
  /** Creates the folder and its parents, mode 0700. No error if it is there. */
  makeDirectory(path: string): Promise<void>;
  /** The names in a folder, sorted. An empty list if the folder does not exist. */
  list(path: string): Promise<DiskEntry[]>;
  /** The size in bytes, or `undefined` if there is no such file. */
  size(path: string): Promise<number | undefined>;
  /** The whole content, or `undefined` if there is no such file. */
  readFile(path: string): Promise<Buffer | undefined>;
  /** Replaces the file atomically and durably: write aside, fdatasync, rename, directory fsync. */
  replaceFile(path: string, content: Uint8Array): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** Removes a file. No error if it is gone. */
  remove(path: string): Promise<void>;
  /** Removes a folder with all it holds. No error if it is gone. */
  removeTree(path: string): Promise<void>;
  /** fsync of a folder: makes creations, renames and removals in it durable. */
  syncDirectory(path: string): Promise<void>;
  /** Bytes that an ordinary process may still write on the file system that holds `path`. */
  freeBytes(path: string): Promise<{ free: number; total: number }>;
  /**
   * Takes an exclusive lock on a folder for the life of this process, released when the process
   * dies in any way. Throws `DirectoryLockedError` if another living process holds it.
   */
  lockDirectory(path: string): Promise<DirectoryLock>;
}

export interface DiskEntry {
  name: string;
  directory: boolean;
}

export interface DirectoryLock {
  release(): Promise<void>;
}

/** Another living process holds the folder. */
export class DirectoryLockedError extends Error {
  readonly path: string;
  readonly pid: number | undefined;

  constructor(path: string, pid: number | undefined) {
    const owner = pid ? `process ${pid}` : 'another process';
    super(`directory ${path} is in use by ${owner}; stop that one, or choose another directory`);
    this.name = 'DirectoryLockedError';
    this.path = path;
    this.pid = pid;
  }
}

/** One open file. Positions are absolute; the file keeps no cursor. */
export interface DiskFile {
  readonly path: string;
  /** The size in bytes as the file system reports it. */
  size(): Promise<number>;
  /** Writes all buffers one after another at `position`, before it returns. Page cache speed. */
  writeSync(buffers: readonly Uint8Array[], position: number): void;
  /** The same on the thread pool. Resolves when `write(2)` has taken all bytes. */
  write(buffers: readonly Uint8Array[], position: number): Promise<void>;
  /** Reads up to `length` bytes into `target` at `offset`. Returns the bytes read; 0 at the end. */
  read(target: Uint8Array, offset: number, length: number, position: number): Promise<number>;
  readSync(target: Uint8Array, offset: number, length: number, position: number): number;
  /** fdatasync. After a rejection the state of the file is unknown: never retry. */
  datasync(): Promise<void>;
  truncate(size: number): Promise<void>;
  /** Makes the file longer, with zeros, before it returns. Takes no space on disk until they are overwritten. */
  growSync(size: number): void;
  close(): Promise<void>;
}
