/**
 * The record batches that carry the group journal: version 2, uncompressed, without headers. The 61-byte
 * header is drawn in `log/batch.ts`; behind it stands, for each record:
 *
 *   length varint │ attributes i8 = 0 │ timestamp delta varint = 0 │ offset delta varint
 *   │ key length varint │ key │ value length varint │ value │ header count varint = 0
 *
 * Varints are zigzag-encoded; a length of -1 stands for null.
 */
import { writeInt64 } from '../../lib/bytes/int64.ts';
import { crc32c } from '../../lib/crc32c.ts';
import {
  AT,
  BATCH_CRC_START,
  BATCH_HEADER_BYTES,
  BATCH_LENGTH_OVERHEAD,
  BATCH_MAGIC,
  batchBytes,
  batchNextOffset,
} from '../../log/batch.ts';

export interface JournalRecord {
  key: Buffer;
  value: Buffer;
}

/** Five bytes hold any 32-bit varint; there are at most six of them around the key and the value. */
const RECORD_OVERHEAD_BYTES = 32;

export function encodeBatch(records: readonly JournalRecord[], timestampMs: number): Buffer {
  let bytesMax = BATCH_HEADER_BYTES;
  for (const { key, value } of records)
    bytesMax += key.length + value.length + RECORD_OVERHEAD_BYTES;
  const target = Buffer.allocUnsafe(bytesMax);
  let at = BATCH_HEADER_BYTES;
  for (const [index, { key, value }] of records.entries()) {
    const deltaBytes = varintBytes(index);
    const bodyBytes =
      2 + deltaBytes + lengthAndBytes(key.length) + lengthAndBytes(value.length) + 1;
    at = writeVarint(target, bodyBytes, at);
    target[at++] = 0;
    target[at++] = 0;
    at = writeVarint(target, index, at);
    at = writeVarint(target, key.length, at);
    at += key.copy(target, at);
    at = writeVarint(target, value.length, at);
    at += value.copy(target, at);
    target[at++] = 0;
  }
  const batch = target.subarray(0, at);
  writeHeader(batch, records.length, timestampMs);
  return batch;
}

function writeHeader(batch: Buffer, recordCount: number, timestampMs: number): void {
  writeInt64(batch, 0, AT.baseOffset);
  batch.writeInt32BE(batch.length - BATCH_LENGTH_OVERHEAD, AT.length);
  batch.writeInt32BE(0, AT.leaderEpoch);
  batch[AT.magic] = BATCH_MAGIC;
  batch.writeInt16BE(0, AT.attributes);
  batch.writeInt32BE(recordCount - 1, AT.lastOffsetDelta);
  writeInt64(batch, timestampMs, AT.baseTimestamp);
  writeInt64(batch, timestampMs, AT.maxTimestamp);
  writeInt64(batch, -1, AT.producerId);
  batch.writeInt16BE(-1, AT.producerEpoch);
  batch.writeInt32BE(-1, AT.baseSequence);
  batch.writeInt32BE(recordCount, AT.recordCount);
  batch.writeUInt32BE(crc32c(batch, BATCH_CRC_START), AT.crc);
}

/** Calls `visit` with the value of every record at or after offset `from`, in order. */
export function visitValues(buffer: Buffer, from: number, visit: (value: Buffer) => void): void {
  for (let at = 0; at < buffer.length; at += batchBytes(buffer, at)) {
    const count = buffer.readInt32BE(at + AT.recordCount);
    const baseOffset = batchNextOffset(buffer, at) - count;
    const cursor = { buffer, at: at + BATCH_HEADER_BYTES };
    for (let index = 0; index < count; index++) {
      const end = readVarint(cursor) + cursor.at;
      cursor.at += 2;
      readVarint(cursor);
      const keyBytes = readVarint(cursor);
      cursor.at += Math.max(keyBytes, 0);
      const valueBytes = readVarint(cursor);
      if (baseOffset + index >= from && valueBytes >= 0) {
        visit(buffer.subarray(cursor.at, cursor.at + valueBytes));
      }
      cursor.at = end;
    }
  }
}

function lengthAndBytes(length: number): number {
  return varintBytes(length) + length;
}

/** Bytes of a number that is not negative, zigzag-encoded. */
function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = value * 2; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes++;
  return bytes;
}

function writeVarint(target: Buffer, value: number, start: number): number {
  let at = start;
  let rest = value * 2;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) target[at++] = (rest % 0x80) | 0x80;
  target[at++] = rest;
  return at;
}

function readVarint(cursor: { buffer: Buffer; at: number }): number {
  let value = 0;
  let scale = 1;
  for (;;) {
    const byte = cursor.buffer.readUInt8(cursor.at++);
    value += (byte & 0x7f) * scale;
    scale *= 0x80;
    if (byte < 0x80) break;
  }
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
}
