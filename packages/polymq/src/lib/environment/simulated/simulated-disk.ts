/**
 * A disk in memory with the faults of real ones, for tests.
 *
 * Durability as POSIX promises it and no better: written data is lost or torn by `powerCut`, sector by sector, unless
 * it was synced; a name that was created, renamed or removed is, folder by folder, as before or as
 * after unless the folder was synced. `kill` is the death of the process: everything written stays.
 *
 * Faults: `onOperation` sees every operation before it happens and may throw what the operation then
 * fails with. After `kill` and `powerCut`, handles and locks of before are dead.
 */
import { dirname } from 'node:path';
import {
  type DirectoryLock,
  DirectoryLockedError,
  type Disk,
  type DiskEntry,
  type DiskFile,
} from '../disk.ts';
import type { Random } from '../random.ts';
import { SimulatedFile } from './simulated-file.ts';

export interface DiskOperation {
  kind:
    | 'open'
    | 'write'
    | 'read'
    | 'datasync'
    | 'truncate'
    | 'rename'
    | 'remove'
    | 'makeDirectory'
    | 'syncDirectory';
  path: string;
  /** Counts all operations since the disk was made, from 0. */
  index: number;
}

/** A folder is a node without content. */
type Node = SimulatedFile | 'directory';

export class SimulatedDisk implements Disk {
  #boot = 0;
  /** Raised by `kill` and `powerCut`: older handles are dead. */
  #epoch = 0;
  #live = new Map<string, Node>([['/', 'directory']]);
  #durable = new Map<string, Node>([['/', 'directory']]);
  #locks = new Set<string>();
  #count = 0;
  onOperation: ((operation: DiskOperation) => void) | undefined;
  free: number = 1024 ** 4;

  get bootId(): string {
    return `boot ${this.#boot}`;
  }

  get operationCount(): number {
    return this.#count;
  }

  /** The disk as a process sees it that starts now. It is dead to that process after `kill`. */
  attach(): Disk {
    const epoch = this.#epoch;
    return new Proxy<SimulatedDisk>(this, {
      get: (disk, key) => {
        const value: unknown = Reflect.get(disk, key, disk);
        if (typeof value !== 'function') return value;
        return (...parameters: unknown[]) =>
          epoch === disk.epoch
            ? value.apply(disk, parameters)
            : Promise.reject(systemError('EIO', String(key)));
      },
    });
  }

  /** The process dies; what it wrote stays. */
  kill(): void {
    this.#epoch++;
    this.#locks.clear();
  }

