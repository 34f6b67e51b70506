/**
 * The data directory: whose it is, and in which format.
 *
 *   <data>/lock.<n>        held by the living process that uses it
 *   <data>/format.json     {"format": 1}
 *   <data>/checkpoint      what is known to be durable
 *   <data>/commit/         the shared commit log, two files
 *   <data>/logs/           one folder per log
 *   <data>/trash/          folders of deleted logs on their way out
 *   <data>/reserve         room that is given up when the disk is full
 *   <data>/blobs/          one file per value
 *   <data>/quarantine/     damaged bytes that were taken out of service
 */
import { dirname, join } from 'node:path';
import type { DirectoryLock, Disk } from '../../lib/environment/disk.ts';

/** Raised whenever an older program would misread what a newer one has written. */
export const FORMAT_VERSION = 1;

/** The directory was written by a version of the program that is newer than this one. */
export class FormatTooNewError extends Error {
  constructor(directory: string, found: number) {
    super(
      `data directory ${directory} has format version ${found}, but this program knows versions up to ` +
        `${FORMAT_VERSION}; start the newer program that wrote it, or use another directory`,
    );
    this.name = 'FormatTooNewError';
  }
}

export interface DataDirectory {
  readonly root: string;
  readonly logs: string;
  readonly blobs: string;
  readonly quarantine: string;
  readonly commit: string;
  readonly trash: string;
  readonly lock: DirectoryLock;
}

/** Creates what is missing, takes the lock, checks the format. */
export async function openDataDirectory(disk: Disk, root: string): Promise<DataDirectory> {
  await disk.makeDirectory(root);
  // Without the right to open the parent folder, its owner has to care for the name of this one.
  await disk.syncDirectory(dirname(root)).catch(() => undefined);
  const lock = await disk.lockDirectory(root);
  try {
    await checkFormat(disk, root);
    const paths = {
      logs: join(root, 'logs'),
      blobs: join(root, 'blobs'),
      quarantine: join(root, 'quarantine'),
      commit: join(root, 'commit'),
      trash: join(root, 'trash'),
    };
    await disk.removeTree(paths.trash);
    for (const path of Object.values(paths)) await disk.makeDirectory(path);
    await disk.syncDirectory(root);
    return { root, ...paths, lock };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

async function checkFormat(disk: Disk, root: string): Promise<void> {
  const path = join(root, 'format.json');
  const content = await disk.readFile(path);
  if (content === undefined) {
    await disk.replaceFile(path, Buffer.from(`${JSON.stringify({ format: FORMAT_VERSION })}\n`));
    return;
  }
  const found = parseFormat(content);
  if (found === undefined) {
    throw new Error(`${path} is not readable as a format version; is ${root} a data directory?`);
  }
  if (found > FORMAT_VERSION) throw new FormatTooNewError(root, found);
}

function parseFormat(content: Buffer): number | undefined {
  try {
    const { format } = JSON.parse(content.toString('utf8')) as { format?: unknown };
    return Number.isSafeInteger(format) ? (format as number) : undefined;
  } catch {
    return undefined;
  }
}
