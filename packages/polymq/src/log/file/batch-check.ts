/** Is this a batch? The checks that reading and recovery make on bytes that come from a file. */
import { crc32c } from '../../lib/crc32c.ts';
import {
  AT,
  BATCH_CRC_START,
  BATCH_HEADER_BYTES,
  BATCH_LENGTH_OVERHEAD,
  BATCH_MAGIC,
  batchBaseOffset,
  batchBytes,
  LEADER_EPOCH,
} from '../batch.ts';

/** Whether the header at `at` (61 bytes that are there) could be one of ours. */
export function isPlausibleHeader(buffer: Buffer, at: number): boolean {
  return (
    buffer[at + AT.magic] === BATCH_MAGIC &&
    buffer.readInt32BE(at + AT.length) >= BATCH_HEADER_BYTES - BATCH_LENGTH_OVERHEAD &&
    buffer.readInt32BE(at + AT.leaderEpoch) === LEADER_EPOCH &&
    buffer.readInt32BE(at + AT.lastOffsetDelta) >= 0 &&
    // Beyond 2^53 offsets would lose precision; no log gets there.
    batchBaseOffset(buffer, at) >= 0 &&
    batchBaseOffset(buffer, at) < Number.MAX_SAFE_INTEGER / 2
  );
}

/** Whether the whole batch at `at` (all its bytes are there) passes its checksum. */
export function isIntact(buffer: Buffer, at: number): boolean {
  const crc = buffer.readUInt32BE(at + AT.crc);
  return crc32c(buffer, at + BATCH_CRC_START, at + batchBytes(buffer, at)) === crc;
}
