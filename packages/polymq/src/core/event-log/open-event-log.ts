/**
 * The event log over the streams of this node. A store is opened when it is used first, by reading its log once; everybody who uses it meanwhile
 * waits for that. It is closed when its stream is deleted.
 */
import type { Environment } from '../../lib/environment/environment.ts';
import { type Logger, silentLogger } from '../../lib/logger.ts';
import { BrokerError } from '../errors.ts';
import type { Documents } from '../meta/documents.ts';
import type { Stream, Streams } from '../stream/streams.ts';
import {
  EVENT_LOG_LIMITS,
  type EventAppendOutcome,
  type EventLog,
  type EventLogLimits,
  type EventToAppend,
  type LoggedEvent,
  type ReadAllOptions,
} from './event-log.ts';
import { checkStreamId } from './event-record.ts';
import { EventStore } from './event-store.ts';
import { readPosition } from './position.ts';
import type { IndexBudget } from './store-index.ts';

export interface OpenEventLogOptions {
  streams: Streams;
  documents: Documents;
  environment: Pick<Environment, 'clock' | 'timers'>;
  logger?: Logger;
  limits?: Partial<EventLogLimits>;
}

interface OpenedStore {
  readonly store: EventStore;
  readonly ready: Promise<EventStore>;
  isReady: boolean;
}

/** What a store's stream has that no option says otherwise. */
const NEW_STORE = new Map([
  ['retentionMs', '-1'],
  ['retentionBytes', '-1'],
] as const);

/** Where a store's number of partitions is kept. The stream's id stands behind it. */
const LAYOUT_KEY = 'event-log/store/';
/** Opening that reads more than this is told to the log. */
const LONG_LOG_RECORDS = 100_000;

/** Made by a store itself, one partition gives all its events one order. */
const NEW_STORE_PARTITIONS = 1;

export class StreamEventLog implements EventLog {
  readonly #options: OpenEventLogOptions;
  readonly #limits: EventLogLimits;
  readonly #logger: Logger;
  readonly #budget: IndexBudget;
  /** By the id of their stream. */
  readonly #stores = new Map<string, OpenedStore>();
  readonly #stopListening: () => void;
  /** Readers of stores that do not exist yet. */
  readonly #awaitingStores = new Set<() => void>();
  #waiters = 0;
  #closed = false;

  constructor(options: OpenEventLogOptions) {
    this.#options = options;
    this.#limits = { ...EVENT_LOG_LIMITS, ...options.limits };
    this.#logger = options.logger ?? silentLogger;
    this.#budget = { bytes: 0, bytesMax: this.#limits.indexBytesMax };
    this.#stopListening = options.streams.onChange(({ kind, stream }) => {
      if (kind === 'deleted') this.#deleted(stream);
      else for (const wake of [...this.#awaitingStores]) wake();
    });
  }

  /** Memory of all indexes, by the rule of `EventLogLimits`. */
  get indexBytes(): number {
    return this.#budget.bytes;
  }

