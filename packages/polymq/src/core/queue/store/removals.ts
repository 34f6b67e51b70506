/**
 * Removals of one turn, gathered by queue, so that a thousand acknowledgements in order are one entry of 20 bytes.
 *
 * A queue has the slot `id % 64`. A slot holds the run of seqs that is growing and, encoded, those before it. A second
 * queue that wants the same slot pushes the first one out into an entry of its own: a removal may be written at
 * any time after the message, since a row never comes back.
 */
import { ENTRY_KIND, REMOVED_HEAD_BYTES, writeUint32, writeUint48 } from './journal-entry.ts';
import { VARINT_BYTES_MAX, writeSigned, writeVarint } from './varint.ts';

const SLOTS = 64;
const SLOT_BYTES = 1024;
const RUN_BYTES_MAX = 2 * VARINT_BYTES_MAX;
const NO_QUEUE = -1;

/** Where entries go. */
export interface EntryTarget {
  readonly buffer: Buffer;
  /** Room for an entry of `bytes`; returns where it begins in `buffer`. */
  reserve(bytes: number): number;
  /** The entry ends at `end`. Returns its offset. */
  finish(end: number): number;
}

export class Removals {
  readonly #target: EntryTarget;
  readonly #queue: Float64Array = new Float64Array(SLOTS).fill(NO_QUEUE);
  /** The run that is growing: `[start, next)`. */
  readonly #start: Float64Array = new Float64Array(SLOTS);
  readonly #next: Float64Array = new Float64Array(SLOTS);
  readonly #first: Float64Array = new Float64Array(SLOTS);
  /** The end of the run encoded last. */
  readonly #previous: Float64Array = new Float64Array(SLOTS);
  readonly #bytes: Int32Array = new Int32Array(SLOTS);
  readonly #runs: Buffer = Buffer.alloc(SLOTS * SLOT_BYTES);
  readonly #used: number[] = [];

  constructor(target: EntryTarget) {
    this.#target = target;
  }

  /** Entries that `flush` will write. */
  get entryCount(): number {
    return this.#used.length;
  }

  add(queue: number, seq: number): void {
    const slot = queue & (SLOTS - 1);
    if (this.#queue[slot] === queue) {
      if (this.#next[slot] === seq) this.#next[slot] = seq + 1;
      else this.#nextRun(slot, seq);
      return;
    }
    if (this.#queue[slot] === NO_QUEUE) this.#used.push(slot);
    else this.#write(slot);
    this.#begin(slot, queue, seq);
  }

  /** Writes all that was gathered. */
  flush(): void {
    for (const slot of this.#used) {
      this.#write(slot);
      this.#queue[slot] = NO_QUEUE;
    }
    this.#used.length = 0;
  }

  #begin(slot: number, queue: number, seq: number): void {
    this.#queue[slot] = queue;
    this.#first[slot] = seq;
    this.#previous[slot] = seq;
    this.#start[slot] = seq;
    this.#next[slot] = seq + 1;
    this.#bytes[slot] = 0;
  }

  #nextRun(slot: number, seq: number): void {
    if (this.#bytes[slot]! + 2 * RUN_BYTES_MAX > SLOT_BYTES) {
      const queue = this.#queue[slot]!;
      this.#write(slot);
      this.#begin(slot, queue, seq);
      return;
    }
    this.#endRun(slot);
    this.#start[slot] = seq;
    this.#next[slot] = seq + 1;
  }

  #endRun(slot: number): void {
    const start = this.#start[slot]!;
    const next = this.#next[slot]!;
    const from = slot * SLOT_BYTES;
    let at = from + this.#bytes[slot]!;
    at = writeSigned(this.#runs, start - this.#previous[slot]!, at);
    at = writeVarint(this.#runs, next - start, at);
    this.#bytes[slot] = at - from;
    this.#previous[slot] = next;
  }

  #write(slot: number): void {
    this.#endRun(slot);
    const runBytes = this.#bytes[slot]!;
    const bytes = REMOVED_HEAD_BYTES + runBytes;
    const at = this.#target.reserve(bytes);
    const { buffer } = this.#target;
    writeUint32(buffer, bytes - 4, at);
    buffer[at + 4] = ENTRY_KIND.removed;
    buffer[at + 5] = 0;
    writeUint32(buffer, this.#queue[slot]!, at + 6);
    writeUint48(buffer, this.#first[slot]!, at + 10);
    const from = slot * SLOT_BYTES;
    this.#runs.copy(buffer, at + REMOVED_HEAD_BYTES, from, from + runBytes);
    this.#target.finish(at + bytes);
  }
}
