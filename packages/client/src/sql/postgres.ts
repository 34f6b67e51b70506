/**
 * PostgreSQL by the package `pg`: a `Pool`, or one connected `Client`. A pool gives every transaction a connection of its
 * own; with a single client, transactions and other statements take turns. The program connects, configures and ends
 * it; nothing here does. Version 12 or later.
 */
import { PolymqError } from '../errors.ts';
import type { Listening, SqlDatabase, SqlResult, SqlTransaction, SqlValue } from './database.ts';
import { Turns } from './turns.ts';

/** What is used of a `pg.Client` or of a client from a pool. */
export interface PostgresClient {
  query(text: string, values?: unknown[]): Promise<unknown>;
}

/** What is used of a `pg.Pool`. */
export interface PostgresPool extends PostgresClient {
  readonly totalCount: number;
  connect(): Promise<PooledClient>;
}

interface PooledClient extends PostgresClient {
  release(error?: Error | boolean): void;
  on(event: 'notification' | 'error' | 'end', listener: (value?: unknown) => void): unknown;
  removeAllListeners(event: 'notification'): unknown;
}

/** The database behind a `pg.Pool` or a connected `pg.Client`. */
export function postgres(pool: PostgresPool | PostgresClient): SqlDatabase {
  if (typeof (pool as Partial<PostgresClient> | undefined)?.query !== 'function') {
    throw new PolymqError(
      'invalid-argument',
      'postgres() takes a Pool or a Client of the package pg',
    );
  }
  return isPool(pool) ? new PooledPostgres(pool) : new SinglePostgres(pool);
}

function isPool(pool: PostgresPool | PostgresClient): pool is PostgresPool {
  return 'totalCount' in pool && 'connect' in pool;
}

class PooledPostgres implements SqlDatabase {
  readonly dialect = 'postgresql';
  readonly #pool: PostgresPool;

  constructor(pool: PostgresPool) {
    this.#pool = pool;
  }

  query(text: string, values?: readonly SqlValue[]): Promise<SqlResult> {
    return ask(this.#pool, text, values);
  }

  async transaction<T>(work: (tx: SqlTransaction) => Promise<T>): Promise<T> {
    const client = await this.#pool.connect();
    let broken: Error | undefined;
    try {
      return await inTransaction(client, work, (error) => {
        broken = error;
      });
    } finally {
      client.release(broken);
    }
  }

  wrap(handle: unknown): SqlTransaction {
    return wrapClient(handle);
  }

  /** Holds one connection of the pool. */
  async listen(
    channel: string,
    notified: () => void,
    lost: (error: unknown) => void,
  ): Promise<Listening> {
    const client = await this.#pool.connect();
    let over = false;
    const end = (error: unknown): void => {
      if (over) return;
      over = true;
      client.release(true);
      lost(error);
    };
    client.on('error', end);
    client.on('notification', notified);
    try {
      await client.query(`listen ${quoted(channel)}`);
    } catch (error) {
      over = true;
      client.release(true);
      throw error;
    }
    return {
      close: async () => {
        if (over) return;
        over = true;
        client.removeAllListeners('notification');
        // Closing the connection ends the LISTEN; given back as it is, the next user would get the notifications.
        client.release(true);
      },
    };
  }
}

class SinglePostgres implements SqlDatabase {
  readonly dialect = 'postgresql';
  readonly #client: PostgresClient;
  readonly #turns = new Turns();

  constructor(client: PostgresClient) {
    this.#client = client;
  }

  query(text: string, values?: readonly SqlValue[]): Promise<SqlResult> {
    return this.#turns.take(() => ask(this.#client, text, values));
  }

  transaction<T>(work: (tx: SqlTransaction) => Promise<T>): Promise<T> {
    return this.#turns.hold(() => inTransaction(this.#client, work, () => {}));
  }

  wrap(handle: unknown): SqlTransaction {
    return wrapClient(handle);
  }
}

class PostgresTransaction implements SqlTransaction {
  readonly dialect = 'postgresql';
  open = true;
  readonly #client: PostgresClient;

  constructor(client: PostgresClient) {
    this.#client = client;
  }

  query(text: string, values?: readonly SqlValue[]): Promise<SqlResult> {
    if (this.open) return ask(this.#client, text, values);
    return Promise.reject(
      new PolymqError(
        'closed',
        'the transaction is over; await everything within it before its work returns',
      ),
    );
  }
}

async function inTransaction<T>(
  client: PostgresClient,
  work: (tx: SqlTransaction) => Promise<T>,
  broke: (error: Error) => void,
): Promise<T> {
  const tx = new PostgresTransaction(client);
  try {
    // Whatever the server's default is: patterns rely on seeing what was committed between their statements.
    await client.query('begin isolation level read committed');
    const result = await work(tx);
    tx.open = false;
    await client.query('commit');
    return result;
  } catch (error) {
    tx.open = false;
    // A connection that cannot even roll back is not given to anybody else.
    await client.query('rollback').catch(broke);
    throw error;
  }
}

function wrapClient(handle: unknown): SqlTransaction {
  const candidate = handle as
    | (Partial<SqlTransaction> & Partial<PostgresClient>)
    | undefined
    | null;
  if (typeof candidate?.query !== 'function') {
    throw new PolymqError(
      'invalid-argument',
      'this is no open transaction; give the pg client on which you ran BEGIN, or what db.transaction hands to its work',
    );
  }
  if (candidate.dialect === 'postgresql') return candidate as SqlTransaction;
  if (isPool(candidate as PostgresClient)) {
    throw new PolymqError(
      'invalid-argument',
      'a pool is no transaction: each of its statements may run on another connection; give the client from pool.connect() on which you ran BEGIN',
    );
  }
  return new PostgresTransaction(candidate as PostgresClient);
}

async function ask(
  client: PostgresClient,
  text: string,
  values: readonly SqlValue[] | undefined,
): Promise<SqlResult> {
  const result = (await client.query(text, values as unknown[] | undefined)) as
    | SqlResult['rows']
    | { rows?: SqlResult['rows']; rowCount?: number | null };
  if (Array.isArray(result)) return { rows: result, changes: result.length };
  const { rows = [], rowCount } = result as { rows?: SqlResult['rows']; rowCount?: number | null };
  return { rows, changes: rowCount ?? rows.length };
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
