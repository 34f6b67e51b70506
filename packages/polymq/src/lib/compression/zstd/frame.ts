/**
 * Zstandard frames (RFC 8878 §3.1), found by their headers alone:
 *
 *   magic u32 │ descriptor │ [window] │ [dictionary id] │ [content size]
 *   { block header u24 │ data }* │ [checksum u32]
 *
 *   descriptor     bits 7-6 content size field, 5 single segment, 4-3 unused and reserved,
 *                  2 checksum, 1-0 dictionary id field
 *   window         bits 7-3 exponent above 10, 2-0 eighths of that power added
 *   block header   bit 0 last, bits 1-2 type, 21 bits of size
 *
 * Skippable frames (magic 0x184d2a5?, size u32, data) are passed over. Nothing is kept per frame, so
 * that a flood of empty frames costs time in step with its bytes and no memory.
 */
import { malformed } from '../decompression-error.ts';

const MAGIC = 0xfd2fb528;
const SKIPPABLE_MAGIC = 0x184d2a50;
const SINGLE_SEGMENT = 0x20;
const RESERVED = 0x08;
const CHECKSUM = 0x04;
const DICTIONARY_ID_BYTES = [0, 1, 2, 4] as const;

/** No block expands to more, nor is any stored in more. */
export const BLOCK_BYTES_MAX: number = 128 * 1024;
export const BLOCK_HEADER_BYTES = 3;
export const CHECKSUM_BYTES = 4;
export const BLOCK_TYPE = { raw: 0, runLength: 1, compressed: 2, reserved: 3 } as const;

export interface Frame {
  readonly start: number;
  readonly blocksStart: number;
  /** After the checksum, where the next frame starts. */
  readonly end: number;
  /** Undefined if the frame does not say. */
  readonly contentSize: number | undefined;
  /** How far back a decoder must remember; 0 if the content size says it all. */
  readonly windowBytes: number;
  /** The most that one block may expand to. */
  readonly blockBytesMax: number;
  /** The most that all blocks together can expand to. */
  readonly bound: number;
  readonly hasChecksum: boolean;
}

export interface FrameTotals {
  /** The sum of the sizes that the frames claim; undefined if one does not say. */
  readonly declared: number | undefined;
  readonly bound: number;
  /** The largest window. */
  readonly windowBytes: number;
  readonly count: number;
}

interface FrameHeader {
  contentSize: number | undefined;
  windowBytes: number;
  blockBytesMax: number;
  hasChecksum: boolean;
  blocksStart: number;
}

/** Walks all headers. Throws `malformed` unless whole frames fill the input exactly. */
export function totalFrames(input: Buffer): FrameTotals {
  let declared: number | undefined = 0;
  let bound = 0;
  let windowBytes = 0;
  let count = 0;
  for (let frame = nextFrame(input, 0); frame; frame = nextFrame(input, frame.end)) {
    if (frame.contentSize === undefined) declared = undefined;
    else if (declared !== undefined) declared += frame.contentSize;
    bound += frame.bound;
    windowBytes = Math.max(windowBytes, frame.windowBytes);
    count++;
  }
  return { declared, bound, windowBytes, count };
}

/** The first frame with data at or after `start`; undefined at the end of the input. */
export function nextFrame(input: Buffer, start: number): Frame | undefined {
  let at = start;
  while (at < input.length) {
    if (at + 8 > input.length) throw malformed('zstd frame header is cut off');
    const magic = input.readUInt32LE(at);
    if (magic === MAGIC) return readFrame(input, at);
    if ((magic & 0xffff_fff0) >>> 0 !== SKIPPABLE_MAGIC) {
      throw malformed('zstd frame does not start with its magic number');
    }
    at += 8 + input.readUInt32LE(at + 4);
  }
  if (at !== input.length) throw malformed('zstd data is cut off');
  return undefined;
}

function readFrame(input: Buffer, start: number): Frame {
  const header = readHeader(input, start + 4);
  const { blockBytesMax } = header;
  let at = header.blocksStart;
  let bound = 0;
  for (let last = false; !last; ) {
    if (at + BLOCK_HEADER_BYTES > input.length) throw malformed('zstd block header is cut off');
    const block = input.readUIntLE(at, BLOCK_HEADER_BYTES);
    const type = (block >>> 1) & 3;
    const bytes = block >>> 3;
    if (type === BLOCK_TYPE.reserved || bytes > blockBytesMax) {
      throw malformed('zstd block header is malformed');
    }
    last = (block & 1) === 1;
    bound += type === BLOCK_TYPE.compressed ? blockBytesMax : bytes;
    at += BLOCK_HEADER_BYTES + (type === BLOCK_TYPE.runLength ? 1 : bytes);
  }
  const end = at + (header.hasChecksum ? CHECKSUM_BYTES : 0);
  if (end > input.length) throw malformed('zstd data is cut off');
  // A spread of the header would take ten times as long.
  return {
    start,
    blocksStart: header.blocksStart,
    end,
    contentSize: header.contentSize,
    windowBytes: header.windowBytes,
    blockBytesMax,
    bound,
    hasChecksum: header.hasChecksum,
  };
}

function readHeader(input: Buffer, start: number): FrameHeader {
  const descriptor = input[start]!;
  const singleSegment = (descriptor & SINGLE_SEGMENT) !== 0;
  if (descriptor & RESERVED) throw malformed('zstd frame uses a reserved bit');
  const windowAt = start + 1;
  const dictionaryAt = windowAt + (singleSegment ? 0 : 1);
  const dictionaryBytes = DICTIONARY_ID_BYTES[(descriptor & 3) as 0 | 1 | 2 | 3];
  const sizeAt = dictionaryAt + dictionaryBytes;
  const sizeField = descriptor >>> 6;
  const sizeBytes = sizeField === 0 ? (singleSegment ? 1 : 0) : 1 << sizeField;
  if (sizeAt + sizeBytes > input.length) throw malformed('zstd frame header is cut off');
  for (let at = dictionaryAt; at < sizeAt; at++) {
    // An id of 0 says that there is no dictionary.
    if (input[at] !== 0) throw malformed('zstd frame needs a dictionary');
  }
  const contentSize = sizeBytes === 0 ? undefined : readSize(input, sizeAt, sizeBytes);
  const window = singleSegment ? contentSize! : windowSize(input[windowAt]!);
  return {
    contentSize,
    windowBytes: singleSegment ? 0 : window,
    blockBytesMax: Math.min(BLOCK_BYTES_MAX, window),
    hasChecksum: (descriptor & CHECKSUM) !== 0,
    blocksStart: sizeAt + sizeBytes,
  };
}

function windowSize(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >>> 3));
  return base + (base / 8) * (descriptor & 7);
}

function readSize(input: Buffer, at: number, bytes: number): number {
  if (bytes === 8) return Number(input.readBigUInt64LE(at));
  return input.readUIntLE(at, bytes) + (bytes === 2 ? 256 : 0);
}
