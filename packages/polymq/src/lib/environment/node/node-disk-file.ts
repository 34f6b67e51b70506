/**
 * One open file of the real disk, and the few descriptor calls that `node-disk.ts` shares with it.
 *
 * Reads and writes give a position and move no cursor, so that many may be under way at once. A write is done when
 * all its bytes were taken: what the system takes only in part is gone on with here.
 */
import * as fs from 'node:fs';
import type { DiskFile } from '../disk.ts';

/** More buffers than this in one `writev` are refused by Linux (IOV_MAX). */
const VECTOR_COUNT_MAX = 1024;

export class NodeDiskFile implements DiskFile {
  readonly path: string;
  readonly #descriptor: number;

  constructor(path: string, descriptor: number) {
    this.path = path;
    this.#descriptor = descriptor;
  }

  size(): Promise<number> {
    return new Promise((resolve, reject) => {
      fs.fstat(this.#descriptor, (error, stats) => (error ? reject(error) : resolve(stats.size)));
    });
  }

  writeSync(buffers: readonly Uint8Array[], position: number): void {
    const only = buffers.length === 1 ? buffers[0] : undefined;
    if (only !== undefined) {
      const count = fs.writeSync(this.#descriptor, only, 0, only.length, position);
      if (count < only.length) this.writeSync([only.subarray(count)], position + count);
      return;
    }
    let at = position;
    for (let start = 0; start < buffers.length; start += VECTOR_COUNT_MAX) {
      let rest = buffers.slice(start, start + VECTOR_COUNT_MAX);
      while (rest.length > 0) {
        const count = fs.writevSync(this.#descriptor, rest, at);
        at += count;
        rest = withoutFirst(rest, count);
      }
    }
  }

  async write(buffers: readonly Uint8Array[], position: number): Promise<void> {
    let at = position;
    for (let start = 0; start < buffers.length; start += VECTOR_COUNT_MAX) {
      let rest = buffers.slice(start, start + VECTOR_COUNT_MAX);
      while (rest.length > 0) {
        const count = await writeVector(this.#descriptor, rest, at);
        at += count;
        rest = withoutFirst(rest, count);
      }
    }
  }

  read(target: Uint8Array, offset: number, length: number, position: number): Promise<number> {
    return new Promise((resolve, reject) => {
      fs.read(this.#descriptor, target, offset, length, position, (error, count) =>
        error ? reject(error) : resolve(count),
      );
    });
  }

  readSync(target: Uint8Array, offset: number, length: number, position: number): number {
    return fs.readSync(this.#descriptor, target, offset, length, position);
  }

  datasync(): Promise<void> {
    return new Promise((resolve, reject) => {
      fs.fdatasync(this.#descriptor, (error) => (error ? reject(error) : resolve()));
    });
  }

  truncate(size: number): Promise<void> {
    return new Promise((resolve, reject) => {
      fs.ftruncate(this.#descriptor, size, (error) => (error ? reject(error) : resolve()));
    });
  }

  growSync(size: number): void {
    fs.ftruncateSync(this.#descriptor, size);
  }

  close(): Promise<void> {
    return new Promise((resolve, reject) => {
      fs.close(this.#descriptor, (error) => (error ? reject(error) : resolve()));
    });
  }
}

export function openDescriptor(path: string, flags: number): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.open(path, flags, 0o600, (error, descriptor) =>
      error ? reject(error) : resolve(descriptor),
    );
  });
}

export function syncDescriptor(descriptor: number): Promise<void> {
  return new Promise((resolve, reject) => {
    fs.fsync(descriptor, (error) => (error ? reject(error) : resolve()));
  });
}

/** The `code` of a system error; `undefined` for any other error. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : undefined;
}

function writeVector(descriptor: number, buffers: Uint8Array[], at: number): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.writev(descriptor, buffers, at, (error, count) => (error ? reject(error) : resolve(count)));
  });
}

/** The buffers without their first `count` bytes: what is left after a short write. */
function withoutFirst(buffers: Uint8Array[], count: number): Uint8Array[] {
  let left = count;
  for (let index = 0; index < buffers.length; index++) {
    const buffer = buffers[index]!;
    if (left < buffer.length) {
      return [buffer.subarray(left), ...buffers.slice(index + 1)];
    }
    left -= buffer.length;
  }
  return [];
}