  /** Of every open store: records in its index, and records there are. */
  progress(): { store: string; applied: number; records: number }[] {
    return Array.from(this.#stores.values(), ({ store }) => {
      return { store: store.stream.name, ...store.progress };
    });
  }

  async append(
    store: string,
    stream: string,
    events: readonly EventToAppend[],
    expected?: number | undefined,
  ): Promise<EventAppendOutcome> {
    const found = this.#storeNow(store) ?? (await this.#openOrCreate(store));
    return found.append(stream, events, expected);
  }

  async version(store: string, stream: string): Promise<number> {
    checkStreamId(stream);
    const found = this.#storeNow(store) ?? (await this.#openExisting(store));
    return found?.version(stream) ?? 0;
  }

  async readStream(
    store: string,
    stream: string,
    fromVersion: number,
    max: number,
  ): Promise<LoggedEvent[]> {
    checkStreamId(stream);
    const found = this.#storeNow(store) ?? (await this.#openExisting(store));
    return found === undefined ? [] : found.readStream(stream, fromVersion, max);
  }

  async readAll(
    store: string,
    after: string | undefined,
    options: ReadAllOptions,
  ): Promise<LoggedEvent[]> {
    const { clock } = this.#options.environment;
    const endMs = clock.monotonicMs() + options.waitMs;
    for (;;) {
      const found = this.#storeNow(store) ?? (await this.#openExisting(store));
      const ready = await this.#readNow(found, after, options.max);
      if (ready.length > 0 || options.max === 0) return ready;
      const leftMs = endMs - clock.monotonicMs();
      if (leftMs <= 0 || options.signal?.aborted === true) return [];
      await this.#waitForMore(
        (wake) => this.#watch(store, found, after, wake),
        leftMs,
        options.signal,
      );
      if (this.#closed) throw stopping();
    }
  }

  close(): void {
    this.#closed = true;
    this.#stopListening();
    for (const { store } of this.#stores.values()) store.close(stopping());
    this.#stores.clear();
    for (const wake of [...this.#awaitingStores]) wake();
  }

  async #readNow(
    store: EventStore | undefined,
    after: string | undefined,
    max: number,
  ): Promise<LoggedEvent[]> {
    if (store !== undefined) return store.readNow(after, max);
    const before = after === undefined ? [] : readPosition(after, after.split('.').length);
    if (before.every((offset) => offset === 0)) return [];
    throw new BrokerError(
      'offset-out-of-range',
      'the store does not exist any more; read it from the beginning',
    );
  }

  /** Until `watch` calls back, the time is over or the signal aborts. */
  #waitForMore(
    watch: (wake: () => void) => () => void,
    waitMs: number,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    if (this.#waiters >= this.#limits.waitersMax) {
      throw new BrokerError(
        'limit-reached',
        `${this.#waiters} readers wait for events already; read without waiting, or less often`,
      );
    }
    this.#waiters += 1;
    const { timers } = this.#options.environment;
    let cleanUp = (): void => undefined;
    const over = new Promise<void>((resolve) => {
      const timer = timers.after(waitMs, resolve);
      const aborted = (): void => resolve();
      signal?.addEventListener('abort', aborted, { once: true });
      const stop = watch(resolve);
      cleanUp = () => {
        timers.clear(timer);
        signal?.removeEventListener('abort', aborted);
        stop();
      };
    });
    return over.finally(() => {
      this.#waiters -= 1;
      cleanUp();
    });
  }

  /** Looks once more after it has begun to watch, so that nothing comes unseen in between. */
  #watch(
    name: string,
    store: EventStore | undefined,
    after: string | undefined,
    wake: () => void,
  ): () => void {
    if (store !== undefined) {
      const stop = store.onceMore(wake);
      if (store.hasMore(after)) wake();
      return stop;
    }
    this.#awaitingStores.add(wake);
    if (this.#options.streams.get(name) !== undefined) wake();
    return () => this.#awaitingStores.delete(wake);
  }

  /** The store, if it is open already: the way of nearly every call, and synchronous. */
  #storeNow(name: string): EventStore | undefined {
    const stream = this.#options.streams.get(name);
    if (stream === undefined) return undefined;
    const opened = this.#stores.get(stream.id);
    return opened?.isReady === true ? opened.store : undefined;
  }

  async #openExisting(name: string): Promise<EventStore | undefined> {
    if (this.#closed) throw stopping();
    const stream = this.#options.streams.get(name);
    return stream === undefined ? undefined : this.#open(stream);
  }

  async #openOrCreate(name: string): Promise<EventStore> {
    const found = await this.#openExisting(name);
    if (found !== undefined) return found;
    const { streams } = this.#options;
    try {
      const spec = { name, partitionCount: NEW_STORE_PARTITIONS, overrides: NEW_STORE };
      return await this.#open(await streams.create(spec));
    } catch (error: unknown) {
      const existing = streams.get(name);
      const raced = error instanceof BrokerError && error.code === 'stream-exists';
      if (!raced || existing === undefined) throw error;
      return this.#open(existing);
    }
  }

  #open(stream: Stream): Promise<EventStore> {
    const known = this.#stores.get(stream.id);
    if (known !== undefined) return known.ready;
    const { documents, environment } = this.#options;
    const key = LAYOUT_KEY + stream.id;
    const layout = documents.get(key)?.['partitions'];
    const partitionCount = typeof layout === 'number' ? layout : stream.partitions.length;
    const store = new EventStore({
      ...{ stream, partitionCount, budget: this.#budget },
      ...{ limits: this.#limits, environment },
    });
    const write =
      layout === undefined ? documents.put(key, { partitions: partitionCount }) : undefined;
    const opened = { store, isReady: false, ready: this.#makeReady(store, write) };
    this.#stores.set(stream.id, opened);
    opened.ready.then(
      () => {
        opened.isReady = true;
      },
      (error: unknown) => {
        store.close(error);
        if (this.#stores.get(stream.id) === opened) this.#stores.delete(stream.id);
      },
    );
    return opened.ready;
  }

  async #makeReady(
    store: EventStore,
    layoutWritten: Promise<void> | undefined,
  ): Promise<EventStore> {
    const { name } = store.stream;
    const { records } = store.progress;
    const long = records > LONG_LOG_RECORDS;
    if (long) this.#logger.info({ store: name, records }, 'reading an event store');
    await Promise.all([layoutWritten, store.open()]);
    if (long) this.#logger.info({ store: name, ...store.progress }, 'an event store is ready');
    return store;
  }

  #deleted(stream: Stream): void {
    const opened = this.#stores.get(stream.id);
    this.#stores.delete(stream.id);
    const message = `the event store "${stream.name}" has been deleted`;
    opened?.store.close(new BrokerError('unknown-stream', message));
    // If this fails, a document of a few bytes stays behind under an id that never comes again.
    const key = LAYOUT_KEY + stream.id;
    if (this.#options.documents.get(key) !== undefined) {
      this.#options.documents.delete(key).catch(() => undefined);
    }
  }
}

function stopping(): BrokerError {
  return new BrokerError('stopping', 'the broker is shutting down');
}
