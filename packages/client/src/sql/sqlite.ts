/**
 * SQLite by whatever library the program has: `DatabaseSync` of `node:sqlite` (Node 22.5 or later), better-sqlite3, or
 * node-sqlite3-wasm (any Node, no compiler). All of them are synchronous: a statement has run when `query` returns.
 *
 * One connection has one transaction at a time, and everything that runs on it meanwhile is part of that transaction. So
 * transactions and statements on one handle take turns, and if the program itself has begun one on the same connection,
 * they wait until it is over. Who waits within a transaction for that transaction is told so (`turns.ts`). SQLite has one writer per file: while another
 * connection or process writes, `busy` is answered by waiting and trying again for up to 10 s, without blocking the event loop.
 */
import { PolymqError } from '../errors.ts';
import { sleep, systemClock } from '../lib/clock.ts';
import type { SqlDatabase, SqlResult, SqlRow, SqlTransaction, SqlValue } from './database.ts';
import { Turns } from './turns.ts';

/** `DatabaseSync` of `node:sqlite`, or a `Database` of better-sqlite3. */
export interface PreparingSqlite {
  exec(text: string): unknown;
  prepare(text: string): SqliteStatement;
  readonly inTransaction?: boolean;
  readonly isTransaction?: boolean;
}

interface SqliteStatement {
  all(...values: never[]): unknown[];
  run(...values: never[]): { changes: number | bigint };
}

/** A `Database` of node-sqlite3-wasm. */
export interface DirectSqlite {
  exec(text: string): unknown;
  all(text: string, values?: never): unknown;
  run(text: string, values?: never): { changes: number };
  readonly inTransaction?: boolean;
}

const BUSY_WAIT_MS_MAX = 10_000;
const STATEMENTS_MAX = 128;

/** The database behind an open connection, which the program closes itself. */
export function sqlite(db: PreparingSqlite | DirectSqlite): SqlDatabase {
  return new Sqlite(connectionOf(db));
}

class Sqlite implements SqlDatabase {
  readonly dialect = 'sqlite';
  readonly #connection: SqliteConnection;
  readonly #turns: Turns;

  constructor(connection: SqliteConnection) {
    this.#connection = connection;
    this.#turns = turnsOf(connection);
  }

