/**
 * Zstandard (RFC 8878), decoding only: by `node:zlib` where the runtime has it (Node 22.15 and
 * later), otherwise by `fzstd`. Both are only let near data whose frame and block headers were
 * walked here first:
 *
 *   magic u32 │ descriptor │ [window] │ [dictionary id] │ [content size]
 *   { block header u24 │ data }* │ [checksum u32]
 *   block header: bit 0 last, bits 1-2 type (0 raw, 1 run length, 2 compressed), 21 bits of size
 *
 * The walk gives the claimed size, an upper bound of the true size, and the window that a decoder
 * would allocate.
 */
import * as zlib from 'node:zlib';
import { Decompress, decompress } from 'fzstd';
import { DecompressionError, malformed, tooLarge } from './decompression-error.ts';

const MAGIC = 0xfd2fb528;
const SKIPPABLE_MAGIC = 0x184d2a50;
const BLOCK_BYTES_MAX = 128 * 1024;
/**
 * RFC 8878 §3.1.1.1.2 asks decoders to support 8 MiB; what a peer may make us allocate ends there.
 */
const WINDOW_BYTES_MAX = 8 * 1024 * 1024;

type ZstdSync = (input: Uint8Array, options: { maxOutputLength: number }) => Buffer;
const native = (zlib as unknown as { zstdDecompressSync?: ZstdSync }).zstdDecompressSync;

interface Walk {
  /** The sum of the sizes that the frames claim; undefined if one does not say. */
  declared: number | undefined;
  /** The most that the blocks can expand to. */
  bound: number;
  windowBytes: number;
  /** Where each frame that holds data starts and ends. */
  frames: [start: number, end: number][];
}

/** Expands zstd frames to at most `outputBytesMax` bytes. */
export function zstdDecompress(input: Buffer, outputBytesMax: number): Buffer {
  const walk = walkFrames(input);
  const atLeast = walk.declared ?? 0;
  if (atLeast > outputBytesMax || walk.windowBytes > WINDOW_BYTES_MAX) {
    throw tooLarge('zstd', outputBytesMax);
  }
  if (atLeast > walk.bound) throw malformed('zstd frame claims more than its blocks can hold');
  const output = native
    ? inflateNative(input, outputBytesMax, walk)
    : inflate(input, outputBytesMax, walk);
  if (walk.declared !== undefined && output.length !== walk.declared) {
    throw malformed('zstd frame does not have the size it claims');
  }
  return output;
}

/** The size that the frames claim, or the most that their blocks can expand to. */
export function zstdDeclaredSize(input: Buffer): number {
  const { declared, bound } = walkFrames(input);
  return Math.min(bound, declared ?? bound);
}

function inflateNative(input: Buffer, outputBytesMax: number, walk: Walk): Buffer {
  try {
    let room = outputBytesMax;
    const parts: Buffer[] = [];
    // The native decoder stops after the first frame.
    for (const [start, end] of walk.frames) {
      const options = { maxOutputLength: Math.max(1, room) };
      const part = native!(input.subarray(start, end), options);
      room -= part.length;
      if (room < 0) throw tooLarge('zstd', outputBytesMax);
      parts.push(part);
    }
    return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
  } catch (error: unknown) {
    if (error instanceof DecompressionError) throw error;
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') {
      throw tooLarge('zstd', outputBytesMax);
    }
    throw malformed('zstd data is damaged or cut off', error);
  }
}

/** For tests on runtimes that have the native one too. */
export function zstdDecompressPortable(input: Buffer, outputBytesMax: number): Buffer {
  return inflate(input, outputBytesMax, walkFrames(input));
}

function inflate(input: Buffer, outputBytesMax: number, walk: Walk): Buffer {
  try {
    if (walk.bound <= outputBytesMax) return asBuffer(decompress(input));
    const parts: Uint8Array[] = [];
    let bytes = 0;
    const stream = new Decompress((part) => {
      bytes += part.length;
      if (bytes > outputBytesMax) throw tooLarge('zstd', outputBytesMax);
      parts.push(part);
    });
    stream.push(input, true);
    return Buffer.concat(parts);
  } catch (error: unknown) {
    if (error instanceof DecompressionError) throw error;
    throw malformed('zstd data is damaged or cut off', error);
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function walkFrames(input: Buffer): Walk {
  const walk: Walk = { declared: 0, bound: 0, windowBytes: 0, frames: [] };
  let at = 0;
  while (at < input.length) {
    if (at + 8 > input.length) throw malformed('zstd frame header is cut off');
    const magic = input.readUInt32LE(at);
    if ((magic & 0xffff_fff0) >>> 0 === SKIPPABLE_MAGIC) at += 8 + input.readUInt32LE(at + 4);
    else if (magic === MAGIC) {
      const end = walkFrame(input, at + 4, walk);
      walk.frames.push([at, end]);
      at = end;
    } else throw malformed('zstd frame does not start with its magic number');
  }
  if (at !== input.length) throw malformed('zstd data is cut off');
  return walk;
}

function walkFrame(input: Buffer, start: number, walk: Walk): number {
  const descriptor = input[start]!;
  const singleSegment = (descriptor & 0x20) !== 0;
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3]!;
  const sizeBytes = [singleSegment ? 1 : 0, 2, 4, 8][descriptor >>> 6]!;
  let at = start + 1 + (singleSegment ? 0 : 1) + dictionaryBytes;
  if (at + sizeBytes > input.length) throw malformed('zstd frame header is cut off');
  const size = sizeBytes === 0 ? undefined : readSize(input, at, sizeBytes);
  const window = singleSegment ? size! : windowBytes(input[start + 1]!);
  at += sizeBytes;
  walk.windowBytes = Math.max(walk.windowBytes, singleSegment ? 0 : window);
  if (size === undefined) walk.declared = undefined;
  else if (walk.declared !== undefined) walk.declared += size;
  const blockBytesMax = Math.min(BLOCK_BYTES_MAX, window);
  for (let last = false; !last; ) {
    if (at + 3 > input.length) throw malformed('zstd block header is cut off');
    const header = input.readUIntLE(at, 3);
    const type = (header >>> 1) & 3;
    const bytes = header >>> 3;
    if (type === 3 || bytes > BLOCK_BYTES_MAX) throw malformed('zstd block header is malformed');
    last = (header & 1) === 1;
    walk.bound += type === 2 ? blockBytesMax : bytes;
    at += 3 + (type === 1 ? 1 : bytes);
  }
  return at + (descriptor & 4 ? 4 : 0);
}

function windowBytes(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >>> 3));
  return base + (base / 8) * (descriptor & 7);
}

function readSize(input: Buffer, at: number, bytes: number): number {
  if (bytes === 8) return Number(input.readBigUInt64LE(at));
  return input.readUIntLE(at, bytes) + (bytes === 2 ? 256 : 0);
}
