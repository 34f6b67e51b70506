/**
 * Gives pumps their turns: in each turn of the event loop those in line share one budget, so that however many streams are
 * bound, sessions wait for them a few milliseconds at most. Nobody gets a turn while too much is waiting for the disk.
 */
import type { Timers } from '../../lib/environment/clock.ts';
import { Fifo } from '../../lib/fifo.ts';
import type { MessageStore } from '../queue/message-store.ts';
import type { StreamPump, TurnBudget } from './stream-pump.ts';

/** Of one turn, for all pumps. Below a mebibyte, so that one turn is one batch of the journal. */
const TURN: Readonly<TurnBudget> = { records: 1000, bytes: 256 * 1024 };
const UNCOMMITTED_BYTES_MAX = 4 * 1024 * 1024;

export class PumpLine {
  readonly #store: Pick<MessageStore, 'uncommittedBytes' | 'onCommitted'>;
  readonly #timers: Timers;
  readonly #line = new Fifo<StreamPump>();
  #scheduled = false;
  #stopWaiting: (() => void) | undefined;
  #stopped = false;

  constructor(store: Pick<MessageStore, 'uncommittedBytes' | 'onCommitted'>, timers: Timers) {
    this.#store = store;
    this.#timers = timers;
  }

  push(pump: StreamPump): void {
    this.#line.push(pump);
    this.#schedule();
  }

  stop(): void {
    this.#stopped = true;
    this.#line.clear();
    this.#stopWaiting?.();
  }

  #schedule(): void {
    if (this.#scheduled || this.#stopped || this.#stopWaiting !== undefined) return;
    if (this.#store.uncommittedBytes > UNCOMMITTED_BYTES_MAX) {
      this.#waitForDisk();
      return;
    }
    this.#scheduled = true;
    // Not now: whoever wakes a pump is in the middle of a commit.
    this.#timers.immediate(() => {
      this.#scheduled = false;
      if (!this.#stopped) this.#turn();
    });
  }

  #turn(): void {
    const budget = { ...TURN };
    // Those that come back into line while the turn goes on have the next one.
    for (let left = this.#line.length; left > 0; left--) {
      if (budget.records <= 0 || budget.bytes <= 0) break;
      this.#line.take()?.run(budget);
    }
    if (this.#line.length > 0) this.#schedule();
  }

  #waitForDisk(): void {
    this.#stopWaiting = this.#store.onCommitted(() => {
      if (this.#store.uncommittedBytes > UNCOMMITTED_BYTES_MAX / 2) return;
      this.#stopWaiting?.();
      this.#stopWaiting = undefined;
      if (this.#line.length > 0) this.#schedule();
    });
  }
}
