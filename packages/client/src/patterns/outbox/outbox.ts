/**
 * The transactional outbox: a message is stored in the program's own database, in the transaction that changes the data it
 * speaks of. So there is a message if and only if there is the change. A relay sends it afterwards.
 *
 *   await box.ready()                                        // creates the table
 *   await db.transaction(async (tx) => {
 *     await tx.query('insert into orders …')
 *     await box.add(tx, orderPlaced, { orderId })
 *   })
 *   await using relay = box.relay()                          // here, or in another process, or in several
 *
 * Guarantee: every message of a committed transaction is sent at least once, with the same id each time, and none of a transaction that
 * rolled back. A second copy is possible only if a relay dies between sending and deleting; where the engine has `dedupe`, it stores
 * none within its window. Messages with the same key to the same place are sent in the order in which they were added, by
 * however many relays. `postgres-batches.ts` and `sqlite-batches.ts` say how.
 */
import { randomUUID } from 'node:crypto';
import type { Client } from '../../client/client.ts';
import { PolymqError } from '../../errors.ts';
import { warn } from '../../lib/describe.ts';
import { type Duration, durationMs } from '../../lib/duration.ts';
import { AROUND_SEND, ENCODE, type Encodes } from '../../message/encodes.ts';
import type { Message } from '../../message/message.ts';
import type { OutgoingMessage } from '../../message/wire-message.ts';
import type { Queue, RetryOptions, SendOptions } from '../../queue/queue.ts';
import { type RetryPolicy, retryPolicy } from '../../queue/retry.ts';
import type { SqlDatabase, SqlTransaction } from '../../sql/database.ts';
import { checkTableName, migrate } from '../../sql/migrate.ts';
import { explainMissingTable } from '../../sql/missing-table.ts';
import type { PublishOptions, Topic } from '../../topic/topic.ts';
import { endWithClient } from '../end-with-client.ts';
import type { Batches } from './batches.ts';
import { type OutboxTarget, rowValues } from './outbox-row.ts';
import { idsIn, OutboxTable, STATE } from './outbox-table.ts';
import { PostgresBatches } from './postgres-batches.ts';
import { Relay } from './relay.ts';
import { RowSender } from './row-sender.ts';
import { SqliteBatches } from './sqlite-batches.ts';

export interface OutboxOptions {
  readonly mq: Client;
  /** `postgres(pool)` or `sqlite(db)`. */
  readonly db: SqlDatabase;
  /** Missing: `polymq_outbox`. */
  readonly table?: string;
  /** For messages that the engine refuses, and for the pauses when it is away. Missing: nine retries, exponential from 1 s to 5 min. */
  readonly retry?: RetryOptions;
  /** At most so many messages at a time. Missing: 200. */
  readonly batch?: number;
  /** How often a relay looks for new messages. Missing: 250 ms. */
  readonly poll?: Duration;
  /** PostgreSQL: each `add` wakes up the relays by NOTIFY when it commits, and each relay holds a connection for LISTEN. Missing: no. */
  readonly notify?: boolean;
  /** How long a sent message stays in the table, to be looked at. Missing: it is deleted with its sending. */
  readonly keep?: Duration;
  /** Told of failures of the database and the engine, and of parked messages. Missing: a warning of the process. */
  readonly onError?: (error: unknown) => void;
}

export interface Outbox {
  /** Creates the tables if they are missing. Idempotent, and safe when several processes start. Call it before `add`. */
  ready(): Promise<void>;
  /**
   * Adds a message within the caller's open transaction `tx` (see `SqlDatabase.wrap`). Takes effect if that commits. A text
   * names a queue. Data and options are checked as by `send`: `invalid-message`, `invalid-argument`, `unsupported`. A delay counts from now.
   * Interceptors see it here, as if it were sent, and not again when the relay does that.
   * On SQLite the row is there when `add` returns, unless a contract or an interceptor is asynchronous.
   */
  add<T>(
    tx: unknown,
    target: Queue<T>,
    data: NoInfer<T> | Message<NoInfer<T>>,
    options?: SendOptions,
  ): Promise<Added>;
  add<T>(
    tx: unknown,
    target: Topic<T>,
    data: NoInfer<T> | Message<NoInfer<T>>,
    options?: PublishOptions,
  ): Promise<Added>;
  add(tx: unknown, target: string, data: unknown, options?: SendOptions): Promise<Added>;
  /** Starts a relay in the background, which closing the client ends as well. */
  relay(): OutboxRelay;
  /** Messages that were refused for good or too often, oldest first, at most 100 unless `limit` says else. */
  parked(options?: { readonly limit?: number }): Promise<ParkedMessage[]>;
  /** Sends parked messages again, with fresh retries: those with these `rowId`s, or all. How many. */
  retry(rowIds?: readonly number[]): Promise<number>;
  /** Deletes parked messages for good. How many. */
  discard(rowIds: readonly number[]): Promise<number>;
  /** Counts the table. */
  stats(): Promise<OutboxStats>;
}