  /** The power fails. What was not synced is kept, lost or torn, as `random` has it. */
  powerCut(random: Random): void {
    this.kill();
    this.#boot++;
    const after = new Map<string, Node>();
    const folders = new Set([...this.#live.keys(), ...this.#durable.keys()].map(dirname));
    for (const folder of [...folders].sort()) {
      // Whatever happened in a folder since its last sync happened or did not.
      const names = random.integer(2) === 0 ? this.#durable : this.#live;
      for (const [path, node] of names) {
        if (dirname(path) === folder) after.set(path, node);
      }
    }
    for (const path of [...after.keys()].sort()) {
      if (path !== '/' && after.get(dirname(path)) !== 'directory') after.delete(path);
    }
    const files = new Set(after.values());
    for (const node of files) if (node !== 'directory') node.crash(random);
    this.#live = after;
    this.#durable = new Map(after);
  }

  /** For tests that damage files: the content as it is, and as it shall be. */
  async edit(path: string, change: (content: Buffer) => Buffer): Promise<void> {
    const file = new SimulatedFile();
    file.write(change(this.#file(path).content()), 0);
    file.settle();
    this.#live.set(path, file);
    this.#durable.set(path, file);
  }

  paths(): string[] {
    return [...this.#live].filter(([, node]) => node !== 'directory').map(([path]) => path);
  }

  async open(path: string, options: { create?: boolean } = {}): Promise<DiskFile> {
    this.#operate('open', path);
    let node = this.#live.get(path);
    if (node === undefined && options.create && this.#live.get(dirname(path)) === 'directory') {
      node = new SimulatedFile();
      this.#live.set(path, node);
    }
    if (node === undefined) throw systemError('ENOENT', path);
    if (node === 'directory') throw systemError('EISDIR', path);
    return new SimulatedHandle(this, path, node);
  }

  async makeDirectory(path: string): Promise<void> {
    this.#operate('makeDirectory', path);
    for (let at = path; !this.#live.has(at); at = dirname(at)) this.#live.set(at, 'directory');
  }

  async list(path: string): Promise<DiskEntry[]> {
    const entries: DiskEntry[] = [];
    for (const [other, node] of this.#live) {
      if (other === '/' || dirname(other) !== path) continue;
      entries.push({ name: other.slice(path.length + 1), directory: node === 'directory' });
    }
    return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  async size(path: string): Promise<number | undefined> {
    const node = this.#live.get(path);
    return node === undefined || node === 'directory' ? undefined : node.size;
  }

  async readFile(path: string): Promise<Buffer | undefined> {
    return this.#live.has(path) ? this.#file(path).content() : undefined;
  }

  async replaceFile(path: string, content: Uint8Array): Promise<void> {
    const aside = `${path}.tmp`;
    const file = await this.open(aside, { create: true });
    await file.truncate(0);
    await file.write([content], 0);
    await file.datasync();
    await this.rename(aside, path);
    await this.syncDirectory(dirname(path));
  }

  async rename(from: string, to: string): Promise<void> {
    this.#operate('rename', from);
    if (!this.#live.has(from)) throw systemError('ENOENT', from);
    for (const [path, node] of [...this.#live]) {
      if (path !== from && !path.startsWith(`${from}/`)) continue;
      this.#live.delete(path);
      this.#live.set(to + path.slice(from.length), node);
    }
  }

  async remove(path: string): Promise<void> {
    this.#operate('remove', path);
    this.#live.delete(path);
  }

  async removeTree(path: string): Promise<void> {
    this.#operate('remove', path);
    for (const other of [...this.#live.keys()]) {
      if (other === path || other.startsWith(`${path}/`)) this.#live.delete(other);
    }
  }

  async syncDirectory(path: string): Promise<void> {
    this.#operate('syncDirectory', path);
    for (const other of [...this.#durable.keys()]) {
      if (other !== '/' && dirname(other) === path && !this.#live.has(other)) {
        this.#durable.delete(other);
      }
    }
    for (const [other, node] of this.#live) {
      if (dirname(other) === path) this.#durable.set(other, node);
    }
  }

  async freeBytes(): Promise<{ free: number; total: number }> {
    return { free: this.free, total: 1024 ** 4 };
  }

  async lockDirectory(path: string): Promise<DirectoryLock> {
    if (this.#locks.has(path)) throw new DirectoryLockedError(path, undefined);
    this.#locks.add(path);
    return {
      release: async () => {
        this.#locks.delete(path);
      },
    };
  }

  /** For `SimulatedHandle`. */
  get epoch(): number {
    return this.#epoch;
  }

  /** For `SimulatedHandle`: announces an operation of a handle that was opened in `epoch`. */
  operate(kind: DiskOperation['kind'], path: string, epoch: number): void {
    if (epoch !== this.#epoch) throw systemError('EIO', path);
    this.#operate(kind, path);
  }

  #operate(kind: DiskOperation['kind'], path: string): void {
    const index = this.#count++;
    this.onOperation?.({ kind, path, index });
  }

  #file(path: string): SimulatedFile {
    const node = this.#live.get(path);
    if (node === undefined || node === 'directory') throw systemError('ENOENT', path);
    return node;
  }
}

class SimulatedHandle implements DiskFile {
  readonly path: string;
  readonly #disk: SimulatedDisk;
  readonly #file: SimulatedFile;
  readonly #epoch: number;

  constructor(disk: SimulatedDisk, path: string, file: SimulatedFile) {
    this.#disk = disk;
    this.path = path;
    this.#file = file;
    this.#epoch = disk.epoch;
  }

  async size(): Promise<number> {
    return this.#file.size;
  }

  writeSync(buffers: readonly Uint8Array[], position: number): void {
    this.#disk.operate('write', this.path, this.#epoch);
    let at = position;
    for (const buffer of buffers) {
      this.#file.write(buffer, at);
      at += buffer.length;
    }
  }

  async write(buffers: readonly Uint8Array[], position: number): Promise<void> {
    await yieldTurn();
    this.writeSync(buffers, position);
  }

  async read(
    target: Uint8Array,
    offset: number,
    length: number,
    position: number,
  ): Promise<number> {
    return this.readSync(target, offset, length, position);
  }

  readSync(target: Uint8Array, offset: number, length: number, position: number): number {
    this.#disk.operate('read', this.path, this.#epoch);
    return this.#file.read(target, offset, length, position);
  }

  async datasync(): Promise<void> {
    this.#disk.operate('datasync', this.path, this.#epoch);
    const finish = this.#file.beginSync();
    await yieldTurn();
    if (this.#epoch !== this.#disk.epoch) throw systemError('EIO', this.path);
    finish();
  }

  async truncate(size: number): Promise<void> {
    this.#disk.operate('truncate', this.path, this.#epoch);
    this.#file.truncate(size);
  }

  growSync(size: number): void {
    this.#disk.operate('truncate', this.path, this.#epoch);
    this.#file.truncate(size);
  }

  async close(): Promise<void> {}
}

/** What Node throws for a failed system call. */
export function systemError(code: string, path: string): Error & { code: string } {
  return Object.assign(new Error(`${code}: simulated, '${path}'`), { code });
}

function yieldTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
