/**
 * Event sourcing: what happened is stored, in streams; the present is computed from it.
 *
 * ```ts
 * interface BankEvents { Opened: { owner: string }; Deposited: { amount: number } }
 * const bank = eventStore<BankEvents>(mq, 'bank');
 * await bank.append('acc-1', [{ type: 'Opened', data: { owner: 'Ada' } }], { expect: 'new' });
 * const { state } = await bank.fold('acc-1', 0, (sum, e) => (e.type === 'Deposited' ? sum + e.data.amount : sum));
 * ```
 *
 * Guarantees: the events of one append are stored together or not at all, durably when `append` resolves, in the order given. With `expect`, of
 * two who saw the same version one wins, and the other gets `version-conflict`. A stream is read in order, from its first event if one likes.
 */
import type { Client } from '../../client/client.ts';
import type { EventLogDriver } from '../../driver/driver.ts';
import { unsupported } from '../../driver/require-capability.ts';
import { PolymqError } from '../../errors.ts';
import { type Duration, durationMs } from '../../lib/duration.ts';
import type { MessageContract } from '../../message/contract.ts';
import type { SqlDatabase } from '../../sql/database.ts';
import type { Projection, ProjectionHandlers, ProjectOptions } from '../projection/projection.ts';
import { startProjection } from '../projection/start-projection.ts';
import { type Decided, type DecideOptions, decideOn } from './decide.ts';
import { EventCodec } from './event-codec.ts';
import type { AnyEvents, Decider, Folded, NewEvent, RecordedEvent } from './event-types.ts';
import { foldStream } from './fold.ts';
import {
  checkSnapshotOptions,
  LoggedSnapshots,
  type SnapshotOptions,
  SqlSnapshots,
} from './snapshots.ts';
import { SqlEventLog } from './sql-event-log.ts';

export interface EventStoreOptions {
  /**
   * Keeps the events in this database (`postgres(pool)`, `sqlite(db)`), in the table `polymq_events`, whatever the engine. Missing: in the engine's own
   * event log; `UnsupportedError` if it has none.
   */
  db?: SqlDatabase;
  /** Missing: none; streams are read from their beginning. */
  snapshots?: SnapshotOptions;
  /** The types of events, with their versions: older ones are brought up when they are read. Other types are refused. */
  contracts?: readonly MessageContract[];
}

export interface AppendOptions {
  /** The version the stream must have; `'new'`: it must not exist; `'any'` (if missing): no matter. */
  expect?: number | 'new' | 'any';
}

export interface Appended {
  /** Of the stream: of its last event. */
  readonly version: number;
  /** In the store. */
  readonly position: string;
}

export interface ReadOptions {
  /** The first version. Missing: 1. */
  from?: number;
  /** Missing: all that are there when the end is reached. */
  max?: number;
}

export interface ReadAllOptions {
  /** The position of the event behind which to go on. Missing: from the first of the store. */
  after?: string;
  /** At most so many. Missing: 100. */
  max?: number;
  /** How long to wait for the first. Missing: 0. */
  wait?: Duration;
  signal?: AbortSignal;
}

export interface EventStore<E = AnyEvents> {
  readonly name: string;
  /**
   * Durable when it resolves, all or none. Rejects with `version-conflict` if the stream has another version than expected,
   * `invalid-message` if a contract refuses the data, `message-too-large` if the events together are beyond what the engine takes at once.
   */
  append(
    stream: string,
    events: NewEvent<E> | readonly NewEvent<E>[],
    options?: AppendOptions,
  ): Promise<Appended>;
  /** The events of one stream in order, a page at a time; none if there is no such stream. */
  read(stream: string, options?: ReadOptions): AsyncIterableIterator<RecordedEvent<E>>;
  /** Events of all streams. Those of one stream come in order; behind a position that was read nothing appears before it. */
  readAll(options?: ReadAllOptions): Promise<readonly RecordedEvent<E>[]>;
  /** How many events the stream has. */
  version(stream: string): Promise<number>;
  /** The state that the events of the stream lead to, and its version. `initial` that is a function makes a fresh state for each call. */
  fold<State>(
    stream: string,
    initial: State | (() => State),
    reducer: (state: State, event: RecordedEvent<E>) => State,
  ): Promise<Folded<State>>;
  /**
   * Loads the state (from a snapshot if there is one), asks the decider what the command leads to, and appends that at the version it saw; if somebody
   * else was faster, the same again, up to `retries` times. Rejects with what the decider throws, and with `version-conflict` in the end.
   */
  decide<State, Command>(
    stream: string,
    decider: Decider<State, Command, E>,
    command: Command,
    options?: DecideOptions,
  ): Promise<Decided<State, E>>;
  /**
   * Shows every event of the store to its handler, in order, and remembers how far it has come. At least once if the checkpoint is kept by the broker or
   * the store; exactly once if it is in the database that the handlers write to. See `ProjectOptions`.
   */
  project(name: string, handlers: ProjectionHandlers<E>, options?: ProjectOptions): Projection;
}

