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
  #rows: Int32Array = new Int32Array(0);
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
    return this.#rows.length - this.#at;
  }

  add(row: number): void {
    this.#found.push(row);
  }

  /** Shows what can be shown at once; whether there is more, for `goOn`. */
  start(): boolean {
    this.#rows = inOrder(this.#found, this.#context.store);
    return this.#slice();
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
    const endMs = clock.monotonicMs() + SLICE_MS;
    while (this.#at < this.#rows.length) {
      const row = this.#rows[this.#at]!;
      const shown = this.#show(row);
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
}

function inOrder(found: RowList, store: MessageStore): Int32Array {
  const { length } = found;
  const rows = new Int32Array(length);
  let least = Number.POSITIVE_INFINITY;
  let most = Number.NEGATIVE_INFINITY;
  const offsets = new Float64Array(length);
  for (let at = 0; at < length; at++) {
    const row = found.get(at);
    rows[at] = row;
    const offset = store.rows.page(row).offset[store.rows.index(row)]!;
    offsets[at] = offset;
    if (offset < least) least = offset;
    if (offset > most) most = offset;
  }
  // Sorting numbers is quick, and a number has room for both: place in the journal and in the list.
  if ((most - least + 1) * length > Number.MAX_SAFE_INTEGER) return rows;
  for (let at = 0; at < length; at++) offsets[at] = (offsets[at]! - least) * length + at;
  offsets.sort();
  return rows.map((_, at) => found.get(offsets[at]! % length));
}
