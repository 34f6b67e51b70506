/**
 * What the patterns need of a SQL database: a few lines that `postgres(pool)` and `sqlite(db)` implement over the library that
 * a program has already. Nothing here imports one.
 *
 * Statements are written for both dialects where they agree, with `$1`, `$2`, … for values. Errors of the database are passed on as
 * they are, so that the caller's own handling (retry on `40001`, say) keeps working.
 */

export type SqlValue = string | number | bigint | Uint8Array | null;

/** Columns by name. 64-bit integers are text on PostgreSQL and numbers on SQLite: `Number(row['id'])` reads both. */
export type SqlRow = Readonly<Record<string, unknown>>;

export interface SqlResult {
  readonly rows: readonly SqlRow[];
  /** Rows inserted, updated or deleted. */
  readonly changes: number;
}

/** Something that takes statements: a database, each statement committed by itself, or an open transaction. */
export interface SqlQueries {
  readonly dialect: 'postgresql' | 'sqlite';
  query(text: string, values?: readonly SqlValue[]): Promise<SqlResult>;
}

/** An open transaction. On SQLite a statement has run when `query` returns, before its promise resolves. */
export interface SqlTransaction extends SqlQueries {
  /** For telling it from a database. */
  readonly open: boolean;
}

export interface SqlDatabase extends SqlQueries {
  /**
   * Runs `work` in a transaction and commits. Durable when it resolves. What `work` rejects with rolls back and is passed on.
   * If the connection breaks in the commit, whether it took effect is not known. Where there is one connection only (SQLite, a single `pg.Client`), `work`
   * must use `tx`: what it does through the database itself waits for the transaction to end, and fails with `timeout` after 5 s.
   */
  transaction<T>(work: (tx: SqlTransaction) => Promise<T>): Promise<T>;
  /**
   * The caller's own open transaction: a `pg` client after `BEGIN`, a SQLite database after `BEGIN`, anything with
   * `query(text, values)` that answers rows, or what `transaction` handed out. Who began it commits it.
   * Throws `invalid-argument` for anything else.
   */
  wrap(handle: unknown): SqlTransaction;
  /** Calls back whenever somebody notifies the channel (PostgreSQL). Missing: the database tells nothing. */
  listen?(
    channel: string,
    notified: () => void,
    lost: (error: unknown) => void,
  ): Promise<Listening>;
}

/** Ends with its connection at the latest, which `lost` reports. */
export interface Listening {
  close(): Promise<void>;
}
