/**
 * Streams of events for the SDK, straight from the core: what the core answers as a value becomes an event or an error of the client.
 * A read that waits ends with the driver.
 */
import {
  type EventLogDriver,
  PolymqError,
  type StoredEvent,
  type WireMessage,
} from '@polymq/client/driver';
import type { EventLog } from '../core/event-log/event-log.ts';
import type { EmbeddedContext } from './context.ts';
import { clientError, closedError } from './errors.ts';

export class EmbeddedEventLog implements EventLogDriver {
  readonly #context: EmbeddedContext;
  readonly #log: EventLog;
  readonly #stop = new AbortController();

  constructor(context: EmbeddedContext) {
    this.#context = context;
    this.#log = context.core.eventLog;
  }

  async append(
    store: string,
    stream: string,
    events: readonly WireMessage[],
    expected: number | undefined,
  ): Promise<{ readonly version: number; readonly position: string }> {
    const what = `append to the event stream "${stream}" of "${store}"`;
    const outcome = await this.#now(what, () => this.#log.append(store, stream, events, expected));
    if (!outcome.conflict) return outcome;
    throw new PolymqError(
      'version-conflict',
      `could not ${what} at version ${expected}: it has version ${outcome.version}; load it again and decide anew`,
    );
  }

  version(store: string, stream: string): Promise<number> {
    return this.#now(`look at the event stream "${stream}" of "${store}"`, () =>
      this.#log.version(store, stream),
    );
  }

  readStream(
    store: string,
    stream: string,
    fromVersion: number,
    max: number,
  ): Promise<readonly StoredEvent[]> {
    return this.#now(`read the event stream "${stream}" of "${store}"`, () =>
      this.#log.readStream(store, stream, fromVersion, max),
    );
  }

  async readAll(
    store: string,
    after: string | undefined,
    options: { readonly max: number; readonly waitMs: number; readonly signal?: AbortSignal },
  ): Promise<readonly StoredEvent[]> {
    const what = `read the event store "${store}"`;
    const ready = await this.#now(what, () =>
      this.#log.readAll(store, after, { max: options.max, waitMs: 0 }),
    );
    if (ready.length > 0 || options.waitMs === 0) return ready;
    return this.#wait(what, options.signal, (signal) =>
      this.#log.readAll(store, after, { ...options, signal }),
    );
  }

  /** Ends the reads that wait, with `closed`. */
  close(): void {
    this.#stop.abort();
  }

  /** `read` ends with the caller's signal, and with `closed` when the driver is closed. */
  async #wait<T>(
    what: string,
    signal: AbortSignal | undefined,
    read: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const stopped = this.#stop.signal;
    const ended = new AbortController();
    const end = (): void => ended.abort();
    for (const each of [stopped, signal]) {
      if (each?.aborted === true) end();
      each?.addEventListener('abort', end, { once: true });
    }
    try {
      const answer = await read(ended.signal);
      if (stopped.aborted) throw closedError(what);
      return answer;
    } catch (error: unknown) {
      throw clientError(error, what);
    } finally {
      for (const each of [stopped, signal]) each?.removeEventListener('abort', end);
    }
  }

  async #now<T>(what: string, work: () => Promise<T>): Promise<T> {
    if (this.#context.closed) throw closedError(what);
    try {
      return await this.#context.track(work());
    } catch (error: unknown) {
      throw clientError(error, what);
    }
  }
}
