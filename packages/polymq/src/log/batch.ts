/**
 * The header of a record batch, version 2 (KIP-98), which is the log's own batch format.
 *
 *   offset  size  field
 *   0       8     base offset             assigned by the log
 *   8       4     length                  bytes after this field
 *   12      4     partition leader epoch  assigned by the log
 *   16      1     magic                   2
 *   17      4     CRC-32C                 of everything from offset 21 to the end
 *   21      2     attributes              bits 0-2 codec, 3 timestamp type, 4 transactional, 5 control
 *   23      4     last offset delta       record count - 1, unless compacted
 *   27      8     base timestamp          ms
 *   35      8     max timestamp           ms
 *   43      8     producer id             -1 if none
 *   51      2     producer epoch
 *   53      4     base sequence
 *   57      4     record count
 *   61      …     records, compressed as a whole when a codec is set
 */
import { readInt64 } from '../lib/bytes/int64.ts';

export const BATCH_HEADER_BYTES = 61;
/** Bytes before those that `length` counts. */
export const BATCH_LENGTH_OVERHEAD = 12;
export const BATCH_MAGIC = 2;
/** The CRC covers `[BATCH_CRC_START, end)`. */
export const BATCH_CRC_START = 21;

/**
 * What every batch of a log carries as leader epoch: a log has one owner for life. Neither this nor the base
 * offset is covered by the CRC, so readers compare both with what must be there.
 */
export const LEADER_EPOCH = 0;

/** Field positions in the header. */
export const AT = {
  baseOffset: 0,
  length: 8,
  leaderEpoch: 12,
  magic: 16,
  crc: 17,
  attributes: 21,
  lastOffsetDelta: 23,
  baseTimestamp: 27,
  maxTimestamp: 35,
  producerId: 43,
  producerEpoch: 51,
  baseSequence: 53,
  recordCount: 57,
} as const;

/** Size in bytes of the whole batch that starts at `at`. */
export function batchBytes(buffer: Buffer, at: number): number {
  return buffer.readInt32BE(at + AT.length) + BATCH_LENGTH_OVERHEAD;
}

export function batchBaseOffset(buffer: Buffer, at: number): number {
  return readInt64(buffer, at + AT.baseOffset);
}

/** The offset after the last record of the batch that starts at `at`. */
export function batchNextOffset(buffer: Buffer, at: number): number {
  return batchBaseOffset(buffer, at) + buffer.readInt32BE(at + AT.lastOffsetDelta) + 1;
}

export function batchMaxTimestamp(buffer: Buffer, at: number): number {
  return readInt64(buffer, at + AT.maxTimestamp);
}
