/**
 * Running something once per key, whoever asks and however often: a payment per order, an answer per request id.
 *
 *   const charge = idempotent(async (order: Order) => pay(order), { key: (order) => order.id, store: sqlStore(db) })
 *   await charge(order)      // pays
 *   await charge(order)      // gives the same receipt, and pays nothing
 *
 * Guarantee: while a key is kept, nobody runs the handler again once its result is stored, and no two run at the same time unless one of
 * them has shown no sign of life for a whole lease. A run that died before its result was stored is taken over after its
 * lease: the handler runs again, and whatever it did outside by then happens twice. For effects in a database that must not, use
 * `inbox`, which commits them together with the key.
 */
import { randomUUID } from 'node:crypto';
import { PolymqError } from '../../errors.ts';
import { type Clock, type ClockTimer, sleep, systemClock } from '../../lib/clock.ts';
import { describeError } from '../../lib/describe.ts';
import { type Duration, durationMs } from '../../lib/duration.ts';
import type { OnceStore } from '../../queue/queue.ts';
import type { IdempotencyStore } from './store.ts';

export interface IdempotencyOptions {
  /** `memoryStore()`, `redisStore(client)`, `sqlStore(db)`, or one of your own. */
  readonly store: IdempotencyStore;
  /** How long a result is kept, and with it the promise not to run again. Missing: 24 h. */
  readonly keep?: Duration;
  /** After so long without a sign of life a run is taken for dead. It is renewed while the handler runs. Missing: 30 s. */
  readonly lease?: Duration;
  /** What a call does whose twin is running: wait for its result, or fail with `idempotency-conflict`. Missing: `wait`. */
  readonly whenRunning?: 'wait' | 'conflict';
  /** How long it waits, before it fails with `idempotency-conflict`. Missing: 30 s. */
  readonly wait?: Duration;
  /** Which errors are results, too: the same key then throws an error of that name and text again. Missing: none; the next call runs. */
  readonly keepErrors?: boolean | ((error: unknown) => boolean);
  /** Missing: the clock of the machine. For waiting and renewing; the store has its own. */
  readonly clock?: Clock;
}

export interface IdempotentOptions<Arguments extends readonly unknown[]>
  extends IdempotencyOptions {
  /** What makes two calls the same. Not empty. */
  readonly key: (...values: Arguments) => string;
}

/**
 * The handler, run once per key. Results are stored as JSON, and so is what the first call answers; a result that is none (a bigint, a circle) is an error
 * for everybody with that key, as the handler is not run again for it.
 * Throws what the handler throws, what the store throws, `idempotency-conflict`, and `lease-lost` if another run
 * took over while the handler ran.
 */
export function idempotent<Arguments extends readonly unknown[], Result>(
  handler: (...values: Arguments) => Result | Promise<Result>,
  options: IdempotentOptions<Arguments>,
): (...values: Arguments) => Promise<Result> {
  const runs = new Runs(options);
  return async (...values) => {
    const key = options.key(...values);
    const { outcome } = await runs.run(key, async () => handler(...values));
    return outcome as Result;
  };
}

/** For `delivery: { mode: 'effectively-once', once: onceBy(store) }` of a queue: handled messages are remembered by their ids. */
export function onceBy(
  store: IdempotencyStore,
  options: Omit<IdempotencyOptions, 'store' | 'keepErrors'> = {},
): OnceStore {
  const runs = new Runs({ ...options, store });
  return { once: async (id, work) => (await runs.run(id, work)).ran };
}

const KEEP_MS = 86_400_000;
const LEASE_MS = 30_000;
const WAIT_MS = 30_000;
const LOOK_FIRST_MS = 5;
const LOOK_MAX_MS = 500;

class Runs {
  readonly #options: IdempotencyOptions;
  readonly #clock: Clock;
  readonly #keepMs: number;
  readonly #leaseMs: number;
  readonly #waitMs: number;

