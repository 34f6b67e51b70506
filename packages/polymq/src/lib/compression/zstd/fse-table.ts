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

/**
 * A cell in one number, so that one load tells what to read:
 *
 *   next state << 9 │ bits that renew the state << 5 │ extra bits of the symbol
 */
export const EXTRA_BITS_MASK = 31;
export const RENEW_BITS_SHIFT = 5;
export const RENEW_BITS_MASK = 15;
export const NEXT_STATE_SHIFT = 9;

/** Memory for one table, which is filled again and again. */
export class FseTable {
  accuracyLog = 0;
  readonly symbols: Uint8Array;
  readonly cells: Int32Array;
  readonly #extraBits: Uint8Array;
  readonly #states = new Int32Array(SYMBOLS_MAX);

  /** `extraBits` by symbol; without it symbols have none. */
  constructor(cellCount: number, extraBits: Uint8Array = new Uint8Array(SYMBOLS_MAX)) {
    this.symbols = new Uint8Array(cellCount);
    this.cells = new Int32Array(cellCount);
    this.#extraBits = extraBits;
  }

  /** `counts` must fill the 2^accuracyLog cells exactly. */
  fill({ accuracyLog, counts }: Distribution): void {
    const size = 1 << accuracyLog;
    this.accuracyLog = accuracyLog;
    this.#placeSymbols(counts, size);
    const { symbols, cells } = this;
    const extraBits = this.#extraBits;
    const states = this.#states;
    for (let i = 0; i < size; i++) {
      const symbol = symbols[i]!;
      const state = states[symbol]!;
      states[symbol] = state + 1;
      const bits = accuracyLog - 31 + Math.clz32(state);
      const next = (state << bits) - size;
      cells[i] = (next << NEXT_STATE_SHIFT) | (bits << RENEW_BITS_SHIFT) | extraBits[symbol]!;
    }
  }

  /** One symbol for ever, without reading a bit to renew the state. */
  fillWithOne(symbol: number): void {
    this.accuracyLog = 0;
    this.symbols[0] = symbol;
    this.cells[0] = this.#extraBits[symbol]!;
  }

  #placeSymbols(counts: readonly number[], size: number): void {
    const { symbols } = this;
    const states = this.#states;
    let high = size;
    for (let symbol = 0; symbol < counts.length; symbol++) {
      const count = counts[symbol]!;
      states[symbol] = Math.abs(count);
      if (count === -1) symbols[--high] = symbol;
    }
    const step = (size >>> 1) + (size >>> 3) + 3;
    const mask = size - 1;
    let at = 0;
    for (let symbol = 0; symbol < counts.length; symbol++) {
      for (let left = counts[symbol]!; left > 0; left--) {
        symbols[at] = symbol;
        do at = (at + step) & mask;
        while (at >= high);
      }
    }
  }
}
