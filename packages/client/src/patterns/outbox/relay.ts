/**
 * The loop behind `outbox.relay()`: takes batches from the table and sends them until it is closed. After a full batch the next one
 * follows at once; when there is nothing it waits for the poll interval, for a notification, or for what this process itself
 * has just added. What the database rejects is told to `onError`, and tried again with backoff.
 */
import { PolymqError } from '../../errors.ts';
import { type Clock, sleep } from '../../lib/clock.ts';
import { deferred } from '../../lib/deferred.ts';
import { type Duration, durationMs } from '../../lib/duration.ts';
import type { RetryPolicy } from '../../queue/retry.ts';
import type { Listening, SqlDatabase } from '../../sql/database.ts';
import type { Batches } from './batches.ts';
import type { OutboxRelay } from './outbox.ts';
import type { OutboxTable } from './outbox-table.ts';
import { STATE } from './outbox-table.ts';
import type { RowSender } from './row-sender.ts';

/** While something is about to come: a transaction with messages is open. */
const SOON_MS = 10;
/** For how long after an `add` of this process its transaction is expected to commit. */
const ADDED_MS = 500;
const CLEAN_UP_EVERY_MS = 10_000;
const CLEAN_UP_ROWS_MAX = 10_000;

export interface RelayParts {
  readonly db: SqlDatabase;
  readonly table: OutboxTable;
  readonly batches: Batches;
  readonly sender: RowSender;
  readonly clock: Clock;
  readonly retry: RetryPolicy;
  readonly batch: number;
  readonly pollMs: number;
  readonly keepMs: number;
  readonly notify: boolean;
  readonly onError: (error: unknown) => void;
  /** The tables are there. */
  readonly ready: () => Promise<void>;
  readonly closed: (relay: OutboxRelay) => void;
}

export class Relay implements OutboxRelay {
  sent = 0;
  refused = 0;
  readonly #parts: RelayParts;
  readonly #over = new AbortController();
  readonly #running: Promise<void>;
  #listening: Listening | undefined;
  #failures = 0;
  #expectUntilMs = 0;
  #cleanUpMs = 0;
  /** Ends the pause that it is in. */
  #wakeUp: (() => void) | undefined;
  #woken = false;
  #turnDone = deferred<boolean>();

  constructor(parts: RelayParts) {
    this.#parts = parts;
    this.#running = this.#run();
  }

  /** This process has added something, and will commit it. */
  added(): void {
    this.#expectUntilMs = this.#parts.clock.nowMs() + ADDED_MS;
    this.#wake();
  }

  async drain(options: { timeout?: Duration } = {}): Promise<void> {
    const { db, table, clock, ready } = this.#parts;
    const timeoutMs = durationMs(options.timeout ?? '30s', 'timeout of drain');
    const endMs = clock.nowMs() + timeoutMs;
    await ready();
    const waiting = `from ${table.name} where state = ${STATE.waiting}`;
    const { rows } = await db.query(`select max(id) as last ${waiting}`);
    const last = Number(rows[0]?.['last'] ?? 0);
    for (;;) {
      const left = await db.query(`select 1 as one ${waiting} and id <= $1 limit 1`, [last]);
      if (left.rows.length === 0) return;
      if (this.#over.signal.aborted) throw closedError();
      if (clock.nowMs() >= endMs) {
        const text = `the outbox ${table.name} has not been sent within ${timeoutMs} ms; outbox.stats() says what waits, and onError was told why`;
        throw new PolymqError('timeout', text);
      }
      const turn = this.#turnDone.promise;
      this.#wake();
      if (!(await turn)) await sleep(clock, SOON_MS, this.#over.signal);
    }
  }

  async close(): Promise<void> {
    this.#over.abort();
    this.#wake();
    await this.#running;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #run(): Promise<void> {
    const { onError, batches, closed } = this.#parts;
    while (!this.#over.signal.aborted) {
      try {
        const pauseMs = await this.#turn();
        this.#failures = 0;
        this.#endTurn(pauseMs === 0);
        if (pauseMs > 0 && !this.#over.signal.aborted) await this.#pause(pauseMs);
      } catch (error) {
        onError(error);
        this.#failures += 1;
        this.#endTurn(false);
        const pauseMs = this.#parts.retry.delayMs(this.#failures, error);
        await sleep(this.#parts.clock, pauseMs, this.#over.signal);
      }
    }
    await this.#listening?.close().catch(onError);
    await batches.release().catch(onError);
    this.#endTurn(false);
    closed(this);
  }

  /** One batch. How long to wait for the next one. */
  async #turn(): Promise<number> {
    const { ready, batches, sender, batch, pollMs, clock } = this.#parts;
    await ready();
    await this.#listen();
    let settled = 0;
    const taken = await batches.next({
      max: batch,
      without: sender.pausedPlaces(),
      work: async (rows) => {
        const verdicts = await sender.send(rows);
        settled = verdicts.length;
        for (const { outcome } of verdicts) {
          if (outcome === 'sent') this.sent += 1;
          else this.refused += 1;
        }
        return verdicts;
      },
    });
    await this.#cleanUp();
    // Something came of it, so there may be more behind it.
    if (taken !== 'held' && settled > 0) return 0;
    if (taken === 'held' || clock.nowMs() < this.#expectUntilMs) return Math.min(SOON_MS, pollMs);
    return pollMs;
  }

  #wake(): void {
    this.#woken = true;
    this.#wakeUp?.();
  }

  /** Tells those who wait for it whether something came of it. */
  #endTurn(useful: boolean): void {
    this.#turnDone.resolve(useful);
    this.#turnDone = deferred();
  }

  /** Ends at once if somebody has woken the relay since the last pause. */
  async #pause(pauseMs: number): Promise<void> {
    if (!this.#woken) {
      await new Promise<void>((resolve) => {
        const timer = this.#parts.clock.after(pauseMs, resolve);
        this.#wakeUp = () => {
          timer.cancel();
          resolve();
        };
      });
    }
    this.#wakeUp = undefined;
    this.#woken = false;
  }

  async #listen(): Promise<void> {
    const { db, table, notify, onError } = this.#parts;
    if (!notify || this.#listening !== undefined || db.listen === undefined) return;
    this.#listening = await db.listen(
      table.name,
      () => this.#wake(),
      (error) => {
        // The next turn listens again, and looks for what it has not been told of.
        this.#listening = undefined;
        onError(error);
        this.#wake();
      },
    );
  }

  async #cleanUp(): Promise<void> {
    const { db, table, clock, keepMs } = this.#parts;
    const nowMs = clock.nowMs();
    if (keepMs === 0 || nowMs < this.#cleanUpMs) return;
    this.#cleanUpMs = nowMs + Math.min(CLEAN_UP_EVERY_MS, keepMs);
    await table.cleanUp(db, nowMs - keepMs, CLEAN_UP_ROWS_MAX);
  }
}

function closedError(): PolymqError {
  return new PolymqError('closed', 'the relay of the outbox has been closed before it was empty');
}
