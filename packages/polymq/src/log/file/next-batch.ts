/**
 * Finding the next whole batch behind damage.
 *
 * The checksum does not cover a batch's base offset, and it is this offset that says how much is missing. So a
 * candidate must also fit what follows: the next batch begins where it ends, or, if none follows, the gap is
 * not larger than the damaged bytes could have held.
 */
import type { DiskFile } from '../../lib/environment/disk.ts';
import {
  AT,
  BATCH_HEADER_BYTES,
  BATCH_MAGIC,
  batchBaseOffset,
  batchBytes,
  batchNextOffset,
} from '../batch.ts';
import { isIntact, isPlausibleHeader } from './batch-check.ts';
import { readFully, type ScanEnd } from './batch-scan.ts';

const CHUNK_BYTES = 1024 * 1024;
/** Compression makes a record smaller than a byte, but hardly by more than this. */
const RECORDS_PER_BYTE_MAX = 64;

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
        if (await isSound(file, position + at, batchBytes(chunk, at), range)) {
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

async function isSound(
  file: DiskFile,
  position: number,
  bytes: number,
  range: SearchRange,
): Promise<boolean> {
  const read = Buffer.alloc(bytes + BATCH_HEADER_BYTES);
  const wanted = Math.min(read.length, range.endPosition - position);
  const count = await readFully(file, read, wanted, position);
  if (count < bytes || !isIntact(read, 0)) return false;
  const isFollowed = count === read.length && isPlausibleHeader(read, bytes);
  if (isFollowed) return batchBaseOffset(read, bytes) === batchNextOffset(read, 0);
  const missing = batchBaseOffset(read, 0) - range.offset;
  return missing <= (position - range.position + 1) * RECORDS_PER_BYTE_MAX;
}
