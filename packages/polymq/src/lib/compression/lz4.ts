/**
 * The LZ4 frame format (lz4_Frame_format.md 1.6), decoding only.
 *
 *   magic u32 │ FLG │ BD │ [content size u64] │ [dictionary id u32] │ HC
 *   { block bytes u32, top bit: stored │ data │ [checksum u32] }*
 *   0 u32 │ [content checksum u32]
 *
 * FLG: version 01 in the top bits, then block independence, block checksums, content size, content
 * checksum, reserved, dictionary id. No checksum is verified: the batch around the frame has its
 * own, and old Kafka clients computed the header checksum HC wrongly (KAFKA-3160). Frames may
 * follow one another and skippable ones are skipped.
 *
 * A first pass over the block headers finds an upper bound of the output, so that the buffer is
 * allocated once and never above the limit.
 */
import { malformed, tooLarge } from './decompression-error.ts';

const MAGIC = 0x184d2204;
const SKIPPABLE_MAGIC = 0x184d2a50;
const FLG = { independent: 0x20, blockChecksum: 0x10, contentSize: 0x08, contentChecksum: 0x04 };
const FLG_DICTIONARY = 0x01;
const STORED = 0x8000_0000;
/** A match length grows by 255 per input byte: no block expands further. */
const RATIO_MAX = 255;

interface Frame {
  blockBytesMax: number;
  independent: boolean;
  blockChecksumBytes: number;
  contentSize: number | undefined;
  blocks: { start: number; end: number; stored: boolean }[];
}

/** Expands LZ4 frames to at most `outputBytesMax` bytes. */
export function lz4Decompress(input: Buffer, outputBytesMax: number): Buffer {
  const frames = readFrames(input);
  const bound = sizeBound(frames);
  const declared = declaredTotal(frames);
  if (declared !== undefined && declared > outputBytesMax) throw tooLarge('lz4', outputBytesMax);
  const output = Buffer.allocUnsafeSlow(Math.min(bound, outputBytesMax));
  let out = 0;
  for (const frame of frames) {
    const frameStart = out;
    for (const block of frame.blocks) {
      const history = frame.independent ? out : frameStart;
      const room = Math.min(frame.blockBytesMax, output.length - out);
      out = expandBlock(input, block, output, { out, history, limit: out + room, outputBytesMax });
    }
    if (frame.contentSize !== undefined && out - frameStart !== frame.contentSize) {
      throw malformed('lz4 frame does not have the size it claims');
    }
  }
  return output.subarray(0, out);
}

/** The size that the frames claim, or the most that their blocks can expand to. */
export function lz4DeclaredSize(input: Buffer): number {
  const frames = readFrames(input);
  const bound = sizeBound(frames);
  return Math.min(bound, declaredTotal(frames) ?? bound);
}

function sizeBound(frames: readonly Frame[]): number {
  let bound = 0;
  for (const frame of frames) {
    for (const { start, end, stored } of frame.blocks) {
      bound += stored ? end - start : Math.min(frame.blockBytesMax, (end - start) * RATIO_MAX);
    }
  }
  return bound;
}

function declaredTotal(frames: readonly Frame[]): number | undefined {
  let total = 0;
  for (const frame of frames) {
    if (frame.contentSize === undefined) return undefined;
    total += frame.contentSize;
  }
  return total;
}

function readFrames(input: Buffer): Frame[] {
  const frames: Frame[] = [];
  let at = 0;
  while (at < input.length) {
    if (at + 7 > input.length) throw malformed('lz4 frame header is cut off');
    const magic = input.readUInt32LE(at);
    if ((magic & 0xffff_fff0) >>> 0 === SKIPPABLE_MAGIC) {
      if (at + 8 > input.length) throw malformed('lz4 skippable frame is cut off');
      at += 8 + input.readUInt32LE(at + 4);
      continue;
    }
    if (magic !== MAGIC) throw malformed('lz4 frame does not start with its magic number');
    at = readFrame(input, at + 4, frames);
  }
  if (at !== input.length) throw malformed('lz4 data is cut off');
  return frames;
}

