/**
 * Walks the batches of a segment file in order and checks each: header, place in the chain of offsets,
 * and checksum. Used by recovery. Memory: one chunk, or the largest batch.
 */
import type { DiskFile } from '../../lib/environment/disk.ts';
import { BATCH_HEADER_BYTES, batchBaseOffset, batchBytes, batchNextOffset } from '../batch.ts';
import { isIntact, isPlausibleHeader } from './batch-check.ts';

const CHUNK_BYTES = 1024 * 1024;

/** Where a walk stopped: the first byte and offset that are not a whole, intact batch. */
export interface ScanEnd {
  position: number;
  offset: number;
}

export async function scanBatches(
  file: DiskFile,
  from: ScanEnd,
  size: number,
  visit: (buffer: Buffer, at: number, position: number) => void,
): Promise<ScanEnd> {
  let { position, offset } = from;
  let chunk = Buffer.allocUnsafeSlow(Math.min(CHUNK_BYTES, Math.max(size - position, 1)));
  while (position < size) {
    const length = await readFully(file, chunk, Math.min(chunk.length, size - position), position);
    let at = 0;
    let wanted = 0;
    while (length - at >= BATCH_HEADER_BYTES) {
      if (!isPlausibleHeader(chunk, at) || batchBaseOffset(chunk, at) !== offset) {
        return { position: position + at, offset };
      }
      const bytes = batchBytes(chunk, at);
      if (position + at + bytes > size) return { position: position + at, offset };
      if (at + bytes > length) {
        wanted = bytes;
        break;
      }
      if (!isIntact(chunk, at)) return { position: position + at, offset };
      visit(chunk, at, position + at);
      offset = batchNextOffset(chunk, at);
      at += bytes;
    }
    position += at;
    if (at === 0 && wanted <= chunk.length) return { position, offset };
    if (wanted > chunk.length) chunk = Buffer.allocUnsafeSlow(wanted);
  }
  return { position, offset };
}

/** Reads until `length` bytes are there or the file ends. Returns the count. */
export async function readFully(
  file: DiskFile,
  target: Buffer,
  length: number,
  position: number,
): Promise<number> {
  let count = 0;
  while (count < length) {
    const read = await file.read(target, count, length - count, position + count);
    if (read === 0) break;
    count += read;
  }
  return count;
}
