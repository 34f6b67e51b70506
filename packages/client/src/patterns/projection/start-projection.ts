/**
 * One projection at work:
 *
 *   load checkpoint ──► read a batch behind it (waiting) ──► run it ──► read on …
 *        ▲                                                     │ a handler throws
 *        └── load again, one event at a time ◄── back off ◄────┤
 *                                                              └── retries used up: stop, `closed` rejects
 *
 * The store being out of reach is waited out with the same backoff, for as long as it takes.
 */
import type { Client } from '../../client/client.ts';
import type { EventLogDriver } from '../../driver/driver.ts';
import { PolymqError } from '../../errors.ts';
import { type Clock, sleep } from '../../lib/clock.ts';
import { deferred } from '../../lib/deferred.ts';
import { describeError, warn } from '../../lib/describe.ts';
import { type Duration, durationMs } from '../../lib/duration.ts';
import { within } from '../../lib/within.ts';
import { type RetryPolicy, retryPolicy } from '../../queue/retry.ts';
import type { SqlDatabase } from '../../sql/database.ts';
import { endWithClient } from '../end-with-client.ts';
import type { RecordedEvent } from '../events/event-types.ts';
import {
  type BatchRunner,
  CheckpointRunner,
  HandlerError,
  TransactionRunner,
} from './batch-runner.ts';
import { LoggedCheckpoints } from './checkpoints.ts';
import type {
  CheckpointStore,
  Projection,
  ProjectionHandlers,
  ProjectionLag,
  ProjectOptions,
} from './projection.ts';

/** What it reads from, and what may keep its checkpoint. */
export interface ProjectionSource<E> {
  readonly mq: Client;
  readonly store: {
    readonly name: string;
    readAll(options: {
      after?: string;
      max?: number;
      wait?: Duration;
      signal?: AbortSignal;
    }): Promise<readonly RecordedEvent<E>[]>;
  };
  readonly log: EventLogDriver;
  readonly db: SqlDatabase | undefined;
}

const BATCH = 100;
const RETRY = { max: 10, base: '100ms', cap: '30s' } as const;
const WAIT = '20s';
const LAG_EVENTS_MAX = 10_000;
const CAUGHT_UP = '30s';

export function startProjection<E>(
  source: ProjectionSource<E>,
  name: string,
  handlers: ProjectionHandlers<E>,
  options: ProjectOptions,
): Projection {
  const { batch = BATCH, retry = RETRY } = options;
  if (!Number.isSafeInteger(batch) || batch < 1 || batch > 10_000) {
    throw new PolymqError(
      'invalid-argument',
      `batch: ${batch} of the projection "${name}"; give 1 to 10000`,
    );
  }
  const policy = retryPolicy(retry, `the projection "${name}"`, Math.random);
  const abort = new AbortController();
  const key = `${source.store.name}/${name}`;
  const runner = runnerOf(source, options, {
    ...{ key, handlers, reset: options.reset, signal: abort.signal },
  });
  return new RunningProjection<E>(source, { name, batch, policy, runner, abort, options });
}

function runnerOf<E>(
  { log, db, store, mq }: ProjectionSource<E>,
  { checkpoint }: ProjectOptions,
  options: ConstructorParameters<typeof TransactionRunner<E>>[1],
): BatchRunner<E> {
  const place = checkpoint ?? db ?? 'store';
  if (place === 'store') {
    return new CheckpointRunner(new LoggedCheckpoints(log, store.name, mq.clock), options);
  }
  return 'transaction' in place
    ? new TransactionRunner(place, options)
    : new CheckpointRunner(place as CheckpointStore, options);
}

interface Parts<E> {
  readonly name: string;
  readonly batch: number;
  readonly policy: RetryPolicy;
  readonly runner: BatchRunner<E>;
  readonly abort: AbortController;
  readonly options: ProjectOptions;
}

class RunningProjection<E> implements Projection {
  readonly name: string;
  readonly closed: Promise<void>;
  readonly #source: ProjectionSource<E>;
  readonly #parts: Parts<E>;
  readonly #clock: Clock;
  readonly #waiting = new Set<() => void>();
  #position: string | undefined;
  /** Ends a read that waits, so that something else can be done. */
  #interrupt = new AbortController();
  #failure: unknown;
  /** What is to be done between two batches. */
  #rebuilding: { resolve(): void; reject(error: unknown): void } | undefined;
  /** Positions at which a read found nothing more. */
  #caughtUpAt = 0;
  #reads = 0;

  constructor(source: ProjectionSource<E>, parts: Parts<E>) {
    this.name = parts.name;
    this.#source = source;
    this.#parts = parts;
    this.#clock = source.mq.clock;
    const forget = endWithClient(source.mq, () => this.close());
    this.closed = this.#run().finally(forget);
    // Whoever does not ask is told by `onError`.
    this.closed.catch(() => undefined);
  }

  get position(): string | undefined {
    return this.#position;
  }