/** The store of that name; nothing is made before the first append. Throws `UnsupportedError` if the engine has no event log and `db` is missing. */
export function eventStore<E = AnyEvents>(
  mq: Client,
  name: string,
  options: EventStoreOptions = {},
): EventStore<E> {
  return new LoggedEventStore<E>(mq, name, options);
}

const PAGE = 500;
const READ_ALL = 100;

class LoggedEventStore<E> implements EventStore<E> {
  readonly name: string;
  readonly #mq: Client;
  readonly #log: EventLogDriver;
  readonly #codec: EventCodec<E>;
  readonly #options: EventStoreOptions;

  constructor(mq: Client, name: string, options: EventStoreOptions) {
    this.name = name;
    this.#mq = mq;
    this.#log = logOf(mq, options.db);
    this.#codec = new EventCodec<E>(`event store "${name}"`, mq.clock, options.contracts);
    this.#options = options;
    if (options.snapshots !== undefined) checkSnapshotOptions(options.snapshots);
  }

  async append(
    stream: string,
    events: NewEvent<E> | readonly NewEvent<E>[],
    { expect = 'any' }: AppendOptions = {},
  ): Promise<Appended> {
    const list = (Array.isArray(events) ? events : [events]) as readonly NewEvent<E>[];
    const encoded = await Promise.all(list.map((event) => this.#codec.encode(event)));
    const { version, position } = await this.#log.append(
      this.name,
      stream,
      encoded,
      expectedVersion(expect),
    );
    return { version, position };
  }

  async *read(stream: string, options: ReadOptions = {}): AsyncIterableIterator<RecordedEvent<E>> {
    let { from = 1, max: left = Number.POSITIVE_INFINITY } = options;
    while (left > 0) {
      const page = await this.#log.readStream(this.name, stream, from, Math.min(left, PAGE));
      if (page.length === 0) return;
      for (const event of page) yield await this.#codec.decode(event);
      from = page.at(-1)!.version + 1;
      left -= page.length;
    }
  }

  async readAll(options: ReadAllOptions = {}): Promise<readonly RecordedEvent<E>[]> {
    const { after, max = READ_ALL, wait = 0, signal } = options;
    const events = await this.#log.readAll(this.name, after, {
      max,
      waitMs: durationMs(wait, 'wait'),
      ...(signal && { signal }),
    });
    return Promise.all(events.map((event) => this.#codec.decode(event)));
  }

  version(stream: string): Promise<number> {
    return this.#log.version(this.name, stream);
  }

  fold<State>(
    stream: string,
    initial: State | (() => State),
    reducer: (state: State, event: RecordedEvent<E>) => State,
  ): Promise<Folded<State>> {
    const start = typeof initial === 'function' ? (initial as () => State)() : initial;
    return foldStream(this, stream, { state: start, version: 0 }, reducer);
  }

  decide<State, Command>(
    stream: string,
    decider: Decider<State, Command, E>,
    command: Command,
    options: DecideOptions = {},
  ): Promise<Decided<State, E>> {
    return decideOn({ store: this, snapshots: this.#snapshots() }, stream, {
      ...{ decider, command, options },
    });
  }

  project(name: string, handlers: ProjectionHandlers<E>, options: ProjectOptions = {}): Projection {
    return startProjection<E>(
      { mq: this.#mq, store: this, log: this.#log, db: this.#options.db },
      name,
      handlers,
      options,
    );
  }

  #snapshots(): (SnapshotOptions & { store: NonNullable<SnapshotOptions['store']> }) | undefined {
    const { snapshots, db } = this.#options;
    if (snapshots === undefined) return undefined;
    this.#snapshotStore ??=
      snapshots.store ??
      (db === undefined
        ? new LoggedSnapshots(this.#log, this.name, this.#mq.clock)
        : new SqlSnapshots(db, this.name));
    return { ...snapshots, store: this.#snapshotStore };
  }

  #snapshotStore: SnapshotOptions['store'];
}

function logOf(mq: Client, db: SqlDatabase | undefined): EventLogDriver {
  if (db !== undefined) return new SqlEventLog(db, mq.clock);
  const { eventLog } = mq.driver;
  if (eventLog === undefined) throw unsupported(mq.driver, 'event-log');
  return eventLog;
}

function expectedVersion(expect: number | 'new' | 'any'): number | undefined {
  if (expect === 'any') return undefined;
  if (expect === 'new') return 0;
  if (Number.isSafeInteger(expect) && expect >= 0) return expect;
  throw new PolymqError(
    'invalid-argument',
    `expect: ${expect}; give the version of the stream, "new" or "any"`,
  );
}
