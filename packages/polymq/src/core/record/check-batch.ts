/**
 * Checks what a producer sent for one partition before it may reach a log, where it stays byte for
 * byte.
 *
 * Like Kafka since Produce v3, exactly one batch of format 2 is taken. After this check: the length
 * field equals the buffer, the CRC is right, the header agrees with itself, an uncompressed batch
 * holds exactly the records it claims, numbered 0, 1, 2, …, and a compressed one does not claim to
 * expand beyond the limits. What is inside a compressed batch is not looked at (it would cost more
 * than everything else together); whoever reads it must expect anything (`record-reader.ts`).
 */

import { readInt64 } from '../../lib/bytes/int64.ts';
import { declaredSize } from '../../lib/compression/codec.ts';
import { DecompressionError } from '../../lib/compression/decompression-error.ts';
import { crc32c } from '../../lib/crc32c.ts';
import {
  AT,
  BATCH_CRC_START,
  BATCH_HEADER_BYTES,
  BATCH_LENGTH_OVERHEAD,
  BATCH_MAGIC,
} from '../../log/batch.ts';
import { BrokerError } from '../errors.ts';
import { ATTRIBUTES, type BatchCodec, batchCodec } from './attributes.ts';

/** How far a compressed batch may expand. */
export interface BatchLimits {
  /** Never more than this, in bytes. */
  expandedBytesMax: number;
  /**
   * Up to this nothing is asked: small batches of repetitive records expand far more than 100
   * times.
   */
  expandedBytesFree: number;
  /** Above the free size, at most this many times the compressed size. */
  expansionMax: number;
}

/** min(64 MiB, 100×), but 16 MiB at any ratio. */
export const BATCH_LIMITS: BatchLimits = {
  expandedBytesMax: 64 * 1024 * 1024,
  expandedBytesFree: 16 * 1024 * 1024,
  expansionMax: 100,
};

/** What a batch says about itself. */
export interface BatchCheck {
  bytes: number;
  recordCount: number;
  codec: BatchCodec;
  /** -1 if the producer is not idempotent. */
  producerId: number;
  maxTimestampMs: number;
}

/** The zigzag code of -1. */
const NULL_LENGTH = 1;
/** A position that no record ends at. */
const BROKEN = Number.POSITIVE_INFINITY;

/** Length varint, attributes, time delta, offset delta, key length, value length, header count. */
const RECORD_BYTES_MIN = 7;
/** Bytes of a record after its length varint, at least. */
const RECORD_LENGTH_MIN = 6;

/**
 * Checks a buffer that must hold exactly one record batch.
 *
 * Throws `corrupt-batch` if the CRC does not match, `unsupported` for a transactional batch,
 * `invalid-timestamp` if the producer claims append time, and `invalid-batch` for everything else
 * that is wrong.
 */
export function checkBatch(buffer: Buffer, limits: BatchLimits = BATCH_LIMITS): BatchCheck {
  checkFrame(buffer);
  const attributes = buffer.readUInt16BE(AT.attributes);
  const codec = checkAttributes(attributes);
  const recordCount = checkCounts(buffer);
  const producerId = checkProducer(buffer);
  if (codec === 'none') walkRecords(buffer, recordCount);
  else checkExpansion(buffer, codec, recordCount, limits);
  return {
    bytes: buffer.length,
    recordCount,
    codec,
    producerId,
    maxTimestampMs: readInt64(buffer, AT.maxTimestamp),
  };
}

/** The most bytes that the records of a batch of `batchBytes` may expand to. */
export function expandedBytesAllowed(batchBytes: number, limits: BatchLimits): number {
  const byRatio = Math.max(limits.expandedBytesFree, batchBytes * limits.expansionMax);
  return Math.min(limits.expandedBytesMax, byRatio);
}

function checkFrame(buffer: Buffer): void {
  // The magic byte stands at the same place in all formats, so it is judged first.
  if (buffer.length > AT.magic && buffer[AT.magic] !== BATCH_MAGIC) {
    throw invalid(`message format ${buffer[AT.magic]} was sent; message format v2 is needed`);
  }
  if (buffer.length < BATCH_HEADER_BYTES) throw invalid('no whole record batch was sent');
  const bytes = buffer.readInt32BE(AT.length) + BATCH_LENGTH_OVERHEAD;
  if (bytes < BATCH_HEADER_BYTES || bytes > buffer.length) {
    throw invalid(`the batch claims ${bytes} bytes but ${buffer.length} were sent`);
  }
  if (bytes < buffer.length) throw invalid('more than one batch was sent for one partition');
  if (crc32c(buffer, BATCH_CRC_START, bytes) !== buffer.readUInt32BE(AT.crc)) {
    throw new BrokerError('corrupt-batch', 'the batch does not match its CRC-32C; send it again');
  }
}

function checkAttributes(attributes: number): BatchCodec {
  const codec = batchCodec(attributes);
  if (codec === undefined) {
    throw invalid(`codec ${attributes & ATTRIBUTES.codec} is unknown`);
  }
  if (attributes & ATTRIBUTES.control) throw invalid('clients may not write control batches');
  if (attributes & ATTRIBUTES.reserved) throw invalid('reserved attribute bits are set');
  if (attributes & ATTRIBUTES.transactional) {
    throw new BrokerError('unsupported', 'transactional batches are not supported yet');
  }
  if (attributes & ATTRIBUTES.appendTime) {
    throw new BrokerError(
      'invalid-timestamp',
      'only the broker may stamp batches with append time',
    );
  }
  return codec;
}

