/**
 * The description of an FSE table (RFC 8878 §4.1.1): how often each symbol stands in it.
 *
 *   bits 0-3   accuracy log - 5
 *   then, per symbol, its count + 1 in as few bits as the cells that remain allow; a count of -1
 *   stands for a cell of the lowest probability. After a count of 0, two bits tell how many more
 *   symbols have none, and 3 says that two more bits follow.
 *
 * Bits are taken from the lowest of each byte on; the description ends with its last byte.
 */
import { malformed } from '../decompression-error.ts';

const ACCURACY_LOG_MIN = 5;

export interface Distribution {
  readonly accuracyLog: number;
  /** Cells by symbol, -1 for "less than one". */
  readonly counts: readonly number[];
}

/** Reads the description in `bytes` from `start` and returns it with the first byte after it. */
export function readDistribution(
  bytes: Uint8Array,
  start: number,
  end: number,
  max: { accuracyLog: number; symbolCount: number },
): { distribution: Distribution; end: number } {
  if (start >= end) throw malformed('zstd table description is cut off');
  const accuracyLog = (bytes[start]! & 15) + ACCURACY_LOG_MIN;
  if (accuracyLog > max.accuracyLog) throw malformed('zstd table is larger than it may be');
  const counts: number[] = [];
  const endBit = end * 8;
  let at = start * 8 + 4;
  let remaining = 1 << accuracyLog;
  while (remaining > 0) {
    // Values below `short` need one bit less than the largest value, remaining + 1, does.
    const bits = 32 - Math.clz32(remaining + 1);
    const half = 1 << (bits - 1);
    const short = (1 << bits) - 1 - (remaining + 1);
    const value = bitsAt(bytes, at, bits);
    const low = value & (half - 1);
    const isShort = low < short;
    at += isShort ? bits - 1 : bits;
    const count = (isShort ? low : value >= half ? value - short : value) - 1;
    counts.push(count);
    remaining -= Math.abs(count);
    for (let more = count === 0 ? 3 : 0; more === 3; ) {
      more = bitsAt(bytes, at, 2);
      at += 2;
      for (let i = 0; i < more; i++) counts.push(0);
      if (at > endBit) break;
    }
    if (at > endBit) throw malformed('zstd table description is cut off');
    if (counts.length > max.symbolCount || remaining < 0) {
      throw malformed('zstd table description does not add up');
    }
  }
  return { distribution: { accuracyLog, counts }, end: (at + 7) >>> 3 };
}

/** At most 10 bits. What lies beyond the bytes reads as 0; the caller checks where it got to. */
function bitsAt(bytes: Uint8Array, at: number, count: number): number {
  const i = at >>> 3;
  const word = (bytes[i] ?? 0) | ((bytes[i + 1] ?? 0) << 8) | ((bytes[i + 2] ?? 0) << 16);
  return (word >>> (at & 7)) & ((1 << count) - 1);
}
