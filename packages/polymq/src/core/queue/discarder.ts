import type { Timers } from '../../lib/environment/clock.ts';
import type { TimerWheel } from '../../lib/timer-wheel.ts';
import type { MessageStore } from './message-store.ts';
import type { ReadyLevels } from './ready-levels.ts';
import { NO_ROW, ROW_STATE } from './rows.ts';

/** Rows removed before others get their turn of the event loop. */
const TURN_MAX = 2000;

/** Removes messages that their queue has given up already: those of purged and deleted queues. */
export class Discarder {
  readonly #store: MessageStore;
  readonly #timers: Timers;
  readonly #rowTimers: TimerWheel;

  constructor(store: MessageStore, timers: Timers, rowTimers: TimerWheel) {
    this.#store = store;
    this.#rowTimers = rowTimers;
    this.#timers = timers;
  }

  /** Resolves when all are removed. */
  async discard(rows: ReadyLevels): Promise<void> {
    while (this.#discardSome(rows)) {
      await new Promise<void>((resolve) => this.#timers.immediate(resolve));
    }
  }

  /** Removes the delayed messages of a queue that is deleted. They are in no list, so all rows are looked at. */
  async discardDelayed(queueId: number): Promise<void> {
    const { rows } = this.#store;
    for (let number = 0; number < rows.pages.length; number++) {
      rows.forEachInPage(number, (row, page, index) => {
        if (page.queue[index] !== queueId || page.state[index] !== ROW_STATE.delayed) return;
        // One without a timer is on its way to a dead-letter exchange.
        if (!this.#rowTimers.cancel(page.timer[index]!)) return;
        this.#store.remove(row);
        rows.free(row);
      });
      await new Promise<void>((resolve) => this.#timers.immediate(resolve));
    }
  }

  /** Whether there are more. */
  #discardSome(rows: ReadyLevels): boolean {
    for (let count = 0; count < TURN_MAX; count++) {
      const row = rows.peek();
      if (row === NO_ROW) return false;
      rows.pop();
      this.#store.remove(row);
      this.#store.rows.free(row);
    }
    return true;
  }
}
