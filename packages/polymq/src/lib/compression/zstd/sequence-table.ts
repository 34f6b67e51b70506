import { malformed } from '../decompression-error.ts';
import { readDistribution } from './fse-distribution.ts';
import { FSE_CELLS_MAX, FseTable } from './fse-table.ts';
import type { Codes } from './sequence-codes.ts';

/** How a block says what a table is; the fourth mode is the table of the block before. */
const MODE = { predefined: 0, runLength: 1, written: 2 } as const;

/** The tables that one kind of code has from block to block. */
export class SequenceTables {
  readonly #codes: Codes;
  readonly #predefined: FseTable;
  readonly #own: FseTable;
  #current: FseTable | undefined;

  constructor(codes: Codes) {
    this.#codes = codes;
    this.#predefined = new FseTable(FSE_CELLS_MAX, codes.extraBits);
    this.#predefined.fill(codes.predefined);
    this.#own = new FseTable(FSE_CELLS_MAX, codes.extraBits);
  }

  /** Forgets the table, at the start of a frame. */
  clear(): void {
    this.#current = undefined;
  }

  /** What the codes stand for, before their extra bits are added. */
  get baselines(): Int32Array {
    return this.#codes.baselines;
  }

  get current(): FseTable {
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
    this.#own.fillWithOne(code);
    this.#current = this.#own;
    return start + 1;
  }

  #readWritten(bytes: Uint8Array, start: number, end: number): number {
    const { accuracyLogMax, baselines } = this.#codes;
    const max = { accuracyLog: accuracyLogMax, symbolCount: baselines.length };
    const read = readDistribution(bytes, start, end, max);
    this.#own.fill(read.distribution);
    this.#current = this.#own;
    return read.end;
  }
}
