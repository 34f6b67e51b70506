/** Finding the next whole batch behind damage. */
import type { DiskFile } from '../../lib/environment/disk.ts';
import { AT, BATCH_HEADER_BYTES, BATCH_MAGIC, batchBaseOffset, batchBytes } from '../batch.ts';
import { isIntact, isPlausibleHeader } from './batch-check.ts';
import { readFully, type ScanEnd } from './batch-scan.ts';

const CHUNK_BYTES = 1024 * 1024;

export interface SearchRange {
  position: number;
  endPosition: number;
  /** Only a batch with a base offset in `[offset, endOffset)` counts. */
  offset: number;
  endOffset: number;
}

/** The first intact batch in the range, at whatever byte it begins. */
export async function findNextBatch(
  file: DiskFile,
  range: SearchRange,
): Promise<ScanEnd | undefined> {
  const chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  let { position } = range;
  while (range.endPosition - position >= BATCH_HEADER_BYTES) {
    const wanted = Math.min(chunk.length, range.endPosition - position);
    const count = await readFully(file, chunk, wanted, position);
    const last = count - BATCH_HEADER_BYTES;
    if (last < 0) return undefined;
    for (let at = chunk.indexOf(BATCH_MAGIC, AT.magic) - AT.magic; at >= 0 && at <= last; ) {
      if (isCandidate(chunk, at, position + at, range)) {
        const offset = batchBaseOffset(chunk, at);
        if (await isWhole(file, position + at, batchBytes(chunk, at))) {
          return { position: position + at, offset };
        }
      }
      const next = chunk.indexOf(BATCH_MAGIC, at + 1 + AT.magic);
      at = next < 0 ? -1 : next - AT.magic;
    }
    // What is left begins too late to hold a header, so the next chunk begins with it.
    position += last + 1;
  }
  return undefined;
}

function isCandidate(chunk: Buffer, at: number, position: number, range: SearchRange): boolean {
  if (!isPlausibleHeader(chunk, at)) return false;
  if (position + batchBytes(chunk, at) > range.endPosition) return false;
  const offset = batchBaseOffset(chunk, at);
  return offset >= range.offset && offset < range.endOffset;
}

async function isWhole(file: DiskFile, position: number, bytes: number): Promise<boolean> {
  const batch = Buffer.allocUnsafeSlow(bytes);
  return (await readFully(file, batch, bytes, position)) === bytes && isIntact(batch, 0);
}
