/**
 * Zstandard (RFC 8878), decoding only: by `node:zlib` where the runtime has it (Node 22.15 and
 * later), otherwise by the decoder in `zstd/`. The frame and block headers are walked first, which
 * gives the claimed size, an upper bound of the true size, and the window that a decoder would
 * allocate.
 */
import * as zlib from 'node:zlib';
import { DecompressionError, malformed, tooLarge } from './decompression-error.ts';
import { decodeFrames } from './zstd/decode-frames.ts';
import { type FrameTotals, nextFrame, totalFrames } from './zstd/frame.ts';

/**
 * RFC 8878 §3.1.1.1.2 asks decoders to support 8 MiB; what a peer may make us allocate ends there.
 */
const WINDOW_BYTES_MAX = 8 * 1024 * 1024;
/** The native decoder is set up anew for each frame, which a flood of empty frames would exploit. */
const NATIVE_FRAMES_MAX = 16;

type ZstdSync = (input: Uint8Array, options: { maxOutputLength: number }) => Buffer;
const native = (zlib as unknown as { zstdDecompressSync?: ZstdSync }).zstdDecompressSync;

/** Expands zstd frames to at most `outputBytesMax` bytes. */
export function zstdDecompress(input: Buffer, outputBytesMax: number): Buffer {
  const totals = checkedTotals(input, outputBytesMax);
  if (!native || totals.count > NATIVE_FRAMES_MAX) {
    return decodeFrames(input, totals, outputBytesMax);
  }
  const output = inflateNative(input, outputBytesMax);
  if (totals.declared !== undefined && output.length !== totals.declared) {
    throw malformed('zstd frame does not have the size it claims');
  }
  return output;
}

/** The same without the runtime's decoder: for tests on runtimes that have one. */
export function zstdDecompressPortable(input: Buffer, outputBytesMax: number): Buffer {
  return decodeFrames(input, checkedTotals(input, outputBytesMax), outputBytesMax);
}

/** The size that the frames claim, or the most that their blocks can expand to. */
export function zstdDeclaredSize(input: Buffer): number {
  const { declared, bound } = totalFrames(input);
  return Math.min(bound, declared ?? bound);
}

function checkedTotals(input: Buffer, outputBytesMax: number): FrameTotals {
  const totals = totalFrames(input);
  const atLeast = totals.declared ?? 0;
  if (atLeast > outputBytesMax || totals.windowBytes > WINDOW_BYTES_MAX) {
    throw tooLarge('zstd', outputBytesMax);
  }
  if (atLeast > totals.bound) throw malformed('zstd frame claims more than its blocks can hold');
  return totals;
}

function inflateNative(input: Buffer, outputBytesMax: number): Buffer {
  try {
    let room = outputBytesMax;
    const parts: Buffer[] = [];
    // The native decoder stops after the first frame.
    for (let frame = nextFrame(input, 0); frame; frame = nextFrame(input, frame.end)) {
      const options = { maxOutputLength: Math.max(1, room) };
      const part = native!(input.subarray(frame.start, frame.end), options);
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