function readFrame(input: Buffer, start: number, frames: Frame[]): number {
  const flags = input[start]!;
  const blockCode = (input[start + 1]! >>> 4) & 7;
  if (flags >>> 6 !== 1) throw malformed(`lz4 frame version ${flags >>> 6} is unknown`);
  if (flags & FLG_DICTIONARY) throw malformed('lz4 frame needs a dictionary');
  if (blockCode < 4) throw malformed('lz4 block size code is unknown');
  const sized = (flags & FLG.contentSize) !== 0;
  let at = start + 2;
  if (at + (sized ? 9 : 1) > input.length) throw malformed('lz4 frame header is cut off');
  const contentSize = sized ? Number(input.readBigUInt64LE(at)) : undefined;
  at += sized ? 9 : 1;
  const frame: Frame = {
    // Codes 4 to 7 stand for 64 KiB, 256 KiB, 1 MiB and 4 MiB.
    blockBytesMax: 2 ** (8 + 2 * blockCode),
    independent: (flags & FLG.independent) !== 0,
    blockChecksumBytes: flags & FLG.blockChecksum ? 4 : 0,
    contentSize,
    blocks: [],
  };
  at = readBlocks(input, at, frame) + (flags & FLG.contentChecksum ? 4 : 0);
  if (at > input.length) throw malformed('lz4 content checksum is cut off');
  frames.push(frame);
  return at;
}

function readBlocks(input: Buffer, start: number, frame: Frame): number {
  let at = start;
  for (;;) {
    if (at + 4 > input.length) throw malformed('lz4 block header is cut off');
    const header = input.readUInt32LE(at);
    at += 4;
    if (header === 0) return at;
    const stored = header >= STORED;
    const bytes = stored ? header - STORED : header;
    if (bytes > frame.blockBytesMax || bytes + frame.blockChecksumBytes > input.length - at) {
      throw malformed(`lz4 block of ${bytes} bytes does not fit`);
    }
    frame.blocks.push({ start: at, end: at + bytes, stored });
    at += bytes + frame.blockChecksumBytes;
  }
}

interface BlockTarget {
  /** Where the block's output starts. */
  out: number;
  /** The first output byte that a match may refer to. */
  history: number;
  limit: number;
  outputBytesMax: number;
}

function expandBlock(
  input: Buffer,
  block: { start: number; end: number; stored: boolean },
  output: Buffer,
  target: BlockTarget,
): number {
  const { history, limit } = target;
  const { end } = block;
  let { out } = target;
  let at = block.start;
  if (block.stored) {
    if (end - at > limit - out) throw overflow(target);
    input.copy(output, out, at, end);
    return out + end - at;
  }
  for (;;) {
    if (at >= end) throw malformed('lz4 block is cut off');
    const token = input[at++]!;
    let length = token >>> 4;
    if (length === 15) {
      for (let more = 255; more === 255; length += more) {
        if (at >= end) throw malformed('lz4 literal length is cut off');
        more = input[at++]!;
      }
    }
    if (length > end - at) throw malformed('lz4 literal is cut off');
    if (length > limit - out) throw overflow(target);
    copyLiteral(input, at, output, out, length);
    at += length;
    out += length;
    // The last sequence of a block has no match.
    if (at === end) return out;
    if (at + 2 > end) throw malformed('lz4 match offset is cut off');
    const offset = input[at]! | (input[at + 1]! << 8);
    at += 2;
    length = token & 15;
    if (length === 15) {
      for (let more = 255; more === 255; length += more) {
        if (at >= end) throw malformed('lz4 match length is cut off');
        more = input[at++]!;
      }
    }
    length += 4;
    if (offset === 0 || offset > out - history)
      throw malformed('lz4 match points outside the data');
    if (length > limit - out) throw overflow(target);
    if (offset >= length && length > 32)
      output.copyWithin(out, out - offset, out - offset + length);
    else for (let i = out; i < out + length; i++) output[i] = output[i - offset]!;
    out += length;
  }
}

function copyLiteral(from: Buffer, at: number, to: Buffer, out: number, length: number): void {
  if (length > 32) from.copy(to, out, at, at + length);
  else for (let i = 0; i < length; i++) to[out + i] = from[at + i]!;
}

/** The output buffer is only smaller than a block may be where the limit cut it. */
function overflow(target: BlockTarget): Error {
  if (target.limit >= target.outputBytesMax) return tooLarge('lz4', target.outputBytesMax);
  return malformed('lz4 block expands beyond its maximum');
}
