/**
 * Builds record batches: for journals, and for tests. Layout in `log/batch.ts` and
 * `record-reader.ts`.
 */
import { gzipSync } from 'node:zlib';
import { writeInt64 } from '../../lib/bytes/int64.ts';
import { crc32c } from '../../lib/crc32c.ts';
import {
  AT,
  BATCH_CRC_START,
  BATCH_HEADER_BYTES,
  BATCH_LENGTH_OVERHEAD,
  BATCH_MAGIC,
} from '../../log/batch.ts';
import { codecNumber } from './attributes.ts';

export interface RecordToWrite {
  key?: Buffer | undefined;
  value?: Buffer | undefined;
  headers?: readonly { key: string; value?: Buffer | undefined }[];
  /** Instead of the batch's time. */
  timestampMs?: number;
}

export interface BatchToWrite {
  /** At least one. */
  records: readonly RecordToWrite[];
  /** Of all records that have no own time. */
  timestampMs: number;
  /** Default `none`. */
  codec?: 'none' | 'gzip';
  /** Default 0: a log assigns it. */
  baseOffset?: number;
  /** Of an idempotent producer. */
  producer?: { id: number; epoch: number; sequence: number };
}

/** Encodes a whole batch with its CRC, ready for `Log.append` and `Partition.append`. */
export function writeBatch(batch: BatchToWrite): Buffer {
  const { records, timestampMs, codec = 'none', producer } = batch;
  const baseTimestamp = records[0]?.timestampMs ?? timestampMs;
  const plain = writeRecords(records, baseTimestamp, timestampMs);
  const body = codec === 'gzip' ? gzipSync(plain) : plain;
  const buffer = Buffer.allocUnsafe(BATCH_HEADER_BYTES + body.length);
  body.copy(buffer, BATCH_HEADER_BYTES);
  writeInt64(buffer, batch.baseOffset ?? 0, AT.baseOffset);
  buffer.writeInt32BE(buffer.length - BATCH_LENGTH_OVERHEAD, AT.length);
  buffer.writeInt32BE(0, AT.leaderEpoch);
  buffer[AT.magic] = BATCH_MAGIC;
  buffer.writeUInt16BE(codecNumber(codec), AT.attributes);
  buffer.writeInt32BE(records.length - 1, AT.lastOffsetDelta);
  writeInt64(buffer, baseTimestamp, AT.baseTimestamp);
  writeInt64(buffer, maxTimestamp(records, timestampMs), AT.maxTimestamp);
  writeInt64(buffer, producer?.id ?? -1, AT.producerId);
  buffer.writeInt16BE(producer?.epoch ?? -1, AT.producerEpoch);
  buffer.writeInt32BE(producer?.sequence ?? -1, AT.baseSequence);
  buffer.writeInt32BE(records.length, AT.recordCount);
  writeBatchCrc(buffer);
  return buffer;
}

/** Sets the CRC of a batch that fills `buffer`, after something in it was changed. */
export function writeBatchCrc(buffer: Buffer): void {
  buffer.writeUInt32BE(crc32c(buffer, BATCH_CRC_START), AT.crc);
}

function maxTimestamp(records: readonly RecordToWrite[], timestampMs: number): number {
  let max = -1;
  for (const record of records) max = Math.max(max, record.timestampMs ?? timestampMs);
  return max;
}

function writeRecords(
  records: readonly RecordToWrite[],
  baseTimestamp: number,
  timestampMs: number,
): Buffer {
  const parts: Buffer[] = [];
  for (const [index, record] of records.entries()) {
    const writer = new Fields();
    writer.byte(0);
    writer.varint((record.timestampMs ?? timestampMs) - baseTimestamp);
    writer.varint(index);
    writer.optionalBytes(record.key);
    writer.optionalBytes(record.value);
    const headers = record.headers ?? [];
    writer.varint(headers.length);
    for (const header of headers) {
      writer.optionalBytes(Buffer.from(header.key, 'utf8'));
      writer.optionalBytes(header.value);
    }
    const length = new Fields();
    length.varint(writer.bytes);
    parts.push(...length.parts(), ...writer.parts());
  }
  return Buffer.concat(parts);
}

/** Collects small fields as bytes, and large ones as they are. */
class Fields {
  readonly #parts: Buffer[] = [];
  #small: number[] = [];
  bytes = 0;

  byte(value: number): void {
    this.#small.push(value);
    this.bytes++;
  }

  /** Zigzag, base 128, least significant first. By arithmetic, as times exceed 32 bits. */
  varint(value: number): void {
    let encoded = value < 0 ? -value * 2 - 1 : value * 2;
    while (encoded >= 0x80) {
      this.byte((encoded % 0x80) + 0x80);
      encoded = Math.floor(encoded / 0x80);
    }
    this.byte(encoded);
  }

  optionalBytes(value: Buffer | undefined): void {
    this.varint(value === undefined ? -1 : value.length);
    if (value === undefined) return;
    this.#flush();
    this.#parts.push(value);
    this.bytes += value.length;
  }

  parts(): Buffer[] {
    this.#flush();
    return this.#parts;
  }

  #flush(): void {
    if (this.#small.length === 0) return;
    this.#parts.push(Buffer.from(this.#small));
    this.#small = [];
  }
}
