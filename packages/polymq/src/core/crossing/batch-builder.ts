/**
 * Writes records one after another straight into a batch, as they come: what `record-writer.ts` does for lists of records
 * that are known beforehand. The bodies are copied, so the memory they came from is free again at once.
 *
 * Layouts: `log/batch.ts`, `record/record-reader.ts`.
 */
import { writeInt64 } from '../../lib/bytes/int64.ts';
import { AT, BATCH_HEADER_BYTES, BATCH_LENGTH_OVERHEAD, BATCH_MAGIC } from '../../log/batch.ts';
import { writeBatchCrc } from '../record/record-writer.ts';

export interface RecordPieces {
  key: Buffer | undefined;
  timestampMs: number;
  headers: readonly { key: string; value: Buffer | string | undefined }[];
  /** The value in pieces; `undefined`: null. */
  value: readonly Buffer[] | undefined;
}

const BYTES_MIN = 4 * 1024;
/** A varint holds seven bits a byte, and times have up to 54 bits. */
const VARINT_BYTES_MAX = 8;

export class BatchBuilder {
  #buffer: Buffer;
  #at = BATCH_HEADER_BYTES;
  #count = 0;
  #baseMs = 0;
  #maxMs = -1;

  constructor(bytesHint = 0) {
    this.#buffer = Buffer.allocUnsafeSlow(Math.max(BYTES_MIN, bytesHint));
  }

  get count(): number {
    return this.#count;
  }

  /** The size of the batch so far. */
  get bytes(): number {
    return this.#at;
  }

  /** Returns false, and adds nothing, if the batch would become larger than `bytesMax`. */
  add(record: RecordPieces, bytesMax: number): boolean {
    if (this.#count === 0) this.#baseMs = record.timestampMs;
    const headerBytes = record.headers.map(fieldBytes);
    const length = this.#lengthOf(record, headerBytes);
    if (this.#at + varintBytes(length) + length > bytesMax) return false;
    this.#room(VARINT_BYTES_MAX + length);
    this.#varint(length);
    this.#buffer[this.#at++] = 0;
    this.#varint(record.timestampMs - this.#baseMs);
    this.#varint(this.#count);
    this.#optional(record.key);
    this.#value(record.value);
    this.#varint(record.headers.length);
    for (const [index, { key, value }] of record.headers.entries()) {
      this.#text(key, headerBytes[index]!.key);
      if (typeof value === 'string') this.#text(value, headerBytes[index]!.value);
      else this.#optional(value);
    }
    this.#count++;
    this.#maxMs = Math.max(this.#maxMs, record.timestampMs);
    return true;
  }

  /** The batch, with its checksum. The builder is done for. */
  finish(): Buffer {
    const batch = this.#buffer.subarray(0, this.#at);
    writeInt64(batch, 0, AT.baseOffset);
    batch.writeInt32BE(batch.length - BATCH_LENGTH_OVERHEAD, AT.length);
    batch.writeInt32BE(0, AT.leaderEpoch);
    batch[AT.magic] = BATCH_MAGIC;
    batch.writeUInt16BE(0, AT.attributes);
    batch.writeInt32BE(this.#count - 1, AT.lastOffsetDelta);
    writeInt64(batch, this.#baseMs, AT.baseTimestamp);
    writeInt64(batch, this.#maxMs, AT.maxTimestamp);
    writeInt64(batch, -1, AT.producerId);
    batch.writeInt16BE(-1, AT.producerEpoch);
    batch.writeInt32BE(-1, AT.baseSequence);
    batch.writeInt32BE(this.#count, AT.recordCount);
    writeBatchCrc(batch);
    return batch;
  }

  #lengthOf(record: RecordPieces, headers: readonly FieldBytes[]): number {
    let length =
      1 +
      varintBytes(record.timestampMs - this.#baseMs) +
      varintBytes(this.#count) +
      sizedBytes(record.key?.length ?? -1) +
      sizedBytes(valueBytes(record.value)) +
      varintBytes(headers.length);
    for (const { key, value } of headers) length += sizedBytes(key) + sizedBytes(value);
    return length;
  }

  #value(pieces: readonly Buffer[] | undefined): void {
    this.#varint(valueBytes(pieces));
    for (const piece of pieces ?? []) this.#at += piece.copy(this.#buffer, this.#at);
  }

  #optional(bytes: Buffer | undefined): void {
    this.#varint(bytes?.length ?? -1);
    if (bytes !== undefined) this.#at += bytes.copy(this.#buffer, this.#at);
  }

  #text(text: string, bytes: number): void {
    this.#varint(bytes);
    this.#at += this.#buffer.write(text, this.#at, bytes, 'utf8');
  }

  /** Zigzag; by arithmetic, as times exceed 32 bits. */
  #varint(value: number): void {
    let encoded = value < 0 ? -value * 2 - 1 : value * 2;
    while (encoded >= 0x80) {
      this.#buffer[this.#at++] = (encoded % 0x80) | 0x80;
      encoded = Math.floor(encoded / 0x80);
    }
    this.#buffer[this.#at++] = encoded;
  }

  #room(bytes: number): void {
    if (this.#at + bytes <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(2 * (this.#at + bytes));
    this.#buffer.copy(larger, 0, 0, this.#at);
    this.#buffer = larger;
  }
}

interface FieldBytes {
  key: number;
  /** -1: null. */
  value: number;
}

function fieldBytes({ key, value }: RecordPieces['headers'][number]): FieldBytes {
  const bytes = typeof value === 'string' ? Buffer.byteLength(value, 'utf8') : value?.length;
  return { key: Buffer.byteLength(key, 'utf8'), value: bytes ?? -1 };
}

function valueBytes(pieces: readonly Buffer[] | undefined): number {
  if (pieces === undefined) return -1;
  let bytes = 0;
  for (const piece of pieces) bytes += piece.length;
  return bytes;
}

/** A field with its length in front; -1 is null. */
function sizedBytes(bytes: number): number {
  return varintBytes(bytes) + Math.max(0, bytes);
}

function varintBytes(value: number): number {
  let encoded = value < 0 ? -value * 2 - 1 : value * 2;
  let bytes = 1;
  for (; encoded >= 0x80; encoded = Math.floor(encoded / 0x80)) bytes++;
  return bytes;
}
