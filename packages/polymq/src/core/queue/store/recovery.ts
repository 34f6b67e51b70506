/** Replays the journal into rows, and cuts it into extents on the way. */
import { release } from '../../../lib/arena.ts';
import type { Logger } from '../../../lib/logger.ts';
import { batchBaseOffset, batchBytes, batchNextOffset } from '../../../log/batch.ts';
import { DamagedRangeError, type Log } from '../../../log/log.ts';
import type { RowTable } from '../rows.ts';
import { Extent, type Extents } from './extents.ts';
import { Replay } from './replay.ts';
import type { Restoring } from './restoring.ts';

const READ_BYTES = 4 << 20;
/** Extents made from what is on disk are closed when they hold as much. */
const EXTENT_BYTES = 1 << 20;

export async function replayLog(context: {
  log: Log;
  logger: Logger;
  extents: Extents;
  restoring: Restoring;
  from: number;
}): Promise<void> {
  const { log, logger, extents } = context;
  const replay = new Replay(context.restoring);
  let at = Math.max(context.from, log.start);
  let extent: Extent | undefined;
  while (at < log.committed) {
    extent ??= new Extent(at, at);
    try {
      const read = await log.read(at, READ_BYTES, true);
      for (const buffer of read.buffers) {
        extent = replayBuffer(buffer, replay, extents, extent);
        release(buffer);
      }
      if (read.nextOffset <= at)
        throw new Error(`nothing to read at offset ${at} of "${log.name}"`);
      at = read.nextOffset;
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
}

function replayBuffer(buffer: Buffer, replay: Replay, extents: Extents, open: Extent): Extent {
  let extent = open;
  for (let at = 0; at < buffer.length; ) {
    const bytes = batchBytes(buffer, at);
    if (extent.bytes > 0 && extent.bytes + bytes > EXTENT_BYTES) {
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

/** Counts what is alive in each extent. */
export function countLive(rows: RowTable, extents: Extents): void {
  rows.forEach((_row, page, index) => {
    const extent = extents.find(page.offset[index]!);
    if (extent !== undefined) extents.addLive(extent, 1, page.bytes[index]!);
  });
}
