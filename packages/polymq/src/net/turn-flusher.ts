import type { Timers } from '../lib/environment/clock.ts';

/**
 * Does for many connections once at the end of a turn of the event loop what would cost a system call each time: all
 * that came up while the turn's input was handled leaves together.
 */
export class TurnFlusher<T> {
  readonly #timers: Timers;
  readonly #flush: (one: T) => void;
  readonly #first: (() => void) | undefined;
  #dirty: T[] = [];
  #scheduled = false;

  /** `first` runs at the end of the turn before anything is flushed, and may add more. */
  constructor(timers: Timers, flush: (one: T) => void, first?: () => void) {
    this.#timers = timers;
    this.#flush = flush;
    this.#first = first;
  }

  /** It is flushed at the end of this turn, as often as it was added. */
  add(one: T): void {
    this.#dirty.push(one);
    this.schedule();
  }

  /** There is something to do at the end of this turn, even if nothing has been added. */
  schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#timers.immediate(() => this.#endTurn());
  }

  #endTurn(): void {
    this.#scheduled = false;
    this.#first?.();
    const dirty = this.#dirty;
    this.#dirty = [];
    for (const one of dirty) this.#flush(one);
  }
}