export interface Added {
  /** Of the message, wherever it arrives. */
  readonly id: string;
}

export interface OutboxRelay extends AsyncDisposable {
  /** Messages that this relay has sent. */
  readonly sent: number;
  /** How often the engine refused one. */
  readonly refused: number;
  /** Resolves when everything that was committed before is sent or parked. Rejects with `timeout` (missing: 30 s) or `closed`. */
  drain(options?: { readonly timeout?: Duration }): Promise<void>;
  /** Ends it after the batch that is under way. Idempotent. */
  close(): Promise<void>;
}

export interface ParkedMessage {
  readonly rowId: number;
  readonly id: string;
  readonly kind: 'queue' | 'topic';
  readonly target: string;
  readonly key: string | undefined;
  readonly body: Uint8Array;
  readonly attempts: number;
  /** Why it was refused the last time. */
  readonly error: string;
  /** Ms since the epoch. */
  readonly addedAt: number;
  readonly parkedAt: number;
}

export interface OutboxStats {
  /** Committed and not sent yet. */
  readonly waiting: number;
  readonly parked: number;
  /** How long the oldest one has been waiting; 0 if none is. */
  readonly ageMs: number;
}

/** Longer than a relay takes for one batch (`row-sender.ts`). */
const LEASE_MS = 20_000;
const BATCH_MAX = 1_000;

/** Throws `invalid-argument`. Touches nothing before it is used. */
export function outbox(options: OutboxOptions): Outbox {
  return new TableOutbox(options);
}

class TableOutbox implements Outbox {
  readonly #options: OutboxOptions;
  readonly #table: OutboxTable;
  readonly #retry: RetryPolicy;
  readonly #insertText: string;
  readonly #pollMs: number;
  readonly #keepMs: number;
  readonly #batch: number;
  readonly #relays = new Set<Relay>();
  #created: Promise<void> | undefined;
  #spread = 0;

  constructor(options: OutboxOptions) {
    const { db, table = 'polymq_outbox', batch = 200, notify = false } = options;
    this.#options = options;
    this.#table = new OutboxTable(checkTableName(table));
    this.#retry = retryPolicy(options.retry ?? { max: 9 }, `outbox ${table}`, Math.random);
    this.#insertText = this.#table.insertText(notify && db.dialect === 'postgresql');
    this.#pollMs = durationMs(options.poll ?? 250, `poll of outbox ${table}`);
    this.#keepMs = durationMs(options.keep ?? 0, `keep of outbox ${table}`);
    this.#batch = batch;
    if (!(Number.isInteger(batch) && batch > 0 && batch <= BATCH_MAX)) {
      const text = `batch of outbox ${table} is ${batch}; give a whole number from 1 to ${BATCH_MAX}`;
      throw new PolymqError('invalid-argument', text);
    }
  }

