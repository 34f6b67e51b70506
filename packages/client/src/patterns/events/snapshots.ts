/**
 * States that were saved so that not all events must be read again. A snapshot is only ever a shortcut: one of another schema version, or one
 * that is missing, costs time and nothing else.
 */
import { randomUUID } from 'node:crypto';
import type { EventLogDriver } from '../../driver/driver.ts';
import { PolymqError } from '../../errors.ts';
import type { Clock } from '../../lib/clock.ts';
import { decodeData, encodeData } from '../../message/codec.ts';
import type { SqlDatabase } from '../../sql/database.ts';
import { migrate } from '../../sql/migrate.ts';
import { SNAPSHOTS_SCHEMA } from './sql-events-schema.ts';

export interface SnapshotOptions {
  /** A snapshot is made when so many events have come since the last one. */
  every: number;
  /** Raise it whenever the state or the way it is computed changes: older snapshots are not used any more. Missing: 1. */
  schema?: number;
  /** Missing: beside the events, in the same database or broker. */
  store?: SnapshotStore;
}

export interface Snapshot {
  readonly schema: number;
  /** Of the stream, when it was made. */
  readonly version: number;
  readonly state: unknown;
}

/** Where snapshots are kept: the newest of each stream and name. */
export interface SnapshotStore {
  load(stream: string, name: string): Promise<Snapshot | undefined>;
  save(stream: string, name: string, snapshot: Snapshot): Promise<void>;
}

/** In the table `polymq_snapshots`. States are kept as JSON. */
export class SqlSnapshots implements SnapshotStore {
  readonly #db: SqlDatabase;
  readonly #store: string;
  #ready: Promise<void> | undefined;

  constructor(db: SqlDatabase, store: string) {
    this.#db = db;
    this.#store = store;
  }

  async load(stream: string, name: string): Promise<Snapshot | undefined> {
    await this.#open();
    const { rows } = await this.#db.query(
      'select schema_version, version, state from polymq_snapshots where store = $1 and stream = $2 and name = $3',
      [this.#store, stream, name],
    );
    const row = rows[0];
    if (row === undefined) return undefined;
    return {
      schema: Number(row['schema_version']),
      version: Number(row['version']),
      state: decodeData(row['state'] as Uint8Array, 'application/json'),
    };
  }

  async save(stream: string, name: string, { schema, version, state }: Snapshot): Promise<void> {
    await this.#open();
    await this.#db.query(
      `insert into polymq_snapshots (store, stream, name, schema_version, version, state) values ($1, $2, $3, $4, $5, $6)
       on conflict (store, stream, name) do update
       set schema_version = excluded.schema_version, version = excluded.version, state = excluded.state
       where polymq_snapshots.schema_version <> excluded.schema_version or polymq_snapshots.version < excluded.version`,
      [this.#store, stream, name, schema, version, encodeState(state, stream)],
    );
  }

  #open(): Promise<void> {
    this.#ready ??= migrate(this.#db, SNAPSHOTS_SCHEMA).catch((error: unknown) => {
      this.#ready = undefined;
      throw error;
    });
    return this.#ready;
  }
}

/** As events of a store of their own, `<store>.snapshots`: the last one of a stream counts. */
export class LoggedSnapshots implements SnapshotStore {
  readonly #log: EventLogDriver;
  readonly #store: string;
  readonly #clock: Clock;

  constructor(log: EventLogDriver, store: string, clock: Clock) {
    this.#log = log;
    this.#store = `${store}.snapshots`;
    this.#clock = clock;
  }

  async load(stream: string, name: string): Promise<Snapshot | undefined> {
    const key = keyOf(stream, name);
    const version = await this.#log.version(this.#store, key);
    if (version === 0) return undefined;
    const [last] = await this.#log.readStream(this.#store, key, version, 1);
    if (last === undefined) return undefined;
    return decodeData(last.body, last.contentType) as Snapshot;
  }

  async save(stream: string, name: string, snapshot: Snapshot): Promise<void> {
    const message = {
      ...{ id: randomUUID(), type: 'snapshot', contentType: 'application/json', headers: {} },
      ...{ body: encodeState(snapshot, stream), timestampMs: this.#clock.nowMs() },
    };
    await this.#log.append(this.#store, keyOf(stream, name), [message], undefined);
  }
}

function keyOf(stream: string, name: string): string {
  return `${name}:${stream}`;
}

/** Always as JSON: a state of bytes would not be the same when it comes back. */
function encodeState(state: unknown, stream: string): Uint8Array {
  const place = `a snapshot of the stream "${stream}"`;
  if (state instanceof Uint8Array) {
    throw new PolymqError(
      'invalid-message',
      `${place} is bytes; keep a state that has a JSON form`,
    );
  }
  return typeof state === 'string'
    ? Buffer.from(JSON.stringify(state))
    : encodeData(state, place).body;
}

/** Throws `invalid-argument`. */
export function checkSnapshotOptions({ every, schema = 1 }: SnapshotOptions): void {
  if (Number.isSafeInteger(every) && every >= 1 && Number.isSafeInteger(schema)) return;
  throw new PolymqError(
    'invalid-argument',
    `snapshots: { every: ${every}, schema: ${schema} }; every is a whole number from 1 on, schema a whole number`,
  );
}
