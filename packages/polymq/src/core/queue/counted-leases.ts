/**
 * What is remembered of counted leases: handing the message out is the attempt, and when the lease ends stands in the journal,
 * so that after a restart the message is still with who has it, and is not handed out more often than it may.
 *
 *   begin   attempts + 1, redelivered, counted ──► journal: end of the lease
 *   extend                                     ──► journal: new end
 *   end     no longer counted                      journal: nothing, if the time is over; the caller says, if it came back
 *
 * A row that is found with the flag is leased until that end, or was, if that is past. Of a local lease the end is never written:
 * its holder goes with the process, and so does the lease.
 *
 * A holder in this process that takes more than it works on has a lease that counts later, when the work begins:
 *
 *   taken ─┬─ begin   work begins at once              journal: attempts + 1
 *          └─ ahead   it waits its turn                journal: ahead
 *                └─ work begins                        journal: nothing, so that what goes well costs one entry
 *
 * When the process dies, nobody knows which of those that were handed out ahead were at work. None has lost an attempt, but all are
 * suspects from then on: of a suspect, and of what was handed out in vain before, nothing is written when it is taken, and `begin`
 * before the work on it. So whoever ends its process each time runs out of attempts, and those around it do not.
 */
import type { Clock } from '../../lib/environment/clock.ts';
import type { MessageStore } from './message-store.ts';
import { ROW_FLAG, type RowPage } from './rows.ts';
import type { SparseColumn } from './store/sparse-column.ts';

/** What the column holds. */
export const ATTEMPTS_MAX = 0xffff;

const AHEAD_HERE: number = ROW_FLAG.ahead | ROW_FLAG.local;

export interface CountedLeasesOptions {
  store: MessageStore;
  clock: Clock;
  /** When each row was first taken, for those that were; of all queues. */
  firstTaken: SparseColumn;
}

export class CountedLeases {
  readonly #store: MessageStore;
  readonly #clock: Clock;
  readonly #firstTaken: SparseColumn;
  /** Rows by `seq` that were leased before the restart. */
  #restored: Map<number, number> | undefined;

  constructor({ store, clock, firstTaken }: CountedLeasesOptions) {
    this.#store = store;
    this.#clock = clock;
    this.#firstTaken = firstTaken;
  }

  /** The row is leased now. The store's view is at it afterwards. */
  begin(row: number, page: RowPage, index: number, leaseMs: number): void {
    const nowMs = this.#clock.nowMs();
    page.attempts[index] = Math.min(page.attempts[index]! + 1, ATTEMPTS_MAX);
    page.flags[index]! |= ROW_FLAG.counted | ROW_FLAG.redelivered;
    if (this.#firstTaken.get(row) === 0) this.#firstTaken.set(row, nowMs);
    this.#store.update(row, leaseMs > 0 ? nowMs + leaseMs : 0);
    this.#store.locate(row);
  }

  /** The same for a holder in this process. */
  beginLocal(row: number, page: RowPage, index: number): void {
    page.attempts[index] = Math.min(page.attempts[index]! + 1, ATTEMPTS_MAX);
    page.flags[index]! |= ROW_FLAG.counted | ROW_FLAG.local | ROW_FLAG.redelivered;
    this.#store.update(row, 0);
    this.#store.locate(row);
  }

  /**
   * The row, whose lease counts later, is handed out ahead of the work on it. Whether that may begin without more; else `beginLocal`
   * has to be durable before.
   */
  handAhead(row: number, page: RowPage, index: number): boolean {
    if (page.attempts[index]! > 0 || (page.flags[index]! & ROW_FLAG.ahead) !== 0) return false;
    page.flags[index]! |= ROW_FLAG.ahead | ROW_FLAG.local;
    this.#store.update(row, 0);
    this.#store.locate(row);
    return true;
  }

  /** Whether the row was handed out ahead by this process, and is leased. */
  isAhead(page: RowPage, index: number): boolean {
    return (page.flags[index]! & AHEAD_HERE) === AHEAD_HERE;
  }

  /** The lease of the row, if it is a counted one, ends at another time. */
  extend(row: number, page: RowPage, index: number, leaseMs: number): void {
    if ((page.flags[index]! & (ROW_FLAG.counted | ROW_FLAG.local)) !== ROW_FLAG.counted) return;
    this.#store.update(row, this.#clock.nowMs() + leaseMs);
  }

  /** The lease is over. Whether it was a counted one. */
  end(page: RowPage, index: number): boolean {
    const flags = page.flags[index]!;
    if ((flags & ROW_FLAG.counted) !== 0) {
      page.flags[index] = flags & ~(ROW_FLAG.counted | ROW_FLAG.local);
      return true;
    }
    // What comes back is no suspect: the process lives.
    if ((flags & ROW_FLAG.local) !== 0) page.flags[index] = flags & ~AHEAD_HERE;
    return false;
  }

  /** The message was not really handed out. */
  takeBack(row: number, page: RowPage, index: number): void {
    page.attempts[index]! -= 1;
    if (page.attempts[index] === 0) this.#firstTaken.set(row, 0);
  }

  /**
   * Looks at a row of before the restart. Returns for how long it is leased still; 0: its lease is over; -1: it was
   * not leased.
   */
  restore(row: number, page: RowPage, index: number, endMs: number, nowMs: number): number {
    if ((page.flags[index]! & ROW_FLAG.counted) === 0) {
      page.flags[index]! &= ~ROW_FLAG.local;
      return -1;
    }
    this.#restored ??= new Map();
    this.#restored.set(page.seq[index]!, row);
    if (endMs > nowMs) return endMs - nowMs;
    page.flags[index]! &= ~(ROW_FLAG.counted | ROW_FLAG.local);
    return 0;
  }

  /** The row that had that `seq` and was leased before the restart; it may be another message's now. */
  restored(seq: number): number | undefined {
    return this.#restored?.get(seq);
  }

  firstTakenMs(row: number): number | undefined {
    const ms = this.#firstTaken.get(row);
    return ms === 0 ? undefined : ms;
  }

  /** The message is not there any more. */
  forget(row: number, page: RowPage, index: number): void {
    if (this.#firstTaken.count > 0) this.#firstTaken.set(row, 0);
    this.#restored?.delete(page.seq[index]!);
  }
}
