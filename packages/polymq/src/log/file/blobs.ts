/**
 * Small durable values, one file each: `blobs/<percent-encoded key>`.
 *
 *   0   8   "PMQBLOB1"
 *   8   4   CRC-32C of the value
 *   12  …   the value
 */

import { dirname, join } from 'node:path';
import { crc32c } from '../../lib/crc32c.ts';
import type { Disk } from '../../lib/environment/disk.ts';
import type { BlobStore } from '../log.ts';
import { decodeName, encodeName, isContinued } from './names.ts';

const MAGIC = Buffer.from('PMQBLOB1');
const HEADER_BYTES = 12;

export class FileBlobs implements BlobStore {
  readonly #disk: Disk;
  readonly #directory: string;

  constructor(disk: Disk, directory: string) {
    this.#disk = disk;
    this.#directory = directory;
  }

  async get(key: string): Promise<Buffer | undefined> {
    const file = await this.#disk.readFile(this.#path(key));
    if (file === undefined || file.length < HEADER_BYTES) return undefined;
    if (!file.subarray(0, MAGIC.length).equals(MAGIC)) return undefined;
    if (crc32c(file, HEADER_BYTES) !== file.readUInt32BE(MAGIC.length)) return undefined;
    return file.subarray(HEADER_BYTES);
  }

  async put(key: string, value: Uint8Array): Promise<void> {
    const path = this.#path(key);
    if (dirname(path) !== this.#directory) await this.#makeFolders(dirname(path));
    const file = Buffer.allocUnsafe(HEADER_BYTES + value.length);
    MAGIC.copy(file);
    file.writeUInt32BE(crc32c(value), MAGIC.length);
    file.set(value, HEADER_BYTES);
    await this.#disk.replaceFile(path, file);
  }

  async delete(key: string): Promise<void> {
    const path = this.#path(key);
    await this.#disk.remove(path);
    await this.#disk.syncDirectory(dirname(path));
  }

  async list(prefix: string): Promise<string[]> {
    const keys: string[] = [];
    const visit = async (path: string, parts: string[]): Promise<void> => {
      for (const entry of await this.#disk.list(path)) {
        if (entry.directory && isContinued(entry.name)) {
          await visit(join(path, entry.name), [...parts, entry.name]);
        } else if (!entry.directory && !entry.name.endsWith('.tmp')) {
          const key = decodeName([...parts, entry.name]);
          if (key?.startsWith(prefix)) keys.push(key);
        }
      }
    };
    await visit(this.#directory, []);
    return keys.sort();
  }

  async #makeFolders(path: string): Promise<void> {
    await this.#disk.makeDirectory(path);
    for (let at = path; at.length >= this.#directory.length; at = dirname(at)) {
      await this.#disk.syncDirectory(at);
    }
  }

  #path(key: string): string {
    return join(this.#directory, ...encodeName(key));
  }
}
