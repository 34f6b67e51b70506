/**
 * What a start does: the newest snapshot that counts, the journal behind it, then what is alive in each extent. After
 * anything but a clean stop every message may have been delivered before.
 */
import { release } from '../../../lib/arena.ts';
import type { Logger } from '../../../lib/logger.ts';
import { batchBaseOffset, batchBytes, batchNextOffset } from '../../../log/batch.ts';
import { type BlobStore, DamagedRangeError, type Log } from '../../../log/log.ts';
import { ROW_FLAG, ROW_STATE, type RowTable } from '../rows.ts';
import { Extent, type Extents } from './extents.ts';
import { Replay } from './replay.ts';
import type { Restoring } from './restoring.ts';
import type { Manifest } from './snapshot.ts';
import { loadSnapshot, readManifests, takeCleanMark } from './snapshot-reader.ts';

const READ_BYTES = 4 << 20;

export interface RecoveryContext {
  log: Log;
  blobs: BlobStore;
  logger: Logger;
  extents: Extents;
  restoring: Restoring;
}

export interface Recovered {
  /** The snapshot that was taken. */
  manifest: Manifest | undefined;
  replayedBytes: number;
}

export async function recover(context: RecoveryContext): Promise<Recovered> {
  const { log, blobs, extents, restoring } = context;
  const cleanMark = await takeCleanMark(blobs);
  const manifest = await takeSnapshot(context);
  const replayedBytes = await replayLog(context, manifest?.from ?? 0);
  const clean =
    cleanMark !== undefined &&
    cleanMark.end === log.committed &&
    cleanMark.sequence === manifest?.sequence;
  survey(restoring.rows, extents, clean ? 0 : ROW_FLAG.redelivered);
  return { manifest, replayedBytes };
}

async function takeSnapshot(context: RecoveryContext): Promise<Manifest | undefined> {
  const { log, blobs, logger, extents, restoring } = context;
  for (const manifest of await readManifests(blobs, log)) {
    const loaded = await loadSnapshot({ blobs, log, logger, restoring }, manifest);
    if (loaded === undefined) continue;
    for (const extent of loaded) extents.add(extent);
    return manifest;
  }
  return undefined;
}

/** Applies the journal from `from` on. Returns how many bytes there were. */
async function replayLog(context: RecoveryContext, from: number): Promise<number> {
  const { log, logger, extents } = context;
  const replay = new Replay(context.restoring);
  let bytes = 0;
  let at = Math.max(from, log.start);
  let extent: Extent | undefined;
  while (at < log.committed) {
    extent ??= new Extent(at, at);
    try {
      const read = await log.read(at, READ_BYTES, true);
      for (const buffer of read.buffers) {
        extent = replayBuffer(buffer, replay, extents, extent);
        release(buffer);
      }
      if (read.nextOffset <= at) throw new Error(`nothing to read at ${at} of "${log.name}"`);
      at = read.nextOffset;
      bytes += read.bytes;
    } catch (error: unknown) {
      if (!(error instanceof DamagedRangeError)) throw error;
      logger.error(
        { log: log.name, offset: at, nextOffset: error.nextOffset, error },
        'a range of the journal of queues is damaged: messages in it are lost, and some that were done with come again',
      );
      at = Math.max(error.nextOffset, at + 1);
    }
    extent.end = at;
  }
  if (extent !== undefined) extents.add(extent);
  return bytes;
}

function replayBuffer(buffer: Buffer, replay: Replay, extents: Extents, open: Extent): Extent {
  let extent = open;
  for (let at = 0; at < buffer.length; ) {
    const bytes = batchBytes(buffer, at);
    if (extent.bytes > 0 && extent.bytes + bytes > extents.arenaBytes) {
      extent.end = batchBaseOffset(buffer, at);
      extents.add(extent);
      extent = new Extent(extent.end, extent.end);
    }
    replay.batch(buffer, at);
    extent.bytes += bytes;
    extent.end = batchNextOffset(buffer, at);
    at += bytes;
  }
  return extent;
}

/** Counts what is alive in each extent, and gives every row the flags. One plain loop: there may be ten million. */
function survey(rows: RowTable, extents: Extents, addedFlags: number): void {
  let extent: Extent | undefined;
  for (const page of rows.pages) {
    if (page === undefined || page.used === 0) continue;
    const { state, offset, bytes, flags } = page;
    for (let index = 0; index < state.length; index++) {
      if (state[index] === ROW_STATE.free) continue;
      flags[index]! |= addedFlags;
      const at = offset[index]!;
      if (extent === undefined || at < extent.base || at >= extent.end) extent = extents.find(at);
      if (extent !== undefined) extents.addLive(extent, 1, bytes[index]!);
    }
  }
}
