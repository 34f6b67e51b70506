/**
 * Reads the records inside a batch, for the few who must look: the search by timestamp, peeking,
 * journals, tests.
 *
 *   record:  length varint │ attributes u8 │ time delta varlong │ offset delta varint
 *            │ key length varint │ key │ value length varint │ value
 *            │ header count varint │ { key length varint │ key │ value length varint │ value }*
 *
 * All varints are zigzag encoded; a length of -1 stands for null. The content of a compressed batch
 * was never checked, so nothing is trusted here: whatever is wrong ends in
 * `BrokerError('invalid-batch')`, and decompression stops at the limits of `check-batch.ts`.
 */

import { readInt64 } from '../../lib/bytes/int64.ts';
import { decompress } from '../../lib/compression/codec.ts';
import { DecompressionError } from '../../lib/compression/decompression-error.ts';
import { AT, BATCH_HEADER_BYTES, batchBaseOffset, batchBytes } from '../../log/batch.ts';
import { BrokerError } from '../errors.ts';
import { ATTRIBUTES, batchCodec } from './attributes.ts';
import { BATCH_LIMITS, type BatchLimits, expandedBytesAllowed } from './check-batch.ts';
import type { RecordHeader, StoredRecord } from './record.ts';

/** Iterates the records of the batch that starts at `at`. */
export function* readRecords(
  buffer: Buffer,
  at = 0,
  limits: BatchLimits = BATCH_LIMITS,
): Generator<StoredRecord, void> {
  const attributes = headerAttributes(buffer, at);
  const cursor = new Cursor(expandRecords(buffer, at, limits));
  const baseOffset = batchBaseOffset(buffer, at);
  const baseTimestamp = readInt64(buffer, at + AT.baseTimestamp);
  const maxTimestamp = readInt64(buffer, at + AT.maxTimestamp);
  const stamped = (attributes & ATTRIBUTES.appendTime) !== 0;
  const count = buffer.readInt32BE(at + AT.recordCount);
  for (let index = 0; index < count; index++) {
    const record = cursor.record(baseOffset, baseTimestamp);
    if (stamped) record.timestampMs = maxTimestamp;
    yield record;
  }
  cursor.expectEnd();
}

/** Iterates the records of buffers as `Log.read` returns them. */
export function* readBuffers(buffers: readonly Buffer[]): Generator<StoredRecord, void> {
  for (const buffer of buffers) {
    for (let at = 0; at < buffer.length; at += batchBytes(buffer, at)) {
      yield* readRecords(buffer, at);
    }
  }
}

function headerAttributes(buffer: Buffer, at: number): number {
  if (buffer.length - at < BATCH_HEADER_BYTES) throw malformed('the batch header is cut off');
  const bytes = batchBytes(buffer, at);
  if (bytes < BATCH_HEADER_BYTES || bytes > buffer.length - at) {
    throw malformed(`a batch of ${bytes} bytes does not fit`);
  }
  return buffer.readUInt16BE(at + AT.attributes);
}

function expandRecords(buffer: Buffer, at: number, limits: BatchLimits): Buffer {
  const bytes = batchBytes(buffer, at);
  const records = buffer.subarray(at + BATCH_HEADER_BYTES, at + bytes);
  const attributes = buffer.readUInt16BE(at + AT.attributes);
  const codec = batchCodec(attributes);
  if (codec === undefined) throw malformed(`codec ${attributes & ATTRIBUTES.codec} is unknown`);
  if (codec === 'none') return records;
  try {
    return decompress(codec, records, expandedBytesAllowed(bytes, limits));
  } catch (error: unknown) {
    if (error instanceof DecompressionError) throw malformed(error.message, error);
    throw error;
  }
}

/** A position in expanded records; every read is checked against the end. */
class Cursor {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  record(baseOffset: number, baseTimestamp: number): StoredRecord {
    const length = this.#varint();
    const end = this.#at + length;
    if (length < 0 || end > this.#bytes.length) throw malformed(`a record of ${length} bytes`);
    this.#at++;
    const timestampDelta = this.#varint();
    const offsetDelta = this.#varint();
    const record: StoredRecord = {
      offset: baseOffset + offsetDelta,
      timestampMs: baseTimestamp + timestampDelta,
      key: this.#optionalBytes(),
      value: this.#optionalBytes(),
      headers: this.#headers(end),
    };
    if (this.#at !== end) throw malformed('a record does not have the length it claims');
    return record;
  }

  expectEnd(): void {
    if (this.#at !== this.#bytes.length)
      throw malformed('bytes are left over after the last record');
  }

  #headers(end: number): RecordHeader[] {
    const count = this.#varint();
    // A header takes two bytes at least, so a count beyond that is a lie.
    if (count < 0 || count > (end - this.#at) / 2) throw malformed(`${count} headers`);
    const headers: RecordHeader[] = [];
    for (let index = 0; index < count; index++) {
      const key = this.#optionalBytes();
      if (key === undefined) throw malformed('a header without a name');
      headers.push({ key: key.toString('utf8'), value: this.#optionalBytes() });
    }
    return headers;
  }

  #optionalBytes(): Buffer | undefined {
    const length = this.#varint();
    if (length === -1) return undefined;
    if (length < 0 || length > this.#bytes.length - this.#at)
      throw malformed(`a field of ${length}`);
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  /** Up to 10 bytes. Exact within ±2^53, which deltas of times never leave. */
  #varint(): number {
    let encoded = 0;
    let scale = 1;
    for (let count = 0; count < 10; count++) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) throw malformed('a number is cut off');
      encoded += (byte & 0x7f) * scale;
      if (byte < 0x80) return encoded % 2 === 0 ? encoded / 2 : -(encoded + 1) / 2;
      scale *= 128;
    }
    throw malformed('a number has more than 10 bytes');
  }
}

function malformed(what: string, cause?: unknown): BrokerError {
  const message = `the records of a batch cannot be read: ${what}`;
  return new BrokerError('invalid-batch', message, cause === undefined ? undefined : { cause });
}
