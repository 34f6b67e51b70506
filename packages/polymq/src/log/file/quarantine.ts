/**
 * Damaged bytes, taken out of service. A range is recorded by a file that holds a copy of its bytes
 * (the first 64 MiB at most) and whose name says the rest:
 *
 *   quarantine/<log>/<id>.<start>-<end>.<segment base>.<position>-<end position>.bytes
 *
 * The bytes also stay in the segment until it is trimmed. The file appears by rename when it is complete
 * and synced; from then on the range is known after every start.
 */
import { join } from 'node:path';
import type { Disk, DiskFile } from '../../lib/environment/disk.ts';
import { readFully } from './batch-scan.ts';
import type { DamagedRange } from './damage.ts';
import { encodeName } from './names.ts';

const COPY_BYTES_MAX = 64 * 1024 * 1024;
const CHUNK_BYTES = 1024 * 1024;
const NAME = /^([0-9a-f]{16})\.([0-9]+)-([0-9]+)\.([0-9]+)\.([0-9]+)-([0-9]+)\.bytes$/;

export class Quarantine {
  readonly #disk: Disk;
  readonly #directory: string;
  /** First folders of the names of logs that have something here. Usually empty. */
  #present = new Set<string>();

  constructor(disk: Disk, directory: string) {
    this.#disk = disk;
    this.#directory = directory;
  }

  async load(): Promise<void> {
    const entries = await this.#disk.list(this.#directory);
    this.#present = new Set(entries.map(({ name }) => name));
  }

  /** The ranges of the log with this name and id. */
  async rangesOf(name: string, id: string): Promise<DamagedRange[]> {
    if (!this.#present.has(encodeName(name)[0]!)) return [];
    const ranges: DamagedRange[] = [];
    for (const entry of await this.#disk.list(this.#path(name))) {
      const match = NAME.exec(entry.name);
      if (match === null || match[1] !== id) continue;
      const [start, end, segmentBase, position, endPosition] = match.slice(2).map(Number) as [
        number,
        number,
        number,
        number,
        number,
      ];
      ranges.push({ start, end, segmentBase, position, endPosition });
    }
    return ranges;
  }

  /** Copies the bytes and records the range durably. */
  async record(name: string, id: string, range: DamagedRange, file: DiskFile): Promise<void> {
    const directory = this.#path(name);
    await this.#disk.makeDirectory(directory);
    const path = join(
      directory,
      `${id}.${range.start}-${range.end}.${range.segmentBase}.` +
        `${range.position}-${range.endPosition}.bytes`,
    );
    const copy = await this.#disk.open(`${path}.tmp`, { create: true });
    try {
      await copyBytes(file, copy, range);
      await copy.datasync();
    } finally {
      await copy.close();
    }
    await this.#disk.rename(`${path}.tmp`, path);
    await this.#disk.syncDirectory(directory);
    await this.#disk.syncDirectory(this.#directory);
    this.#present.add(encodeName(name)[0]!);
  }

  async forget(name: string): Promise<void> {
    if (!this.#present.has(encodeName(name)[0]!)) return;
    await this.#disk.removeTree(this.#path(name));
  }

  #path(name: string): string {
    return join(this.#directory, ...encodeName(name));
  }
}

async function copyBytes(from: DiskFile, to: DiskFile, range: DamagedRange): Promise<void> {
  const bytes = Math.min(range.endPosition - range.position, COPY_BYTES_MAX);
  const chunk = Buffer.allocUnsafeSlow(Math.max(1, Math.min(bytes, CHUNK_BYTES)));
  let done = 0;
  while (done < bytes) {
    const wanted = Math.min(chunk.length, bytes - done);
    const count = await readFully(from, chunk, wanted, range.position + done);
    if (count === 0) return;
    await to.write([chunk.subarray(0, count)], done);
    done += count;
  }
}