  ready(): Promise<void> {
    this.#created ??= migrate(this.#options.db, this.#table.schema).catch((error: unknown) => {
      this.#created = undefined;
      throw error;
    });
    return this.#created;
  }

  async add(
    tx: unknown,
    target: Queue | Topic | string,
    data: unknown,
    options: SendOptions | PublishOptions = {},
  ): Promise<Added> {
    const { db, mq } = this.#options;
    const transaction = db.wrap(tx);
    const place = typeof target === 'string' ? mq.queue(target) : target;
    if (!isOfClient(place)) throw notOfClient(target);
    const encoded = place[ENCODE](data, options);
    const message = 'then' in encoded ? await encoded : encoded;
    const kind = 'publish' in place ? 'topic' : 'queue';
    // Here, not where the relay sends it: the trace is that of this transaction, and the relay may be in a process without one.
    await place[AROUND_SEND](message, () =>
      this.#insert(transaction, { kind, name: place.name }, message),
    );
    for (const relay of this.#relays) relay.added();
    return { id: message.id };
  }

  async #insert(tx: SqlTransaction, target: OutboxTarget, message: OutgoingMessage): Promise<void> {
    this.#spread += 1;
    const values = rowValues(target, message, this.#spread, this.#options.mq.clock.nowMs());
    try {
      await tx.query(this.#insertText, values);
    } catch (error) {
      const advice = 'await outbox.ready() when the program starts';
      throw explainMissingTable(error, this.#table.name, advice);
    }
  }

  relay(): OutboxRelay {
    const { mq, db, notify = false, onError = warn } = this.#options;
    const sender = new RowSender({ mq, retry: this.#retry, onError });
    const forget = endWithClient(mq, () => relay.close());
    const relay: Relay = new Relay({
      db,
      table: this.#table,
      batches: this.#batches(),
      sender,
      clock: mq.clock,
      retry: this.#retry,
      batch: this.#batch,
      pollMs: this.#pollMs,
      keepMs: this.#keepMs,
      notify,
      onError,
      ready: () => this.ready(),
      closed: () => {
        this.#relays.delete(relay);
        forget();
      },
    });
    this.#relays.add(relay);
    return relay;
  }

  #batches(): Batches {
    const { mq, db } = this.#options;
    const nowMs = (): number => mq.clock.nowMs();
    const options = { nowMs, keep: this.#keepMs > 0, leaseMs: LEASE_MS };
    return db.dialect === 'postgresql'
      ? new PostgresBatches(db, this.#table, options)
      : new SqliteBatches(db, this.#table, { ...options, owner: randomUUID() });
  }

  async parked({ limit = 100 }: { readonly limit?: number } = {}): Promise<ParkedMessage[]> {
    await this.ready();
    const { rows } = await this.#options.db.query(
      `select id, message_id, kind, target, message_key, body, attempts, error, added_ms, due_ms
       from ${this.#table.name} where state = ${STATE.parked} order by id limit $1`,
      [limit],
    );
    return rows.map((row) => ({
      rowId: Number(row['id']),
      id: String(row['message_id']),
      kind: row['kind'] as ParkedMessage['kind'],
      target: String(row['target']),
      key: (row['message_key'] as string | null) ?? undefined,
      body: row['body'] as Uint8Array,
      attempts: Number(row['attempts']),
      error: String(row['error']),
      addedAt: Number(row['added_ms']),
      parkedAt: Number(row['due_ms']),
    }));
  }

  async retry(rowIds?: readonly number[]): Promise<number> {
    await this.ready();
    const { db } = this.#options;
    const change = `update ${this.#table.name} set state = ${STATE.waiting}, attempts = 0, due_ms = 0
      where state = ${STATE.parked}`;
    if (rowIds === undefined) return (await db.query(change)).changes;
    const { which, ids } = idsIn(db, rowIds);
    return (await db.query(`${change} and ${which}`, [ids])).changes;
  }

  async discard(rowIds: readonly number[]): Promise<number> {
    await this.ready();
    const { db } = this.#options;
    const { which, ids } = idsIn(db, rowIds);
    const remove = `delete from ${this.#table.name} where state = ${STATE.parked} and ${which}`;
    return (await db.query(remove, [ids])).changes;
  }

  async stats(): Promise<OutboxStats> {
    await this.ready();
    const { db, mq } = this.#options;
    const count = (state: number): string =>
      `(select count(*) from ${this.#table.name} where state = ${state})`;
    const { rows } = await db.query(
      `select ${count(STATE.waiting)} as waiting, ${count(STATE.parked)} as parked,
         (select min(added_ms) from ${this.#table.name} where state = ${STATE.waiting}) as oldest`,
    );
    const { waiting, parked, oldest } = rows[0] ?? {};
    const ageMs = oldest === null ? 0 : Math.max(0, mq.clock.nowMs() - Number(oldest));
    return { waiting: Number(waiting), parked: Number(parked), ageMs };
  }
}

function isOfClient<P extends Queue | Topic>(place: P): place is P & Encodes<unknown, object> {
  return typeof place === 'object' && place !== null && ENCODE in place;
}

function notOfClient(target: unknown): PolymqError {
  const what = typeof target === 'object' ? 'this object' : JSON.stringify(target);
  return new PolymqError(
    'invalid-argument',
    `${what} is no queue or topic of this client; give mq.queue(…), mq.topic(…) or the name of a queue`,
  );
}
