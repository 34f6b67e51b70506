/**
 * Streams of bits that are read from their end (RFC 8878 §4.1): the last byte's highest set bit
 * marks where they begin, and what was written last is read first.
 *
 *   first byte … last byte: 0 0 1 x x x x x
 *                               │ └ read first
 *                               └ the mark
 *
 * Positions count bits from the beginning of the memory. Reading below a stream's first bit gives
 * whatever lies there: readers compare the position with the stream's start when they are done, or
 * before it could leave the memory in front (`PAD_BYTES`).
 *
 * The hot loops keep a position in a local variable and repeat the expression of `bitsAt`.
 */
import { malformed } from '../decompression-error.ts';

/** Readable bytes in front of and behind a stream: more than one step of any reader takes. */
export const PAD_BYTES = 16;

/** The position of the first bit to read, that is, just below the mark. */
export function openBits(bytes: Uint8Array, start: number, end: number): number {
  const last = end > start ? bytes[end - 1]! : 0;
  if (last === 0) throw malformed('zstd bit stream has no beginning');
  return end * 8 - 8 + (31 - Math.clz32(last));
}

/** The `count` bits from position `at` on, at most 25. */
export function bitsAt(view: DataView, at: number, count: number): number {
  return (view.getInt32(at >> 3, true) >>> (at & 7)) & ((1 << count) - 1);
}
