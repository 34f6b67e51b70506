/** Walks the headers of batches in a file, reading little where batches are large. No checksums. */
import type { DiskFile } from '../../lib/environment/disk.ts';
import { BATCH_HEADER_BYTES, batchBaseOffset, batchBytes, batchNextOffset } from '../batch.ts';
import { isPlausibleHeader } from './batch-check.ts';
import { readFully, type ScanEnd } from './batch-scan.ts';

const CHUNK_BYTES = 128 * 1024;
/** Where batches are larger than this, only their headers are read. */
const LARGE_BATCH_BYTES = 16 * 1024;

/**
 * Visits headers from `from` up to `size` until `visit` returns false. Returns where it stopped: at the
 * batch that was refused, at the end, or at the first bytes that do not follow.
 */
export async function scanHeaders(
  file: DiskFile,
  from: ScanEnd,
  size: number,
  visit: (header: Buffer, at: number, position: number) => boolean,
): Promise<ScanEnd> {
  const chunk = Buffer.allocUnsafeSlow(Math.min(CHUNK_BYTES, Math.max(size - from.position, 64)));
  let { position, offset } = from;
  let lastBytes = 0;
  while (size - position >= BATCH_HEADER_BYTES) {
    const wanted = lastBytes > LARGE_BATCH_BYTES ? BATCH_HEADER_BYTES : chunk.length;
    const count = await readFully(file, chunk, Math.min(wanted, size - position), position);
    if (count < BATCH_HEADER_BYTES) break;
    let at = 0;
    while (count - at >= BATCH_HEADER_BYTES) {
      if (!isPlausibleHeader(chunk, at) || batchBaseOffset(chunk, at) !== offset) {
        return { position: position + at, offset };
      }
      lastBytes = batchBytes(chunk, at);
      if (position + at + lastBytes > size) return { position: position + at, offset };
      if (!visit(chunk, at, position + at)) return { position: position + at, offset };
      offset = batchNextOffset(chunk, at);
      at += lastBytes;
    }
    position += at;
  }
  return { position, offset };
}