function checkCounts(buffer: Buffer): number {
  const recordCount = buffer.readInt32BE(AT.recordCount);
  const lastOffsetDelta = buffer.readInt32BE(AT.lastOffsetDelta);
  if (recordCount < 1) throw invalid(`the batch claims ${recordCount} records`);
  if (lastOffsetDelta !== recordCount - 1) {
    throw invalid(`the batch claims ${recordCount} records but offsets 0 to ${lastOffsetDelta}`);
  }
  return recordCount;
}

function checkProducer(buffer: Buffer): number {
  const producerId = readInt64(buffer, AT.producerId);
  if (producerId < 0) return -1;
  const epoch = buffer.readInt16BE(AT.producerEpoch);
  const sequence = buffer.readInt32BE(AT.baseSequence);
  if (epoch < 0 || sequence < 0) {
    throw invalid(`producer ${producerId} sent epoch ${epoch} and sequence ${sequence}`);
  }
  return producerId;
}

function checkExpansion(
  buffer: Buffer,
  codec: Exclude<BatchCodec, 'none'>,
  recordCount: number,
  limits: BatchLimits,
): void {
  const allowed = expandedBytesAllowed(buffer.length, limits);
  if (recordCount * RECORD_BYTES_MIN > allowed) {
    throw invalid(`${recordCount} records cannot stand in ${buffer.length} compressed bytes`);
  }
  let size: number | undefined;
  try {
    size = declaredSize(codec, buffer.subarray(BATCH_HEADER_BYTES));
  } catch (error: unknown) {
    if (!(error instanceof DecompressionError)) throw error;
    throw invalid(`the ${codec} data of the batch is malformed: ${error.message}`, error);
  }
  if (size !== undefined && size > allowed) {
    throw invalid(`the batch would decompress to ${size} bytes, of which ${allowed} are allowed`);
  }
}

/**
 * Proves that an uncompressed batch consists of exactly `recordCount` records numbered from 0, each of which its
 * key, value and headers fill exactly: a consumer must be able to read what was acknowledged.
 */
function walkRecords(buffer: Buffer, recordCount: number): void {
  const end = buffer.length;
  let at = BATCH_HEADER_BYTES;
  for (let index = 0; index < recordCount; index++) {
    if (at + RECORD_BYTES_MIN > end) throw brokenRecord(index);
    let byte = buffer[at++]!;
    let encoded = byte & 0x7f;
    for (let shift = 7; byte >= 0x80; shift += 7) {
      if (shift > 28) throw brokenRecord(index);
      byte = buffer[at++]!;
      encoded |= (byte & 0x7f) << shift;
    }
    // Lengths are zigzag encoded; an odd code is a negative length.
    const recordEnd = at + (encoded >>> 1);
    if (encoded & 1 || recordEnd > end || recordEnd - at < RECORD_LENGTH_MIN) {
      throw brokenRecord(index);
    }
    // Past the attributes byte, then past the time delta.
    at++;
    while (buffer[at++]! >= 0x80);
    // The offset delta is not decoded but compared with what must stand there.
    let expected = index << 1;
    for (; expected >= 0x80; expected >>>= 7) {
      if (buffer[at++] !== ((expected & 0x7f) | 0x80)) throw brokenRecord(index);
    }
    if (buffer[at++] !== expected) throw brokenRecord(index);
    at = skipField(buffer, at, recordEnd);
    at = skipField(buffer, at, recordEnd);
    // Most records have no headers: one zero byte says so.
    if (at !== recordEnd - 1 || buffer[at] !== 0) at = skipHeaders(buffer, at, recordEnd) - 1;
    if (at !== recordEnd - 1) throw brokenRecord(index);
    at = recordEnd;
  }
  if (at !== end) throw invalid(`the batch holds more than the ${recordCount} records it claims`);
}

/** Where the field behind `at` ends: a zigzag varint length, -1 for null, then that many bytes. Infinity: broken. */
function skipField(buffer: Buffer, at: number, end: number): number {
  if (at >= end) return BROKEN;
  let next = at;
  let byte = buffer[next++]!;
  let encoded = byte & 0x7f;
  for (let shift = 7; byte >= 0x80; shift += 7) {
    if (shift > 28 || next >= end) return BROKEN;
    byte = buffer[next++]!;
    encoded |= (byte & 0x7f) << shift;
  }
  if (encoded & 1) return encoded === NULL_LENGTH ? next : BROKEN;
  return next + (encoded >>> 1);
}

/** Where the headers behind `at` end: a zigzag varint count, then a key that is not null and a value each. */
function skipHeaders(buffer: Buffer, at: number, end: number): number {
  let next = at;
  let count = 0;
  for (let shift = 0; ; shift += 7) {
    if (shift > 28 || next >= end) return BROKEN;
    const byte = buffer[next++]!;
    count |= (byte & 0x7f) << shift;
    if (byte < 0x80) break;
  }
  if (count & 1) return BROKEN;
  count >>>= 1;
  for (; count > 0 && next < end; count--) {
    if (buffer[next] === NULL_LENGTH) return BROKEN;
    next = skipField(buffer, next, end);
    next = skipField(buffer, next, end);
  }
  return count === 0 ? next : BROKEN;
}

function brokenRecord(index: number): BrokerError {
  return invalid(`record ${index} of the batch is malformed, misnumbered or missing`);
}

function invalid(message: string, cause?: unknown): BrokerError {
  return new BrokerError('invalid-batch', message, cause === undefined ? undefined : { cause });
}
