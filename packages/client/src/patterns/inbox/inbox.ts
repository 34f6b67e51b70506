/**
 * The inbox: a message that comes twice is handled once. Its id is stored in the program's own database, in the transaction that holds the
 * effects of handling it, so that either both are there or neither is.
 *
 *   const box = inbox({ db })
 *   await box.once(undefined, message, async (tx) => { await tx.query('update stock …') })
 *
 *   // or for all messages of a queue; `box.tx` is the transaction of the message at hand
 *   mq.queue('orders', { delivery: { mode: 'effectively-once', once: box } }).consume(async (message) => {
 *     await box.tx.query('update stock …')
 *   })
 *
 * Guarantee: within `keep`, effects in that database happen exactly once per message, wherever the process dies. Effects elsewhere
 * (a call to another service) happen at least once. A twin that is handled at the same time waits for the first one's commit.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { PolymqError } from '../../errors.ts';
import { type Clock, systemClock } from '../../lib/clock.ts';
import { warn } from '../../lib/describe.ts';
import { type Duration, durationMs } from '../../lib/duration.ts';
import type { OnceStore } from '../../queue/queue.ts';
import type { SqlDatabase, SqlTransaction } from '../../sql/database.ts';
import { checkTableName, migrate, type SqlSchema } from '../../sql/migrate.ts';
import { explainMissingTable } from '../../sql/missing-table.ts';

export interface InboxOptions {
  /** `postgres(pool)` or `sqlite(db)`. */
  readonly db: SqlDatabase;
  /** Missing: `polymq_inbox`. */
  readonly table?: string;
  /** Who handles: inboxes of different names handle the same message once each. Missing: ''. */
  readonly name?: string;
  /** How long ids are remembered: longer than any message can come again. Missing: 7 days. */
  readonly keep?: Duration;
  /** Missing: the clock of the machine. */
  readonly clock?: Clock;
  /** Told when old ids cannot be deleted. Missing: a warning of the process. */
  readonly onError?: (error: unknown) => void;
}

/** A received message, or whatever has its id. Its copies in several queues or topics (`source`) count as messages of their own. */
export interface InboxMessage {
  readonly id: string;
  readonly source?: string;
}

export interface Inbox extends OnceStore {
  /** Creates the table if it is missing. Idempotent. Needed before `once` with a transaction of yours; else done by itself. */
  ready(): Promise<void>;
  /**
   * Runs `work` unless the message was handled before; `false`: it was. With an open transaction `tx` of the caller (see
   * `SqlDatabase.wrap`) it takes effect when that commits; with `undefined`, in a transaction of its own that is committed when this resolves.
   * What `work` throws is passed on, and the message is not handled then: roll back.
   */
  once(
    tx: unknown,
    message: InboxMessage,
    work: (tx: SqlTransaction) => Promise<unknown>,
  ): Promise<boolean>;
  /** For queues with `effectively-once`: in a transaction of its own, which `tx` gives to the handler. */
  once(id: string, work: () => Promise<void>): Promise<boolean>;
  /** The transaction of the message that is being handled. Throws `invalid-argument` outside of a handler. */
  readonly tx: SqlTransaction;
}

const KEEP_MS = 7 * 86_400_000;
const CLEAN_UP_EVERY_MS = 60_000;
const CLEAN_UP_ROWS_MAX = 10_000;

/** Throws `invalid-argument`. Touches nothing before it is used. */
export function inbox(options: InboxOptions): Inbox {
  return new TableInbox(options);
}

class TableInbox implements Inbox {
  readonly #options: InboxOptions;
  readonly #db: SqlDatabase;
  readonly #table: string;
  readonly #clock: Clock;
  readonly #keepMs: number;
  readonly #current = new AsyncLocalStorage<SqlTransaction>();
  #created: Promise<void> | undefined;
  #cleanedMs: number;

  constructor(options: InboxOptions) {
    this.#options = options;
    this.#db = options.db;
    this.#table = checkTableName(options.table ?? 'polymq_inbox');
    this.#clock = options.clock ?? systemClock;
    this.#keepMs = durationMs(options.keep ?? KEEP_MS, `keep of inbox ${this.#table}`);
    this.#cleanedMs = this.#clock.nowMs();
  }

  get tx(): SqlTransaction {
    const tx = this.#current.getStore();
    if (tx !== undefined) return tx;
    throw new PolymqError(
      'invalid-argument',
      'inbox.tx is there only while a handler runs within inbox.once',
    );
  }

  ready(): Promise<void> {
    this.#created ??= migrate(this.#db, schemaOf(this.#table)).catch((error: unknown) => {
      this.#created = undefined;
      throw error;
    });
    return this.#created;
  }

  once(
    ...values:
      | [id: string, work: () => Promise<void>]
      | [tx: unknown, message: InboxMessage, work: (tx: SqlTransaction) => Promise<unknown>]
  ): Promise<boolean> {
    if (values.length === 2) return this.#alone(values[0], values[1]);
    const [tx, { id, source }, work] = values;
    const known = source === undefined || id === '' ? id : `${source}/${id}`;
    if (tx === undefined) return this.#alone(known, work);
    return this.#within(this.#db.wrap(tx), known, work);
  }

  async #alone(id: string, work: (tx: SqlTransaction) => Promise<unknown>): Promise<boolean> {
    await this.ready();
    return this.#db.transaction((tx) => this.#within(tx, id, work));
  }

  async #within(
    tx: SqlTransaction,
    id: string,
    work: (tx: SqlTransaction) => Promise<unknown>,
  ): Promise<boolean> {
    if (typeof id !== 'string' || id === '') {
      throw new PolymqError('invalid-argument', 'the inbox knows messages by their ids; give one');
    }
    const nowMs = this.#clock.nowMs();
    this.#cleanUp(nowMs);
    if (!(await this.#remember(tx, id, nowMs))) return false;
    await this.#current.run(tx, () => work(tx));
    return true;
  }

  /** PostgreSQL waits here for a transaction that has just stored the same id; SQLite lets only one write anyway. */
  async #remember(tx: SqlTransaction, id: string, nowMs: number): Promise<boolean> {
    const insert = `insert into ${this.#table} (name, message_id, handled_ms) values ($1, $2, $3)
      on conflict do nothing`;
    try {
      return (await tx.query(insert, [this.#options.name ?? '', id, nowMs])).changes > 0;
    } catch (error) {
      const advice = 'await inbox.ready() when the program starts';
      throw explainMissingTable(error, this.#table, advice);
    }
  }

  /** Now and then, beside the call and in no transaction of its. */
  #cleanUp(nowMs: number): void {
    if (nowMs - this.#cleanedMs < CLEAN_UP_EVERY_MS) return;
    this.#cleanedMs = nowMs;
    const old = `select name, message_id from ${this.#table} where handled_ms < $1
      limit ${CLEAN_UP_ROWS_MAX}`;
    this.#db
      .query(`delete from ${this.#table} where (name, message_id) in (${old})`, [
        nowMs - this.#keepMs,
      ])
      .catch(this.#options.onError ?? warn);
  }
}

function schemaOf(table: string): SqlSchema {
  const create = (big: string): string[] => [
    `create table ${table} (
       name text not null, message_id text not null, handled_ms ${big} not null,
       primary key (name, message_id))`,
    `create index ${table}_handled on ${table} (handled_ms)`,
  ];
  return { name: table, steps: [{ postgresql: create('bigint'), sqlite: create('integer') }] };
}
