/**
 * Gives pumps their turns: in each turn of the event loop those in line share one budget, so that however many streams are
 * bound, sessions wait for them a few milliseconds at most. Nobody gets a turn while too much is waiting for the
 * disk, or the broker is short of something.
 */
import type { Timers } from '../../lib/environment/clock.ts';
import { Fifo } from '../../lib/fifo.ts';
import type { Alarms } from '../alarms.ts';
import type { MessageStore } from '../queue/message-store.ts';
import type { TurnBudget } from './pump-context.ts';
import type { StreamPump } from './stream-pump.ts';

/** Of one turn, for all pumps. */
const TURN: Readonly<TurnBudget> = { records: 1000, bytes: 256 * 1024 };
const UNCOMMITTED_BYTES_MAX = 4 * 1024 * 1024;

export interface PumpLineOptions {
  store: Pick<MessageStore, 'uncommittedBytes' | 'onCommitted'>;
  timers: Timers;
  alarms: Pick<Alarms, 'reason' | 'onChange'> | undefined;
}

export class PumpLine {
  readonly #store: PumpLineOptions['store'];
  readonly #timers: Timers;
  readonly #alarms: PumpLineOptions['alarms'];
  readonly #stopListening: () => void;
  readonly #line = new Fifo<StreamPump>();
  #scheduled = false;
  #stopWaiting: (() => void) | undefined;
  #stopped = false;

  constructor(options: PumpLineOptions) {
    const { store, timers, alarms } = options;
    this.#store = store;
    this.#timers = timers;
    this.#alarms = alarms;
    this.#stopListening = alarms?.onChange(() => this.#schedule()) ?? (() => undefined);
  }

  push(pump: StreamPump): void {
    this.#line.push(pump);
    this.#schedule();
  }

  stop(): void {
    this.#stopped = true;
    this.#line.clear();
    this.#stopListening();
    this.#stopWaiting?.();
  }

  #schedule(): void {
    if (this.#scheduled || this.#stopped || this.#line.length === 0) return;
    if (this.#stopWaiting !== undefined || this.#alarms?.reason !== undefined) return;
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
    this.#schedule();
  }

  #waitForDisk(): void {
    this.#stopWaiting = this.#store.onCommitted(() => {
      if (this.#store.uncommittedBytes > UNCOMMITTED_BYTES_MAX / 2) return;
      this.#stopWaiting?.();
      this.#stopWaiting = undefined;
      this.#schedule();
    });
  }
}
