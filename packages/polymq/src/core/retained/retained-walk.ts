/**
 * One reader's way through retained messages: rows in the order in which they lie in the journal, so that what is on disk is read
 * once and from front to back. All walks together take about a millisecond of a turn of the event loop.
 *
 *   add(row)… ─► start ──┬─ a few are shown at once ─► done
 *                        └─► WalkTurns ─► step: some are shown ─┬─► done
 *                               ▲                               ├─► once more
 *                               └──── loaded, reader has room ◄─┴─► waits
 */
import type { Clock, Timers } from '../../lib/environment/clock.ts';
import { Fifo } from '../../lib/fifo.ts';
import type { MessageView } from '../message/message-bytes.ts';
import type { MessageStore } from '../queue/message-store.ts';
import { RowList } from '../queue/store/row-list.ts';

/** What all walks take of one turn, and how many messages one of them shows before it is the next one's turn. */
const TURN_MS = 1;
const STEP_MESSAGES = 32;
/** More are not put in order in the turn in which they were found. */
const AT_ONCE_MAX = 4096;

export interface WalkContext {
  store: MessageStore;
  clock: Clock;
  turns: WalkTurns;
  /** Whether the row is a retained message still, with a `seq` below that. */
  isHere(row: number, seqEnd: number): boolean;
  drop(row: number): void;
}

export type RetainedVisitor = (view: MessageView, expiresMs: number) => boolean | Promise<boolean>;

/** Whether a walk goes on: no, at once, or when the promise says so. */
type Outcome = boolean | Promise<boolean>;

export class RetainedWalk {
  readonly #context: WalkContext;
  readonly #visit: RetainedVisitor;
  readonly #seqEnd: number;
  #found = new RowList();
  #rows: Int32Array | undefined;
  #at = 0;
  #resolve: () => void = () => undefined;
  #reject: (error: unknown) => void = () => undefined;

  constructor(context: WalkContext, visit: RetainedVisitor, seqEnd: number) {
    this.#context = context;
    this.#visit = visit;
    this.#seqEnd = seqEnd;
  }

  /** Rows that were found. */
  get length(): number {
    return this.#rows?.length ?? this.#found.length;
  }

  add(row: number): void {
    this.#found.push(row);
  }

  /** Shows the first ones. Undefined if these are all; else resolves when all were shown, rejects if some cannot be read. */
  start(): Promise<void> | undefined {
    const outcome = this.#found.length > AT_ONCE_MAX || this.#show();
    if (outcome === false) return undefined;
    return new Promise<void>((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
      this.#goOn(outcome);
    });
  }

  /** Its turn has come. */
  step(): void {
    try {
      this.#goOn(this.#show());
    } catch (error: unknown) {
      this.#reject(error);
    }
  }

  #goOn(outcome: Outcome): void {
    if (outcome === false) this.#resolve();
    else if (outcome === true) this.#context.turns.add(this);
    else outcome.then((more) => this.#goOn(more), this.#reject);
  }

  /** Shows some. */
  #show(): Outcome {
    this.#rows ??= this.#inOrder();
    const end = Math.min(this.#rows.length, this.#at + STEP_MESSAGES);
    while (this.#at < end) {
      const outcome = this.#showRow(this.#rows[this.#at]!);
      if (outcome !== true) return outcome;
    }
    return this.#at < this.#rows.length;
  }

  #showRow(row: number): Outcome {
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
    this.#found = NONE_FOUND;
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
    offsets.subarray(0, count).sort();
    const ordered = new Int32Array(count);
    for (let at = 0; at < count; at++) ordered[at] = rows[offsets[at]! % count]!;
    return ordered;
  }
}

const NONE_FOUND = new RowList();

/** Lets walks go on one after the other. */
export class WalkTurns {
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #waiting = new Fifo<RetainedWalk>();
  #scheduled = false;

  constructor(clock: Clock, timers: Timers) {
    this.#clock = clock;
    this.#timers = timers;
  }

  add(walk: RetainedWalk): void {
    this.#waiting.push(walk);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#timers.immediate(() => {
      this.#run();
      this.#scheduled = false;
      if (this.#waiting.length > 0) this.#schedule();
    });
  }

  #run(): void {
    const endMs = this.#clock.monotonicMs() + TURN_MS;
    do {
      const walk = this.#waiting.take();
      if (walk === undefined) return;
      walk.step();
    } while (this.#clock.monotonicMs() < endMs);
  }
}
