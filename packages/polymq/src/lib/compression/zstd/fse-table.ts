/**
 * FSE decoding tables (RFC 8878 §4.1.1). A decoder in state s emits the symbol of cell s and goes on
 * to the state `next + n`, where n is the cell's number of bits read from the stream.
 *
 * Symbols of probability "less than one" take the last cells; the others are strewn over the rest
 * in a fixed step, which is odd and therefore visits every cell once.
 */
import type { Distribution } from './fse-distribution.ts';

/** 2 to the largest accuracy log of any table, that of literal and match lengths. */
export const FSE_CELLS_MAX = 512;
const SYMBOLS_MAX = 256;

/** A cell's next state and number of bits, as `next << 4 | bits`. */
export const CELL_BITS_MASK = 15;
export const CELL_NEXT_SHIFT = 4;

/** Memory for one table, which is filled again and again. */
export class FseTable {
  accuracyLog = 0;
  readonly symbols: Uint8Array;
  readonly cells: Uint16Array;
  readonly #states = new Uint16Array(SYMBOLS_MAX);

  constructor(cellCount: number = FSE_CELLS_MAX) {
    this.symbols = new Uint8Array(cellCount);
    this.cells = new Uint16Array(cellCount);
  }

  /** `counts` must fill the 2^accuracyLog cells exactly. */
  fill({ accuracyLog, counts }: Distribution): void {
    const size = 1 << accuracyLog;
    this.accuracyLog = accuracyLog;
    this.#placeSymbols(counts, size);
    const { symbols, cells } = this;
    const states = this.#states;
    for (let i = 0; i < size; i++) {
      const state = states[symbols[i]!]!++;
      const bits = accuracyLog - (31 - Math.clz32(state));
      cells[i] = (((state << bits) - size) << CELL_NEXT_SHIFT) | bits;
    }
  }

  /** One symbol for ever, without reading a bit. */
  fillWithOne(symbol: number): void {
    this.accuracyLog = 0;
    this.symbols[0] = symbol;
    this.cells[0] = 0;
  }

  #placeSymbols(counts: readonly number[], size: number): void {
    const { symbols } = this;
    let high = size;
    counts.forEach((count, symbol) => {
      this.#states[symbol] = Math.abs(count);
      if (count === -1) symbols[--high] = symbol;
    });
    const step = (size >>> 1) + (size >>> 3) + 3;
    let at = 0;
    counts.forEach((count, symbol) => {
      for (let i = 0; i < count; i++) {
        symbols[at] = symbol;
        do at = (at + step) & (size - 1);
        while (at >= high);
      }
    });
  }
}
