/**
 * Literals in Huffman code (RFC 8878 §4.2.2): one bit stream, or four that each hold a quarter.
 *
 *   four:  bytes of stream 1, 2, 3 as u16 each │ stream 1 │ stream 2 │ stream 3 │ stream 4
 *
 * Four streams are read in turn: their codes do not wait for one another. Every code has at least
 * one bit, and no stream is read more than one step below its start.
 */
import { malformed } from '../decompression-error.ts';
import { openBits } from './bit-reader.ts';
import { CODE_BITS_MAX, type HuffmanTable } from './huffman-table.ts';

const JUMP_TABLE_BYTES = 6;
/** Fewer literals cannot be dealt out to four streams. */
const FOUR_STREAMS_LITERALS_MIN = 6;
/** Two codes fit into the 25 bits that one load gives wherever it starts. */
const PEEK_BITS = 2 * CODE_BITS_MAX;

export interface HuffmanSource {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly start: number;
  readonly end: number;
}

/** Fills `output` from 0 to `length` from one stream. */
export function readOneStream(
  source: HuffmanSource,
  table: HuffmanTable,
  output: Uint8Array,
  length: number,
): void {
  const { bytes, view, start, end } = source;
  finishStream(view, table, { at: openBits(bytes, start, end), start }, output, 0, length);
}

/** Fills `output` from 0 to `length` from four streams. */
export function readFourStreams(
  source: HuffmanSource,
  table: HuffmanTable,
  output: Uint8Array,
  length: number,
): void {
  const { bytes, view, start, end } = source;
  const start1 = start + JUMP_TABLE_BYTES;
  if (length < FOUR_STREAMS_LITERALS_MIN || start1 > end) {
    throw malformed('zstd literals cannot be in four streams');
  }
  const start2 = start1 + view.getUint16(start, true);
  const start3 = start2 + view.getUint16(start + 2, true);
  const start4 = start3 + view.getUint16(start + 4, true);
  if (start4 > end) throw malformed('zstd literals are cut off');
  const quarter = (length + 3) >>> 2;
  const { cells, maxBits } = table;
  const mask = (1 << maxBits) - 1;
  const shift = PEEK_BITS - maxBits;
  let at1 = openBits(bytes, start1, start2);
  let at2 = openBits(bytes, start2, start3);
  let at3 = openBits(bytes, start3, start4);
  let at4 = openBits(bytes, start4, end);
  // The last quarter may be up to three shorter; what it lacks is left to the single reader.
  const pairsEnd = (length - 3 * quarter) & ~1;
  let i = 0;
  while (i < pairsEnd) {
    const from1 = at1 - PEEK_BITS;
    const from2 = at2 - PEEK_BITS;
    const from3 = at3 - PEEK_BITS;
    const from4 = at4 - PEEK_BITS;
    const word1 = view.getInt32(from1 >> 3, true) >>> (from1 & 7);
    const word2 = view.getInt32(from2 >> 3, true) >>> (from2 & 7);
    const word3 = view.getInt32(from3 >> 3, true) >>> (from3 & 7);
    const word4 = view.getInt32(from4 >> 3, true) >>> (from4 & 7);
    const first1 = cells[(word1 >>> shift) & mask]!;
    const first2 = cells[(word2 >>> shift) & mask]!;
    const first3 = cells[(word3 >>> shift) & mask]!;
    const first4 = cells[(word4 >>> shift) & mask]!;
    const second1 = cells[(word1 >>> (shift - (first1 & 15))) & mask]!;
    const second2 = cells[(word2 >>> (shift - (first2 & 15))) & mask]!;
    const second3 = cells[(word3 >>> (shift - (first3 & 15))) & mask]!;
    const second4 = cells[(word4 >>> (shift - (first4 & 15))) & mask]!;
    output[i] = first1 >>> 4;
    output[i + quarter] = first2 >>> 4;
    output[i + 2 * quarter] = first3 >>> 4;
    output[i + 3 * quarter] = first4 >>> 4;
    output[i + 1] = second1 >>> 4;
    output[i + 1 + quarter] = second2 >>> 4;
    output[i + 1 + 2 * quarter] = second3 >>> 4;
    output[i + 1 + 3 * quarter] = second4 >>> 4;
    at1 -= (first1 & 15) + (second1 & 15);
    at2 -= (first2 & 15) + (second2 & 15);
    at3 -= (first3 & 15) + (second3 & 15);
    at4 -= (first4 & 15) + (second4 & 15);
    i += 2;
    if (at1 < start1 * 8 || at2 < start2 * 8 || at3 < start3 * 8 || at4 < start4 * 8) break;
  }
  finishStream(view, table, { at: at1, start: start1 }, output, i, quarter);
  finishStream(view, table, { at: at2, start: start2 }, output, quarter + i, 2 * quarter);
  finishStream(view, table, { at: at3, start: start3 }, output, 2 * quarter + i, 3 * quarter);
  finishStream(view, table, { at: at4, start: start4 }, output, 3 * quarter + i, length);
}

/** Decodes one stream's symbols for `[from, to)`, with which the stream must end. */
function finishStream(
  view: DataView,
  { cells, maxBits }: HuffmanTable,
  stream: { at: number; start: number },
  output: Uint8Array,
  from: number,
  to: number,
): void {
  const startBit = stream.start * 8;
  const mask = (1 << maxBits) - 1;
  let { at } = stream;
  for (let i = from; i < to && at >= startBit; i++) {
    const low = at - maxBits;
    const cell = cells[(view.getInt32(low >> 3, true) >>> (low & 7)) & mask]!;
    output[i] = cell >>> 4;
    at -= cell & 15;
  }
  if (at !== startBit) throw malformed('zstd literals do not end where their stream does');
}
