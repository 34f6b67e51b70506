/** Batches for tests of the log: valid headers and checksums, arbitrary record bytes. */

import { writeInt64 } from '../../lib/bytes/int64.ts';
import { crc32c } from '../../lib/crc32c.ts';
import { AT, BATCH_CRC_START, BATCH_HEADER_BYTES, BATCH_LENGTH_OVERHEAD } from '../batch.ts';

export interface TestBatch {
  /** Default 1. */
  recordCount?: number;
  /** Default 1,000. */
  timestampMs?: number;
  /** Bytes behind the header. Default 40. */
  bodyBytes?: number;
  /** What the body is filled with, to tell batches apart. Default 1. */
  fill?: number;
}

export function makeBatch(options: TestBatch = {}): Buffer {
  const { recordCount = 1, timestampMs = 1000, bodyBytes = 40, fill = 1 } = options;
  const batch = Buffer.alloc(BATCH_HEADER_BYTES + bodyBytes);
  // What the log must overwrite, so that a test sees if it does not.
  writeInt64(batch, 77, AT.baseOffset);
  batch.writeInt32BE(77, AT.leaderEpoch);
  batch.writeInt32BE(batch.length - BATCH_LENGTH_OVERHEAD, AT.length);
  batch[AT.magic] = 2;
  batch.writeInt32BE(recordCount - 1, AT.lastOffsetDelta);
  writeInt64(batch, timestampMs, AT.baseTimestamp);
  writeInt64(batch, timestampMs, AT.maxTimestamp);
  writeInt64(batch, -1, AT.producerId);
  batch.writeInt16BE(-1, AT.producerEpoch);
  batch.writeInt32BE(-1, AT.baseSequence);
  batch.writeInt32BE(recordCount, AT.recordCount);
  for (let at = BATCH_HEADER_BYTES; at < batch.length; at++) batch[at] = (fill + at * 31) & 0xff;
  batch.writeUInt32BE(crc32c(batch, BATCH_CRC_START), AT.crc);
  return batch;
}
