/**
 * Idempotency keys in a table. A row without a result is a run, and its time the end of the lease; with one it is done, and its time
 * is when it is forgotten. Time is that of the database.
 */

import { type Clock, systemClock } from '../../lib/clock.ts';
import { nowMsOf } from '../../sql/clock.ts';
import type { SqlDatabase } from '../../sql/database.ts';
import { checkTableName, migrate, type SqlSchema } from '../../sql/migrate.ts';
import type { Begun, IdempotencyStore } from './store.ts';

const CLEAN_UP_EVERY_MS = 60_000;
const CLEAN_UP_ROWS_MAX = 10_000;

export interface SqlStoreOptions {
  /** Missing: `polymq_idempotency`. */
  readonly table?: string;
}

/** Durable as the database is. Creates its table when it is first used. Errors of the database are passed on as they are. */
export function sqlStore(db: SqlDatabase, options: SqlStoreOptions = {}): IdempotencyStore {
  return new SqlStore(db, checkTableName(options.table ?? 'polymq_idempotency'));
}

class SqlStore implements IdempotencyStore {
  readonly #db: SqlDatabase;
  readonly #table: string;
  readonly #nowMs: string;
  readonly #clock: Clock = systemClock;
  #created: Promise<void> | undefined;
  #cleanedMs: number = this.#clock.nowMs();

  constructor(db: SqlDatabase, table: string) {
    this.#db = db;
    this.#table = table;
    this.#nowMs = nowMsOf(db);
  }

  async begin(key: string, token: string, leaseMs: number): Promise<Begun> {
    await this.#ready();
    this.#cleanUp();
    for (;;) {
      // One statement, so that of two that come at the same time one inserts, and the other one finds it.
      const { rows } = await this.#db.query(
        `insert into ${this.#table} as t (key, token, until_ms, result)
           values ($1, $2, ${this.#nowMs} + $3, null)
         on conflict (key) do update
           set token = excluded.token, until_ms = excluded.until_ms, result = null
           where t.until_ms <= ${this.#nowMs}
         returning token`,
        [key, token, whole(leaseMs)],
      );
      if (rows.length > 0) return { state: 'started' };
      const known = await this.#db.query(
        `select result, until_ms - ${this.#nowMs} as left_ms from ${this.#table} where key = $1`,
        [key],
      );
      const { result, left_ms: leftMs } = known.rows[0] ?? {};
      if (typeof result === 'string') return { state: 'done', result };
      // None: it was released in between.
      if (leftMs !== undefined) return { state: 'running', leaseMs: Math.max(0, Number(leftMs)) };
    }
  }

  async renew(key: string, token: string, leaseMs: number): Promise<boolean> {
    const { changes } = await this.#db.query(
      `update ${this.#table} set until_ms = ${this.#nowMs} + $3
       where key = $1 and token = $2 and result is null`,
      [key, token, whole(leaseMs)],
    );
    return changes > 0;
  }

  async complete(key: string, token: string, result: string, keepMs: number): Promise<boolean> {
    const { changes } = await this.#db.query(
      `update ${this.#table} set until_ms = ${this.#nowMs} + $3, result = $4
       where key = $1 and token = $2 and result is null`,
      [key, token, whole(keepMs), result],
    );
    return changes > 0;
  }

  async release(key: string, token: string): Promise<void> {
    await this.#db.query(
      `delete from ${this.#table} where key = $1 and token = $2 and result is null`,
      [key, token],
    );
  }

  #ready(): Promise<void> {
    this.#created ??= migrate(this.#db, schemaOf(this.#table)).catch((error: unknown) => {
      this.#created = undefined;
      throw error;
    });
    return this.#created;
  }

  /** Now and then, beside the call. What it leaves behind, the next one takes. */
  #cleanUp(): void {
    const nowMs = this.#clock.nowMs();
    if (nowMs - this.#cleanedMs < CLEAN_UP_EVERY_MS) return;
    this.#cleanedMs = nowMs;
    const isOld = `until_ms < ${this.#nowMs}`;
    const old = `select key from ${this.#table} where ${isOld} limit ${CLEAN_UP_ROWS_MAX}`;
    // Asked again of each row: another run may take it over between being found and being deleted.
    this.#db.query(`delete from ${this.#table} where key in (${old}) and ${isOld}`).catch(() => {});
  }
}

function schemaOf(table: string): SqlSchema {
  const create = (big: string): string[] => [
    `create table ${table} (
       key text primary key, token text not null, until_ms ${big} not null, result text)`,
    `create index ${table}_until on ${table} (until_ms)`,
  ];
  return { name: table, steps: [{ postgresql: create('bigint'), sqlite: create('integer') }] };
}

function whole(ms: number): number {
  return Math.ceil(ms);
}
