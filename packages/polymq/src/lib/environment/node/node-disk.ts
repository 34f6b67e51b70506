/**
 * The real disk. Callback `fs` with descriptor numbers, because a `FileHandle` costs about 36 µs of
 * CPU per call where these cost 20 (thread pool) or 1 (synchronous).
 *
 * Nothing here retries after an error of `fdatasync`: Linux marks the pages clean after a failure,
 * so a second call would report success for data that is gone.
 */
import * as fs from 'node:fs';
import { dirname } from 'node:path';
import type { DirectoryLock, Disk, DiskEntry, DiskFile } from '../disk.ts';
import { lockDirectory } from './directory-lock.ts';
import { errorCode, NodeDiskFile, openDescriptor, syncDescriptor } from './node-disk-file.ts';

export class NodeDisk implements Disk {
  readonly bootId: string | undefined = readBootId();
  #asideCount = 0;

  async open(
    path: string,
    options: { create?: boolean; readOnly?: boolean } = {},
  ): Promise<DiskFile> {
    const access = options.readOnly ? fs.constants.O_RDONLY : fs.constants.O_RDWR;
    const flags = access | (options.create ? fs.constants.O_CREAT : 0);
    return new NodeDiskFile(path, await openDescriptor(path, flags));
  }

  async makeDirectory(path: string): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      fs.mkdir(path, { recursive: true, mode: 0o700 }, (error) =>
        error ? reject(error) : resolve(),
      );
    });
  }

  list(path: string): Promise<DiskEntry[]> {
    return new Promise((resolve, reject) => {
      fs.readdir(path, { withFileTypes: true }, (error, entries) => {
        if (error) {
          if (error.code === 'ENOENT') resolve([]);
          else reject(error);
          return;
        }
        resolve(
          entries
            .map((entry) => ({ name: entry.name, directory: entry.isDirectory() }))
            .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)),
        );
      });
    });
  }

  size(path: string): Promise<number | undefined> {
    return new Promise((resolve, reject) => {
      fs.stat(path, (error, stats) => {
        if (!error) resolve(stats.size);
        else if (error.code === 'ENOENT') resolve(undefined);
        else reject(error);
      });
    });
  }

  readFile(path: string): Promise<Buffer | undefined> {
    return new Promise((resolve, reject) => {
      fs.readFile(path, (error, content) => {
        if (!error) resolve(content);
        else if (error.code === 'ENOENT') resolve(undefined);
        else reject(error);
      });
    });
  }

  async replaceFile(path: string, content: Uint8Array): Promise<void> {
    // Two replacements of one path at the same time must not write into one aside file.
    const aside = `${path}.${process.pid}.${++this.#asideCount}.tmp`;
    const flags = fs.constants.O_WRONLY | fs.constants.O_CREAT | fs.constants.O_TRUNC;
    const file = new NodeDiskFile(aside, await openDescriptor(aside, flags));
    try {
      await file.write([content], 0);
      await file.datasync();
    } catch (error) {
      await file.close();
      await this.remove(aside);
      throw error;
    }
    await file.close();
    await this.rename(aside, path);
    await this.syncDirectory(dirname(path));
  }

  rename(from: string, to: string): Promise<void> {
    return new Promise((resolve, reject) => {
      fs.rename(from, to, (error) => (error ? reject(error) : resolve()));
    });
  }

  remove(path: string): Promise<void> {
    return new Promise((resolve, reject) => {
      fs.unlink(path, (error) => (error && error.code !== 'ENOENT' ? reject(error) : resolve()));
    });
  }

  removeTree(path: string): Promise<void> {
    return new Promise((resolve, reject) => {
      fs.rm(path, { recursive: true, force: true }, (error) => (error ? reject(error) : resolve()));
    });
  }

  async syncDirectory(path: string): Promise<void> {
    // Windows cannot open a folder for this; its file systems journal names themselves.
    if (process.platform === 'win32') return;
    const descriptor = await openDescriptor(path, fs.constants.O_RDONLY);
    try {
      await syncDescriptor(descriptor);
    } finally {
      fs.closeSync(descriptor);
    }
  }

  freeBytes(path: string): Promise<{ free: number; total: number }> {
    return new Promise((resolve, reject) => {
      fs.statfs(path, (error, stats) => {
        if (error) reject(error);
        else resolve({ free: stats.bavail * stats.bsize, total: stats.blocks * stats.bsize });
      });
    });
  }

  lockDirectory(path: string): Promise<DirectoryLock> {
    return lockDirectory(path);
  }
}

/** Changes with every start of the kernel: tells a power cut from the death of a process. */
function readBootId(): string | undefined {
  try {
    return fs.readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
    return undefined;
  }
}
