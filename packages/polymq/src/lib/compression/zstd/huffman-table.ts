/**
 * The Huffman table of literals (RFC 8878 §4.2.1). It is described by a weight per symbol: 0 for one
 * that does not occur, otherwise a code of `maxBits + 1 - weight` bits. The last weight is not
 * written, since it must complete the sum of 2^(weight-1) to a power of two.
 *
 *   first byte ≥ 128   first byte - 127 weights follow, four bits each, the upper half first
 *   first byte < 128   so many bytes follow: an FSE table, then the weights by two states in turn
 *
 * A cell is found by the next `maxBits` bits and holds `symbol << 4 | bits of its code`. Codes are
 * given out in order of weight, then symbol, so every weight fills one run of cells.
 */
import { malformed } from '../decompression-error.ts';
import { bitsAt, openBits } from './bit-reader.ts';
import { readDistribution } from './fse-distribution.ts';
import { FseTable, NEXT_STATE_SHIFT, RENEW_BITS_MASK, RENEW_BITS_SHIFT } from './fse-table.ts';

export const CODE_BITS_MAX = 11;
const WEIGHTS_MAX = 255;
const WEIGHT_TABLE = { accuracyLog: 6, symbolCount: 256 };

export class HuffmanTable {
  /** 0 until a table was read. */
  maxBits = 0;
  readonly cells: Uint16Array = new Uint16Array(1 << CODE_BITS_MAX);
  readonly #weights = new Uint8Array(WEIGHTS_MAX + 1);
  readonly #fse = new FseTable(1 << WEIGHT_TABLE.accuracyLog);

  /** Forgets the table, at the start of a frame. */
  clear(): void {
    this.maxBits = 0;
  }

  /** Reads the description at `start` and returns where it ends. */
  read(bytes: Uint8Array, view: DataView, start: number, end: number): number {
    if (start >= end) throw malformed('zstd Huffman table is cut off');
    this.maxBits = 0;
    const first = bytes[start]!;
    const dataStart = start + 1;
    const dataEnd = dataStart + (first < 128 ? first : (first - 126) >>> 1);
    if (dataEnd > end) throw malformed('zstd Huffman table is cut off');
    let count = first - 127;
    if (first < 128) count = this.#readCompressed(bytes, view, dataStart, dataEnd);
    else {
      for (let i = 0; i < count; i++) {
        this.#weights[i] = (bytes[dataStart + (i >>> 1)]! >>> (i & 1 ? 0 : 4)) & 15;
      }
    }
    this.#build(count);
    return dataEnd;
  }

  #readCompressed(bytes: Uint8Array, view: DataView, start: number, end: number): number {
    const { distribution, end: tableEnd } = readDistribution(bytes, start, end, WEIGHT_TABLE);
    const fse = this.#fse;
    fse.fill(distribution);
    const log = fse.accuracyLog;
    let at = openBits(bytes, tableEnd, end) - 2 * log;
    const startBit = tableEnd * 8;
    if (at < startBit) throw malformed('zstd Huffman weights are cut off');
    let state = bitsAt(view, at + log, log);
    let other = bitsAt(view, at, log);
    let count = 0;
    for (;;) {
      if (count + 2 > WEIGHTS_MAX) throw malformed('zstd Huffman table has too many weights');
      this.#weights[count++] = fse.symbols[state]!;
      const cell = fse.cells[state]!;
      const renew = (cell >>> RENEW_BITS_SHIFT) & RENEW_BITS_MASK;
      at -= renew;
      // The stream ends where a state cannot be renewed any more: the other one is the last.
      if (at < startBit) break;
      state = (cell >>> NEXT_STATE_SHIFT) + bitsAt(view, at, renew);
      [state, other] = [other, state];
    }
    this.#weights[count++] = fse.symbols[other]!;
    return count;
  }

  #build(count: number): void {
    const weights = this.#weights;
    // How many cells each weight takes, and the sum of all.
    const cellCounts = new Array<number>(CODE_BITS_MAX + 2).fill(0);
    let sum = 0;
    for (let i = 0; i < count; i++) {
      const weight = weights[i]!;
      if (weight > CODE_BITS_MAX) throw malformed('zstd Huffman weight is too large');
      const cells = (1 << weight) >>> 1;
      cellCounts[weight]! += cells;
      sum += cells;
    }
    const maxBits = 32 - Math.clz32(sum);
    const left = (1 << maxBits) - sum;
    if (sum === 0 || maxBits > CODE_BITS_MAX || (left & (left - 1)) !== 0) {
      throw malformed('zstd Huffman weights do not add up');
    }
    const lastWeight = 32 - Math.clz32(left);
    weights[count] = lastWeight;
    cellCounts[lastWeight]! += left;
    // Of a complete tree, the longest codes come in pairs.
    if (cellCounts[1]! < 2) throw malformed('zstd Huffman codes are longer than they need be');
    this.#fillCells(count + 1, cellCounts, maxBits);
    this.maxBits = maxBits;
  }

  #fillCells(symbolCount: number, cellCounts: readonly number[], maxBits: number): void {
    const starts = [0, 0];
    for (let weight = 1; weight <= maxBits; weight++) {
      starts.push(starts[weight]! + cellCounts[weight]!);
    }
    for (let symbol = 0; symbol < symbolCount; symbol++) {
      const weight = this.#weights[symbol]!;
      if (weight === 0) continue;
      const start = starts[weight]!;
      const end = start + (1 << (weight - 1));
      this.cells.fill((symbol << 4) | (maxBits + 1 - weight), start, end);
      starts[weight] = end;
    }
  }
}
