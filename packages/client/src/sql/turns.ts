/**
 * Lets one after the other use what can do only one thing at a time: a single connection. First come, first served.
 *
 * A transaction holds its turn while code of the program runs. If that code asks for a turn instead of using the transaction, and waits for it, both
 * wait for ever. Whether it waits cannot be known: it may as well have set something going that only inherits its asynchronous context, such as
 * the consumer of a message it sent. So whoever asks from within waits for the end of the turn, but not longer than `WITHIN_MS_MAX`.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { PolymqError } from '../errors.ts';
import { systemClock } from '../lib/clock.ts';
import { within } from '../lib/within.ts';

const WITHIN_MS_MAX = 5_000;

interface HeldTurn {
  readonly turns: Turns;
  /** Which this one was begun within. */
  readonly outer: HeldTurn | undefined;
  /** Resolves with it, however it ends. */
  readonly over: Promise<unknown>;
  isOver: boolean;
}

const current = new AsyncLocalStorage<HeldTurn>();

export class Turns {
  #last: Promise<unknown> = Promise.resolve();

  /** Runs `work` when everybody who came before is done. Rejects with `timeout` for who seems to wait for itself. */
  take<T>(work: () => Promise<T>): Promise<T> {
    const own = this.#heldByCaller();
    if (own !== undefined) return this.#takeAfter(own, work);
    const turn = this.#last.then(work);
    this.#last = turn.catch(() => {});
    return turn;
  }

  /** The same for `work` that runs code of the program. */
  hold<T>(work: () => Promise<T>): Promise<T> {
    return this.take(() => {
      let end = (): void => {};
      const over = new Promise<void>((resolve) => {
        end = resolve;
      });
      const held: HeldTurn = { turns: this, outer: current.getStore(), over, isOver: false };
      return current.run(held, work).finally(() => {
        held.isOver = true;
        end();
      });
    });
  }

  async #takeAfter<T>(own: HeldTurn, work: () => Promise<T>): Promise<T> {
    await within(own.over, WITHIN_MS_MAX, systemClock, waitsForItself);
    return this.take(work);
  }

  #heldByCaller(): HeldTurn | undefined {
    let held = current.getStore();
    while (held !== undefined && (held.turns !== this || held.isOver)) held = held.outer;
    return held;
  }
}

function waitsForItself(): PolymqError {
  return new PolymqError(
    'timeout',
    `a statement from within an open transaction has waited ${WITHIN_MS_MAX} ms for that transaction, which has the only connection; run it on the transaction (the tx of db.transaction, box.tx in a handler of an inbox), and use stores on the same database, such as sqlStore(db) and eventStore({ db }), before or after it`,
  );
}