  async lag(): Promise<ProjectionLag> {
    let after = this.#position;
    let events = 0;
    let ms = 0;
    while (events < LAG_EVENTS_MAX) {
      const page = await this.#source.store.readAll({ ...(after && { after }), max: 1_000 });
      if (page.length === 0) break;
      if (events === 0) ms = Math.max(0, this.#clock.nowMs() - page[0]!.timestamp);
      events += page.length;
      after = page.at(-1)!.position;
    }
    return { events: Math.min(events, LAG_EVENTS_MAX), ms };
  }

  async caughtUp({ timeout = CAUGHT_UP }: { timeout?: Duration } = {}): Promise<void> {
    const timeoutMs = durationMs(timeout, 'timeout');
    const begun = this.#reads;
    this.#interrupt.abort();
    const done = (async () => {
      // A read that began after this call and found nothing.
      while (this.#caughtUpAt <= begun) {
        if (this.#parts.abort.signal.aborted) throw this.#ended();
        await new Promise<void>((resolve) => this.#waiting.add(resolve));
      }
    })();
    await within(
      Promise.race([done, this.closed.then(() => Promise.reject(this.#ended()))]),
      ...([timeoutMs, this.#clock] as const),
      () =>
        new PolymqError(
          'timeout',
          `the projection "${this.name}" is still behind after ${timeoutMs} ms`,
        ),
    );
  }

  async rebuild(): Promise<void> {
    if (this.#parts.abort.signal.aborted) throw this.#ended();
    const { promise, resolve, reject } = deferred<void>();
    this.#rebuilding?.reject(this.#ended());
    this.#rebuilding = { resolve, reject };
    this.#interrupt.abort();
    await Promise.race([promise, this.closed.then(() => Promise.reject(this.#ended()))]);
  }

  async close(): Promise<void> {
    this.#parts.abort.abort();
    this.#interrupt.abort();
    this.#wake();
    await this.closed.catch(() => undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #run(): Promise<void> {
    // Nothing happens before the caller has the projection.
    await undefined;
    try {
      await this.#loop();
    } catch (error: unknown) {
      this.#failure = error;
      this.#parts.abort.abort();
      throw error;
    } finally {
      this.#wake();
    }
  }

  async #loop(): Promise<void> {
    const { runner, policy, batch, abort } = this.#parts;
    let failures = 0;
    let outages = 0;
    let loaded = false;
    while (!abort.signal.aborted) {
      try {
        if (!loaded) this.#position = await runner.load();
        loaded = true;
        await this.#rebuildIfAsked();
        // After a failure one at a time, so that the others before it are not done again and again.
        const events = await this.#read(failures > 0 ? 1 : batch);
        if (events.length > 0) this.#position = await runner.run(events, this.#position);
        failures = 0;
        outages = 0;
      } catch (error: unknown) {
        loaded = false;
        const outage = !(error instanceof HandlerError) && isOutage(error);
        if (outage) outages += 1;
        else failures += 1;
        const cause = error instanceof HandlerError ? this.#explain(error) : error;
        this.#report(cause);
        if (failures > policy.max || isClosed(cause)) throw cause;
        const delayMs = policy.delayMs(Math.max(1, outage ? outages : failures), cause);
        await sleep(this.#clock, delayMs, abort.signal);
      }
    }
  }

  async #read(max: number): Promise<readonly RecordedEvent<E>[]> {
    this.#interrupt = new AbortController();
    this.#reads += 1;
    const number = this.#reads;
    const { signal } = this.#interrupt;
    const after = this.#position === undefined ? {} : { after: this.#position };
    const ready = await this.#source.store.readAll({ ...after, max });
    if (ready.length > 0) return ready;
    this.#caughtUpAt = number;
    this.#wake();
    if (signal.aborted || this.#parts.abort.signal.aborted) return [];
    return this.#source.store.readAll({ ...after, max, wait: WAIT, signal });
  }

  async #rebuildIfAsked(): Promise<void> {
    const asked = this.#rebuilding;
    if (asked === undefined) return;
    this.#rebuilding = undefined;
    try {
      await this.#parts.runner.reset();
      this.#position = undefined;
      asked.resolve();
    } catch (error: unknown) {
      asked.reject(error);
    }
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }

  #report(error: unknown): void {
    (this.#parts.options.onError ?? warn)(error);
  }

  #explain({ cause, event }: HandlerError): PolymqError {
    const { name, message } = describeError(cause);
    return new PolymqError(
      'engine-failed',
      `the projection "${this.name}" could not handle ${event.type} (stream "${event.stream}", version ${event.version}): ${name}: ${message}; correct the handler, then start it again`,
      { cause },
    );
  }

  /** Why it has ended. */
  #ended(): unknown {
    if (this.#failure !== undefined) return this.#failure;
    return new PolymqError('closed', `the projection "${this.name}" has been closed`);
  }
}

/** Nothing is wrong with the event: the store or the database cannot be reached now. */
function isOutage(error: unknown): boolean {
  return error instanceof PolymqError ? error.retryable : true;
}

/** The client is gone: there is nothing to wait for. */
function isClosed(error: unknown): boolean {
  return error instanceof PolymqError && error.code === 'closed';
}
