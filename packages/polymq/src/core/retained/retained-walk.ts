/**
 * One reader's way through retained messages: rows in the order in which they lie in the journal, so that what is on disk is read
 * once and from front to back, in slices between which everything else goes on.
 *
 *   add(row)… ─► start: a slice at once ─► goOn: load what is in no memory, wait for the reader, next slice …
 */
import type { Clock, Timers } from '../../lib/environment/clock.ts';
import type { MessageView } from '../message/message-bytes.ts';
import type { MessageStore } from '../queue/message-store.ts';
import { RowList } from '../queue/store/row-list.ts';

/** What is shown in one turn of the event loop: so much time, looked at after so many messages. */
const SLICE_MS = 1;
const MESSAGES_PER_LOOK = 16;
/** More are not put in order in the turn in which they were found. */
const AT_ONCE_MAX = 4096;

export interface WalkContext {
  store: MessageStore;
  clock: Clock;
  timers: Timers;
  /** Whether the row is a retained message still, with a `seq` below that. */
  isHere(row: number, seqEnd: number): boolean;
  drop(row: number): void;
}

export type RetainedVisitor = (view: MessageView, expiresMs: number) => boolean | Promise<boolean>;

export class RetainedWalk {
  readonly #context: WalkContext;
  readonly #visit: RetainedVisitor;
  readonly #seqEnd: number;
  readonly #found = new RowList();
  #rows: Int32Array | undefined;
  #at = 0;
  /** What the next step waits for, if it is not the next turn. */
  #pending: Promise<boolean> | undefined;

  constructor(context: WalkContext, visit: RetainedVisitor, seqEnd: number) {
    this.#context = context;
    this.#visit = visit;
    this.#seqEnd = seqEnd;
  }

  /** Rows that were not shown yet. */
  get rest(): number {
    return this.#found.length - this.#at;
  }

  add(row: number): void {
    this.#found.push(row);
  }

  /** Shows what can be shown at once; whether there is more, for `goOn`. */
  start(): boolean {
    return this.#found.length > AT_ONCE_MAX || this.#slice();
  }

  /** Shows the rest. Rejects if messages cannot be read. */
  async goOn(): Promise<void> {
    const { timers } = this.#context;
    do {
      const pending = this.#pending;
      this.#pending = undefined;
      if (pending === undefined) await new Promise<void>((resolve) => timers.immediate(resolve));
      else if (!(await pending)) return;
    } while (this.#slice());
  }

  /** Whether there is more. */
  #slice(): boolean {
    const { clock } = this.#context;
    this.#rows ??= this.#inOrder();
    const endMs = clock.monotonicMs() + SLICE_MS;
    while (this.#at < this.#rows.length) {
      const shown = this.#show(this.#rows[this.#at]!);
      if (shown === false) return false;
      if (shown !== true) {
        this.#pending = shown;
        return true;
      }
      if (this.#at % MESSAGES_PER_LOOK === 0 && clock.monotonicMs() >= endMs) break;
    }
    return this.#at < this.#rows.length;
  }

  /** Whether the walk goes on; a promise if that takes time. */
  #show(row: number): boolean | Promise<boolean> {
    const { store, clock, isHere, drop } = this.#context;
    if (!isHere(row, this.#seqEnd)) {
      this.#at += 1;
      return true;
    }
    const expiresMs = store.rows.page(row).expiresMs[store.rows.index(row)]!;
    if (expiresMs !== 0 && expiresMs <= clock.nowMs()) {
      this.#at += 1;
      drop(row);
      return true;
    }
    if (!store.locate(row)) return this.#load(row);
    this.#at += 1;
    return this.#visit(store.view, expiresMs);
  }

  /** The row is looked at again when it is in memory. */
  async #load(row: number): Promise<boolean> {
    const { store, isHere, drop } = this.#context;
    await store.load(row);
    // A damaged range of the journal.
    if (isHere(row, this.#seqEnd) && !store.locate(row)) drop(row);
    return true;
  }

  /** The rows that are still there, by where they lie in the journal. */
  #inOrder(): Int32Array {
    const { store, isHere } = this.#context;
    const found = this.#found;
    const rows = new Int32Array(found.length);
    const offsets = new Float64Array(found.length);
    let count = 0;
    let least = Number.POSITIVE_INFINITY;
    let most = Number.NEGATIVE_INFINITY;
    for (let at = 0; at < found.length; at++) {
      const row = found.get(at);
      if (!isHere(row, this.#seqEnd)) continue;
      const offset = store.rows.page(row).offset[store.rows.index(row)]!;
      if (offset < least) least = offset;
      if (offset > most) most = offset;
      offsets[count] = offset;
      rows[count++] = row;
    }
    // Sorting numbers is quick, and a number has room for both: place in the journal and in the list.
    if ((most - least + 1) * count > Number.MAX_SAFE_INTEGER) return rows.subarray(0, count);
    for (let at = 0; at < count; at++) offsets[at] = (offsets[at]! - least) * count + at;
    return Int32Array.from(offsets.subarray(0, count).sort(), (place) => rows[place % count]!);
  }
}
