import type { Timers } from '../../lib/environment/clock.ts';
import type { TimerWheel } from '../../lib/timer-wheel.ts';
import type { ReadyLevels } from './ready-levels.ts';
import { NO_ROW, ROW_STATE, type RowPage, type RowTable } from './rows.ts';

/** Rows removed before others get their turn of the event loop. */
const TURN_MAX = 2000;

export interface DiscarderOptions {
  rows: RowTable;
  timers: Timers;
  rowTimers: TimerWheel;
  /** Ends a message, and frees its row. */
  remove: (row: number) => void;
}

/** Removes messages that their queue has given up already: those of purged and deleted queues. */
export class Discarder {
  readonly #options: DiscarderOptions;

  constructor(options: DiscarderOptions) {
    this.#options = options;
  }

  /** Resolves when all are removed. */
  async discard(rows: ReadyLevels): Promise<void> {
    while (this.#discardSome(rows)) await this.#pause();
  }

  /** Removes the delayed messages of a queue that is deleted, and those whose lease has an end. */
  async discardRest(queueId: number): Promise<void> {
    const { rowTimers, remove } = this.#options;
    await this.forEachRow(queueId, (row, page, index) => {
      const state = page.state[index]!;
      if (state !== ROW_STATE.delayed && state !== ROW_STATE.leased) return;
      // One without a timer is on its way to a dead-letter exchange, or its holder will answer.
      if (rowTimers.cancel(page.timer[index]!)) remove(row);
    });
  }

  /**
   * Visits all rows of a queue, whatever their state. Most are in no list, so all rows are looked at, a page per turn of the
   * event loop; rows that come meanwhile may be visited or not.
   */
  async forEachRow(
    queueId: number,
    visit: (row: number, page: RowPage, index: number) => void,
  ): Promise<void> {
    const { rows } = this.#options;
    for (let number = 0; number < rows.pages.length; number++) {
      rows.forEachInPage(number, (row, page, index) => {
        if (page.queue[index] === queueId) visit(row, page, index);
      });
      await this.#pause();
    }
  }

  /** Whether there are more. */
  #discardSome(rows: ReadyLevels): boolean {
    for (let count = 0; count < TURN_MAX; count++) {
      const row = rows.peek();
      if (row === NO_ROW) return false;
      rows.pop();
      this.#options.remove(row);
    }
    return true;
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => this.#options.timers.immediate(resolve));
  }
}