  query(text: string, values: readonly SqlValue[] = []): Promise<SqlResult> {
    return this.#turns.take(async () => {
      await this.#idle();
      return whenFree(() => this.#connection.run(text, values));
    });
  }

  transaction<T>(work: (tx: SqlTransaction) => Promise<T>): Promise<T> {
    return this.#turns.hold(async () => {
      await this.#idle();
      // Taking the writer's lock at once: a transaction that reads first could not always become a writer later.
      await whenFree(() => this.#connection.exec('begin immediate'));
      const tx = new SqliteTransaction(this.#connection);
      try {
        const result = await work(tx);
        tx.open = false;
        await whenFree(() => this.#connection.exec('commit'));
        return result;
      } catch (error) {
        tx.open = false;
        // Some errors have rolled it back already.
        if (this.#connection.inTransaction !== false)
          tryTo(() => this.#connection.exec('rollback'));
        throw error;
      }
    });
  }

  wrap(handle: unknown): SqlTransaction {
    if ((handle as Partial<SqlTransaction> | null | undefined)?.dialect === 'sqlite') {
      return handle as SqlTransaction;
    }
    return new SqliteTransaction(connectionOf(handle as PreparingSqlite));
  }

  /** Waits for a transaction that the program has begun on this connection by itself. */
  async #idle(): Promise<void> {
    for (let waitedMs = 0; this.#connection.inTransaction === true; waitedMs += 5) {
      if (waitedMs > BUSY_WAIT_MS_MAX) {
        throw new PolymqError(
          'timeout',
          `a transaction has been open on this SQLite connection for ${BUSY_WAIT_MS_MAX} ms; commit it, or give the SDK a connection of its own`,
        );
      }
      await sleep(systemClock, 5);
    }
  }
}

class SqliteTransaction implements SqlTransaction {
  readonly dialect = 'sqlite';
  open = true;
  readonly #connection: SqliteConnection;

  constructor(connection: SqliteConnection) {
    this.#connection = connection;
  }

  async query(text: string, values: readonly SqlValue[] = []): Promise<SqlResult> {
    if (this.open) return this.#connection.run(text, values);
    throw new PolymqError(
      'closed',
      'the transaction is over; await everything within it before its work returns',
    );
  }
}

// ── The libraries ───────────────────────────────────────────────────────────────────────────────

interface SqliteConnection {
  /** Undefined where the library does not tell (Node before 22.16). */
  readonly inTransaction: boolean | undefined;
  exec(text: string): void;
  run(text: string, values: readonly SqlValue[]): SqlResult;
}

function connectionOf(db: PreparingSqlite | DirectSqlite | undefined | null): SqliteConnection {
  const known = connections.get(db as object);
  if (known !== undefined) return known;
  if (typeof db?.exec !== 'function' || !('all' in db || 'prepare' in db)) {
    throw new PolymqError(
      'invalid-argument',
      'this is no SQLite database; give a DatabaseSync of node:sqlite, or a Database of better-sqlite3 or node-sqlite3-wasm',
    );
  }
  const made = 'all' in db ? new DirectConnection(db) : new PreparingConnection(db);
  connections.set(db, made);
  return made;
}

/** One per handle, for its prepared statements. */
const connections = new WeakMap<object, SqliteConnection>();

/** All that was made of one handle takes turns. */
const turns = new WeakMap<SqliteConnection, Turns>();

function turnsOf(connection: SqliteConnection): Turns {
  const known = turns.get(connection);
  if (known !== undefined) return known;
  const made = new Turns();
  turns.set(connection, made);
  return made;
}

class PreparingConnection implements SqliteConnection {
  readonly #db: PreparingSqlite;
  readonly #statements = new Map<string, { statement: SqliteStatement; text: SqliteText }>();

  constructor(db: PreparingSqlite) {
    this.#db = db;
  }

  get inTransaction(): boolean | undefined {
    return this.#db.inTransaction ?? this.#db.isTransaction;
  }

  exec(text: string): void {
    this.#db.exec(text);
  }

  run(text: string, values: readonly SqlValue[]): SqlResult {
    const { statement, text: sqliteText } = this.#prepared(text);
    const bound = sqliteText.order.map((index) => values[index] ?? null) as never[];
    if (!sqliteText.givesRows)
      return { rows: [], changes: Number(statement.run(...bound).changes) };
    const rows = statement.all(...bound) as SqlRow[];
    return { rows, changes: rows.length };
  }

  #prepared(text: string): { statement: SqliteStatement; text: SqliteText } {
    let found = this.#statements.get(text);
    if (found === undefined) {
      const sqliteText = textFor(text);
      found = { statement: this.#db.prepare(sqliteText.text), text: sqliteText };
      if (this.#statements.size >= STATEMENTS_MAX) this.#statements.clear();
      this.#statements.set(text, found);
    }
    return found;
  }
}

class DirectConnection implements SqliteConnection {
  readonly #db: DirectSqlite;
  readonly #texts = new Map<string, SqliteText>();

  constructor(db: DirectSqlite) {
    this.#db = db;
  }

  get inTransaction(): boolean | undefined {
    return this.#db.inTransaction;
  }

  exec(text: string): void {
    this.#db.exec(text);
  }

  run(text: string, values: readonly SqlValue[]): SqlResult {
    const { text: sqliteText, order, givesRows } = this.#text(text);
    const bound = order.map((index) => values[index] ?? null) as never;
    if (!givesRows) return { rows: [], changes: this.#db.run(sqliteText, bound).changes };
    const rows = this.#db.all(sqliteText, bound) as SqlRow[];
    return { rows, changes: rows.length };
  }

  #text(text: string): SqliteText {
    let found = this.#texts.get(text);
    if (found === undefined) {
      found = textFor(text);
      if (this.#texts.size >= STATEMENTS_MAX) this.#texts.clear();
      this.#texts.set(text, found);
    }
    return found;
  }
}

interface SqliteText {
  readonly text: string;
  /** Which value each `?` gets. */
  readonly order: readonly number[];
  readonly givesRows: boolean;
}

/** `$2` becomes `?`: the only kind of placeholder that all three libraries bind by position. */
function textFor(text: string): SqliteText {
  const order: number[] = [];
  const withMarks = text.replace(/\$(\d+)/g, (_, number: string) => {
    order.push(Number(number) - 1);
    return '?';
  });
  const reads = /^\s*(select|values|pragma|explain)\b/i.test(text);
  const readsWith = /^\s*with\b/i.test(text) && !/\b(insert|update|delete)\b/i.test(text);
  return { text: withMarks, order, givesRows: reads || readsWith || /\breturning\b/i.test(text) };
}

/** Tries again while another connection writes. */
async function whenFree<T>(work: () => T): Promise<T> {
  for (let waitedMs = 0, pauseMs = 2; ; pauseMs = Math.min(pauseMs * 2, 50)) {
    try {
      return work();
    } catch (error) {
      if (!isBusy(error) || waitedMs >= BUSY_WAIT_MS_MAX) throw error;
    }
    await sleep(systemClock, pauseMs);
    waitedMs += pauseMs;
  }
}

/** SQLITE_BUSY (5) in the words of each library, or a transaction that somebody else has begun on this connection. */
function isBusy(error: unknown): boolean {
  const { code, errcode, message } = error as { code?: string; errcode?: number; message?: string };
  if (code?.startsWith('SQLITE_BUSY') === true || errcode === 5) return true;
  return /database is locked|within a transaction/i.test(message ?? '');
}

function tryTo(work: () => void): void {
  try {
    work();
  } catch {
    // The error that led here is the one to report.
  }
}
