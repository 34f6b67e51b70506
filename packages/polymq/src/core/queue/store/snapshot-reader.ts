/** Finds the newest snapshot that is whole and that the journal reaches, and puts it into rows. */
import type { Logger } from '../../../lib/logger.ts';
import type { BlobStore, Log } from '../../../log/log.ts';
import { NO_ROW } from '../rows.ts';
import { Extent } from './extents.ts';
import type { Restoring } from './restoring.ts';
import { type CleanMark, type Manifest, SNAPSHOT_VERSION, snapshotKey } from './snapshot.ts';
import { RowDecoder, readText, type SnapshotRow } from './snapshot-codec.ts';
import { VarintReader } from './varint.ts';

/** The manifests that count, newest first. Those of a journal that has lost its end since are removed. */
export async function readManifests(blobs: BlobStore, log: Log): Promise<Manifest[]> {
  const manifests: Manifest[] = [];
  for (const slot of [0, 1]) {
    const content = await blobs.get(snapshotKey.manifest(slot));
    if (content === undefined) continue;
    const manifest = JSON.parse(content.toString()) as Manifest;
    if (manifest.version !== SNAPSHOT_VERSION) {
      throw new Error(
        `the snapshot of queues has version ${manifest.version}, this broker reads ${SNAPSHOT_VERSION}`,
      );
    }
    if (manifest.end <= log.committed) manifests.push(manifest);
    else await blobs.delete(snapshotKey.manifest(slot));
  }
  return manifests.sort((a, b) => b.sequence - a.sequence);
}

/** What the last process said when it stopped. The mark is taken away: from now on a crash may happen. */
export async function takeCleanMark(blobs: BlobStore): Promise<CleanMark | undefined> {
  const content = await blobs.get(snapshotKey.clean);
  if (content === undefined) return undefined;
  await blobs.delete(snapshotKey.clean);
  return JSON.parse(content.toString()) as CleanMark;
}

export interface SnapshotTarget {
  blobs: BlobStore;
  log: Log;
  logger: Logger;
  restoring: Restoring;
}

/**
 * Restores rows and marks, and returns the extents up to `manifest.from`. Undefined if a part is missing or damaged;
 * nothing was restored then.
 */
export async function loadSnapshot(
  { blobs, log, logger, restoring }: SnapshotTarget,
  manifest: Manifest,
): Promise<Extent[] | undefined> {
  const { sequence } = manifest;
  for (let part = 0; part < manifest.parts; part++) {
    const content = await blobs.get(snapshotKey.part(sequence, part));
    if (content !== undefined && content.readDoubleBE(0) === sequence) continue;
    logger.warn({ sequence, part }, 'a snapshot of queues is damaged: an older state is replayed');
    return undefined;
  }
  return new SnapshotReader(blobs, manifest, restoring, log.start).read();
}

class SnapshotReader {
  readonly #blobs: BlobStore;
  readonly #manifest: Manifest;
  readonly #restoring: Restoring;
  readonly #start: number;
  readonly #from = new VarintReader(Buffer.alloc(0));
  #part = 0;

  constructor(blobs: BlobStore, manifest: Manifest, restoring: Restoring, start: number) {
    this.#blobs = blobs;
    this.#manifest = manifest;
    this.#restoring = restoring;
    this.#start = start;
  }

  async read(): Promise<Extent[]> {
    const manifest = this.#manifest;
    await this.#more();
    const extents = await this.#readExtents();
    await this.#readMarks();
    const decoder = new RowDecoder();
    const { row } = decoder;
    const from = this.#from;
    for (let count = manifest.rows; count > 0; ) {
      await this.#more();
      for (; count > 0 && from.at < from.buffer.length; count--) {
        decoder.read(from);
        // Below the start of the journal there are only rows that were removed, or moved further on.
        if (row.offset >= this.#start) restoreRow(row, this.#restoring);
      }
    }
    return extents;
  }

  async #readExtents(): Promise<Extent[]> {
    const extents: Extent[] = [];
    let base = this.#from.read();
    for (let count = this.#manifest.extents; count > 0; count--) {
      await this.#more();
      const end = base + this.#from.read();
      const extent = new Extent(base, end);
      extent.bytes = this.#from.read();
      if (end > this.#start) extents.push(extent);
      base = end;
    }
    return extents;
  }

  async #readMarks(): Promise<void> {
    const from = this.#from;
    for (let count = this.#manifest.marks; count > 0; count--) {
      await this.#more();
      const value = from.buffer.readDoubleBE(from.at);
      from.at += 8;
      const offset = from.read();
      const name = readText(from);
      if (offset >= this.#start) this.#restoring.marks.set(name, { value, offset });
    }
  }

  /** Goes on to the next part when this one is used up. */
  async #more(): Promise<void> {
    const from = this.#from;
    if (from.at < from.buffer.length || this.#part >= this.#manifest.parts) return;
    const content = await this.#blobs.get(snapshotKey.part(this.#manifest.sequence, this.#part++));
    if (content === undefined) throw new Error('a part of the snapshot of queues has gone');
    from.buffer = content;
    from.at = 8;
  }
}

function restoreRow(from: SnapshotRow, restoring: Restoring): void {
  const row = restoring.place(from.queue, from.seq, from.offset);
  if (row === NO_ROW) return;
  const page = restoring.rows.page(row);
  const index = restoring.rows.index(row);
  page.position[index] = from.position;
  page.bytes[index] = from.bytes;
  page.bodyBytes[index] = from.bodyBytes;
  page.enqueuedMs[index] = from.enqueuedMs;
  page.priority[index] = from.priority;
  page.flags[index] = from.flags;
  page.attempts[index] = from.attempts;
  page.expiresMs[index] = from.expiresMs;
  restoring.setRare(row, from.dueMs, from.groupId);
}
