/**
 * The FSE table for one kind of code in sequences, joined with what its codes stand for, so that one
 * step of the decoder is two loads:
 *
 *   cells[state]      next state << 9 │ bits that renew the state << 5 │ extra bits of the code
 *   baselines[state]  of the code
 *
 * A block says how each of its three tables is made: the predefined one, a single code for ever, a
 * table written out, or the one before.
 */
import { malformed } from '../decompression-error.ts';
import { readDistribution } from './fse-distribution.ts';
import { CELL_BITS_MASK, CELL_NEXT_SHIFT, FSE_CELLS_MAX, FseTable } from './fse-table.ts';
import type { Codes } from './sequence-codes.ts';

export const EXTRA_BITS_MASK = 31;
export const RENEW_BITS_SHIFT = 5;
export const RENEW_BITS_MASK = 15;
export const NEXT_STATE_SHIFT = 9;

const MODE = { predefined: 0, runLength: 1, written: 2 } as const;

/** One table's memory. */
class JoinedTable {
  accuracyLog = 0;
  readonly cells: Int32Array = new Int32Array(FSE_CELLS_MAX);
  readonly baselines: Int32Array = new Int32Array(FSE_CELLS_MAX);

  join(fse: FseTable, codes: Codes): void {
    this.accuracyLog = fse.accuracyLog;
    const size = 1 << fse.accuracyLog;
    const { cells, baselines } = this;
    for (let i = 0; i < size; i++) {
      const code = fse.symbols[i]!;
      const cell = fse.cells[i]!;
      cells[i] =
        ((cell >>> CELL_NEXT_SHIFT) << NEXT_STATE_SHIFT) |
        ((cell & CELL_BITS_MASK) << RENEW_BITS_SHIFT) |
        codes.extraBits[code]!;
      baselines[i] = codes.baselines[code]!;
    }
  }
}

/** What the decoder reads of a table. */
export type SequenceTable = Readonly<JoinedTable>;

/** The tables that one kind of code has from block to block. */
export class SequenceTables {
  readonly #codes: Codes;
  readonly #predefined = new JoinedTable();
  readonly #own = new JoinedTable();
  readonly #fse = new FseTable();
  #current: JoinedTable | undefined;

  constructor(codes: Codes) {
    this.#codes = codes;
    this.#fse.fill(codes.predefined);
    this.#predefined.join(this.#fse, codes);
  }

  /** Forgets the table, at the start of a frame. */
  clear(): void {
    this.#current = undefined;
  }

  get current(): SequenceTable {
    if (!this.#current) throw malformed('zstd block repeats a table that no block before it has');
    return this.#current;
  }

  /** Makes `current` what `mode` says, from the description at `start`; returns where it ends. */
  read(mode: number, bytes: Uint8Array, start: number, end: number): number {
    if (mode === MODE.predefined) this.#current = this.#predefined;
    else if (mode === MODE.runLength) return this.#readOne(bytes, start, end);
    else if (mode === MODE.written) return this.#readWritten(bytes, start, end);
    return start;
  }

  #readOne(bytes: Uint8Array, start: number, end: number): number {
    const code = start < end ? bytes[start]! : Number.POSITIVE_INFINITY;
    if (code >= this.#codes.baselines.length) throw malformed('zstd sequence code is unknown');
    this.#fse.fillWithOne(code);
    this.#useOwn();
    return start + 1;
  }

  #readWritten(bytes: Uint8Array, start: number, end: number): number {
    const { accuracyLogMax, baselines } = this.#codes;
    const max = { accuracyLog: accuracyLogMax, symbolCount: baselines.length };
    const read = readDistribution(bytes, start, end, max);
    this.#fse.fill(read.distribution);
    this.#useOwn();
    return read.end;
  }

  #useOwn(): void {
    this.#own.join(this.#fse, this.#codes);
    this.#current = this.#own;
  }
}
