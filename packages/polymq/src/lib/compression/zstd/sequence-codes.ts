/**
 * What the codes of sequences stand for (RFC 8878 §3.1.1.3.2.1): a baseline to which so many extra
 * bits are added; and the distributions that a block may use without writing them (§3.1.1.3.2.2).
 * The baselines follow one another without a gap, so only the bits are listed.
 */
import type { Distribution } from './fse-distribution.ts';

export interface Codes {
  /** The last one of offsets is beyond 31 bits, and refused before it is used. */
  readonly baselines: Int32Array;
  readonly extraBits: Uint8Array;
  readonly accuracyLogMax: number;
  readonly predefined: Distribution;
}

function codes(
  smallest: number,
  extraBits: readonly number[],
  accuracyLogMax: number,
  predefined: Distribution,
): Codes {
  const baselines = new Int32Array(extraBits.length);
  let baseline = smallest;
  extraBits.forEach((bits, code) => {
    baselines[code] = baseline;
    baseline += 2 ** bits;
  });
  return { baselines, extraBits: Uint8Array.from(extraBits), accuracyLogMax, predefined };
}

function times(count: number, value: number): number[] {
  return new Array<number>(count).fill(value);
}

const LITERAL_LENGTH_BITS = [
  ...times(16, 0),
  ...[1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16],
];
const MATCH_LENGTH_BITS = [
  ...times(32, 0),
  ...[1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16],
];
const OFFSET_BITS = Array.from({ length: 32 }, (_, code) => code);

export const LITERAL_LENGTH_CODES: Codes = codes(0, LITERAL_LENGTH_BITS, 9, {
  accuracyLog: 6,
  counts: [4, 3, ...times(11, 2), 1, 1, 1, ...times(9, 2), 3, 2, ...times(5, 1), ...times(4, -1)],
});

export const MATCH_LENGTH_CODES: Codes = codes(3, MATCH_LENGTH_BITS, 9, {
  accuracyLog: 6,
  counts: [1, 4, 3, ...times(6, 2), ...times(37, 1), ...times(7, -1)],
});

export const OFFSET_CODES: Codes = codes(1, OFFSET_BITS, 8, {
  accuracyLog: 5,
  counts: [...times(6, 1), 2, 2, 2, ...times(15, 1), ...times(5, -1)],
});
