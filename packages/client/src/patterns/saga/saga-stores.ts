/** Where sagas are kept: in memory, in the engine's event log, in a database. */
import { randomUUID } from 'node:crypto';
import type { EventLogDriver } from '../../driver/driver.ts';
import { PolymqError } from '../../errors.ts';
import type { Clock } from '../../lib/clock.ts';
import { decodeData } from '../../message/codec.ts';
import type { SqlDatabase } from '../../sql/database.ts';
import { migrate, type SqlSchema } from '../../sql/migrate.ts';
import type { SagaRecord, SagaStore, VersionedRecord } from './saga-record.ts';

/** Gone with the process: for tests. */
export class MemorySagas implements SagaStore {
  readonly #records = new Map<string, { version: number; json: string }>();

  async load(saga: string, id: string): Promise<VersionedRecord | undefined> {
    const found = this.#records.get(keyOf(saga, id));
    if (found === undefined) return undefined;
    return { version: found.version, record: JSON.parse(found.json) as SagaRecord };
  }

  async save(saga: string, id: string, record: SagaRecord, expected: number): Promise<void> {
    const key = keyOf(saga, id);
    const version = this.#records.get(key)?.version ?? 0;
    if (version !== expected) throw conflict(saga, id);
    this.#records.set(key, { version: expected + 1, json: JSON.stringify(record) });
  }
}

/** A stream of events per saga, in the store `polymq-sagas-<name>`: the newest event is the saga as it is, the older ones its history. */
export class LoggedSagas implements SagaStore {
  readonly #log: EventLogDriver;
  readonly #clock: Clock;

  constructor(log: EventLogDriver, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
  }

  async load(saga: string, id: string): Promise<VersionedRecord | undefined> {
    const store = storeOf(saga);
    const version = await this.#log.version(store, id);
    if (version === 0) return undefined;
    const [last] = await this.#log.readStream(store, id, version, 1);
    if (last === undefined) return undefined;
    return { version, record: decodeData(last.body, last.contentType) as SagaRecord };
  }

  async save(saga: string, id: string, record: SagaRecord, expected: number): Promise<void> {
    const message = {
      id: randomUUID(),
      type: 'saga',
      body: Buffer.from(JSON.stringify(record)),
      contentType: 'application/json',
      headers: {},
      timestampMs: this.#clock.nowMs(),
    };
    await this.#log.append(storeOf(saga), id, [message], expected);
  }
}

const SAGAS_SCHEMA: SqlSchema = {
  name: 'polymq_sagas',
  steps: [
    {
      postgresql: [tableText('bigint')],
      sqlite: [tableText('integer')],
    },
  ],
};

/** A row of the table `polymq_sagas` per saga; those that have ended may be deleted when their messages can no longer come again. */
export class SqlSagas implements SagaStore {
  readonly #db: SqlDatabase;
  readonly #clock: Clock;
  #ready: Promise<void> | undefined;

  constructor(db: SqlDatabase, clock: Clock) {
    this.#db = db;
    this.#clock = clock;
  }

  async load(saga: string, id: string): Promise<VersionedRecord | undefined> {
    await this.#open();
    const { rows } = await this.#db.query(
      'select version, record from polymq_sagas where saga = $1 and id = $2',
      [saga, id],
    );
    const row = rows[0];
    if (row === undefined) return undefined;
    const record = JSON.parse(String(row['record'])) as SagaRecord;
    return { version: Number(row['version']), record };
  }

  async save(saga: string, id: string, record: SagaRecord, expected: number): Promise<void> {
    await this.#open();
    const values = [saga, id, record.status, JSON.stringify(record), this.#clock.nowMs()];
    const { changes } =
      expected === 0
        ? await this.#db.query(
            `insert into polymq_sagas (saga, id, status, record, changed_ms, version)
             values ($1, $2, $3, $4, $5, 1) on conflict (saga, id) do nothing`,
            values,
          )
        : await this.#db.query(
            `update polymq_sagas set status = $3, record = $4, changed_ms = $5, version = version + 1
             where saga = $1 and id = $2 and version = $6`,
            [...values, expected],
          );
    if (changes === 0) throw conflict(saga, id);
  }

  #open(): Promise<void> {
    this.#ready ??= migrate(this.#db, SAGAS_SCHEMA).catch((error: unknown) => {
      this.#ready = undefined;
      throw error;
    });
    return this.#ready;
  }
}

function tableText(big: string): string {
  return `create table polymq_sagas (
    saga text not null,
    id text not null,
    version ${big} not null,
    status text not null,
    record text not null,
    changed_ms ${big} not null,
    primary key (saga, id))`;
}

function storeOf(saga: string): string {
  return `polymq-sagas-${saga}`;
}

function keyOf(saga: string, id: string): string {
  return JSON.stringify([saga, id]);
}

function conflict(saga: string, id: string): PolymqError {
  return new PolymqError(
    'version-conflict',
    `the saga "${saga}" ${id} was changed meanwhile by somebody else`,
  );
}