  constructor(options: IdempotencyOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#keepMs = durationMs(options.keep ?? KEEP_MS, 'keep of an idempotency key');
    this.#leaseMs = durationMs(options.lease ?? LEASE_MS, 'lease of an idempotency key');
    const waits = options.whenRunning !== 'conflict';
    this.#waitMs = waits ? durationMs(options.wait ?? WAIT_MS, 'wait of an idempotency key') : 0;
    if (this.#leaseMs > 0 && this.#keepMs > 0) return;
    throw new PolymqError(
      'invalid-argument',
      'lease and keep of an idempotency key are longer than 0',
    );
  }

  /** `ran`: by this call, not by another one before. */
  async run(
    key: string,
    work: () => Promise<unknown>,
  ): Promise<{ ran: boolean; outcome: unknown }> {
    if (typeof key !== 'string' || key === '') {
      throw new PolymqError('invalid-argument', 'an idempotency key is a text that is not empty');
    }
    const token = randomUUID();
    const result = await this.#begin(key, token);
    if (result !== undefined) return { ran: false, outcome: outcomeOf(result) };
    return { ran: true, outcome: await this.#started(key, token, work) };
  }

  /** `undefined`: this call runs it. Otherwise the stored result. */
  async #begin(key: string, token: string): Promise<string | undefined> {
    const endMs = this.#clock.nowMs() + this.#waitMs;
    for (let lookMs = LOOK_FIRST_MS; ; lookMs = Math.min(lookMs * 2, LOOK_MAX_MS)) {
      const begun = await this.#options.store.begin(key, token, this.#leaseMs);
      if (begun.state === 'started') return undefined;
      if (begun.state === 'done') return begun.result;
      const leftMs = endMs - this.#clock.nowMs();
      if (leftMs <= 0) throw conflict(key, this.#waitMs);
      await sleep(this.#clock, Math.max(1, Math.min(lookMs, leftMs, begun.leaseMs)));
    }
  }

  async #started(key: string, token: string, work: () => Promise<unknown>): Promise<unknown> {
    const renewal = this.#renew(key, token);
    try {
      const { value } = await this.#worked(key, token, work);
      let result: string;
      try {
        result = written(key, value);
      } catch (error) {
        // The work is done and must not be done again, so that there is no result for it is what everybody is told.
        await this.#keepError(key, token, error);
        throw error;
      }
      await this.#complete(key, token, result);
      return outcomeOf(result);
    } finally {
      renewal.cancel();
    }
  }

  async #worked(
    key: string,
    token: string,
    work: () => Promise<unknown>,
  ): Promise<{ readonly value: unknown }> {
    const { store, keepErrors = false } = this.#options;
    try {
      return { value: await work() };
    } catch (error) {
      const kept = typeof keepErrors === 'function' ? keepErrors(error) : keepErrors;
      if (kept) await this.#keepError(key, token, error);
      // A run that cannot be forgotten now is taken over when its lease is over.
      else await store.release(key, token).catch(() => undefined);
      throw error;
    }
  }

  /** Rejects never: the error itself is what is to be told. */
  async #keepError(key: string, token: string, error: unknown): Promise<void> {
    const result = JSON.stringify({ error: describeError(error) });
    await this.#complete(key, token, result).catch(() => undefined);
  }

  async #complete(key: string, token: string, result: string): Promise<void> {
    if (await this.#options.store.complete(key, token, result, this.#keepMs)) return;
    throw new PolymqError(
      'lease-lost',
      `the run with idempotency key ${JSON.stringify(key)} took longer than its lease without a sign of life, and another one has taken over; its result is the one that counts`,
    );
  }

  /** As long as the handler runs and its process lives. */
  #renew(key: string, token: string): ClockTimer {
    let timer: ClockTimer;
    let over = false;
    const renew = async (): Promise<void> => {
      // A store that does not answer now may do so in time for the next try.
      const owned = await this.#options.store.renew(key, token, this.#leaseMs).catch(() => true);
      if (owned && !over) again();
    };
    const again = (): void => {
      timer = this.#clock.after(this.#leaseMs / 3, () => void renew());
    };
    again();
    return {
      cancel: () => {
        over = true;
        timer.cancel();
      },
    };
  }
}

/** What is stored: `{ "value": … }`, `{}` for undefined, `{ "error": { name, message } }`. */
function written(key: string, value: unknown): string {
  try {
    return JSON.stringify({ value });
  } catch (cause) {
    const text = `the result for idempotency key ${JSON.stringify(key)} cannot be written as JSON (${describeError(cause).message}); return plain data`;
    throw new PolymqError('invalid-argument', text, { cause });
  }
}

function outcomeOf(result: string): unknown {
  const { value, error } = JSON.parse(result) as {
    value?: unknown;
    error?: { name: string; message: string };
  };
  if (error === undefined) return value;
  throw Object.assign(new Error(error.message), { name: error.name });
}

function conflict(key: string, waitMs: number): PolymqError {
  const waited = waitMs === 0 ? '' : ` and was not done within ${waitMs} ms`;
  return new PolymqError(
    'idempotency-conflict',
    `another run with idempotency key ${JSON.stringify(key)} is under way${waited}; try again later`,
  );
}
