/**
 * How several relays share an outbox on PostgreSQL, in order per key, and why no row is skipped.
 *
 * Lanes. Every row is in one of 16 lanes; rows with the same place and key are in the same one. A relay takes up to four lanes by
 * `FOR UPDATE SKIP LOCKED` and sends their oldest rows within that transaction, which it commits when the rows
 * are deleted. Nobody else touches those lanes meanwhile, so a key's rows go out one after the other. A relay that dies loses its
 * connection, and with it the locks: others take over at once, and send what it had not deleted again (with the same
 * message id). A relay whose machine vanished without a word is cut off by
 * `idle_in_transaction_session_timeout`, which is set for these transactions only.
 *
 * The ceiling. Ids are given when a row is inserted, and rows become visible when their transaction commits, in any order:
 *
 *     id 7   insert ─────────────────────────── commit        a relay that looks here sees 8 and not 7,
 *     id 8        insert ── commit    ▲                       and 7 will come later
 *
 * So before a row is sent, every row with a lower id has to be decided. Transaction ids do not tell that exactly (one with a lower xid may
 * take a higher id), and comparing with `pg_snapshot_xmin` makes every long transaction of the whole server hold up the outbox.
 * The lock does: an INSERT locks the table (`RowExclusiveLock`) before it takes an id, and keeps that lock until its transaction
 * is over and visible. So one statement reads, in this order,
 *
 *     1. ceiling: the highest visible id (from the statement's snapshot)
 *     2. writers: the transactions that hold that lock now (`pg_locks`, never older than the snapshot)
 *
 * Whoever has, or ever gets, an id below the ceiling took the lock before 1. So he is among the writers or is done. As soon as all of
 * those writers are gone, all ids up to the ceiling are decided and visible to the next statement, and are sent in the order of their
 * ids. Later writers do not matter, so a busy table is no obstacle; and only transactions that wrote to this very table are waited for.
 */
import type { SqlDatabase, SqlTransaction } from '../../sql/database.ts';
import type { Batches, BatchOptions, BatchRequest } from './batches.ts';
import { rowOf } from './outbox-row.ts';
import type { OutboxTable } from './outbox-table.ts';

/** So that four relays can work at the same time. */
const LANES_PER_BATCH = 4;

export class PostgresBatches implements Batches {
  readonly #db: SqlDatabase;
  readonly #table: OutboxTable;
  readonly #options: BatchOptions;
  /** All ids up to this one are decided. */
  #safe = 0;
  /** A ceiling that becomes safe when these transactions are over. */
  #open: { readonly ceiling: number; readonly writers: ReadonlySet<string> } | undefined;

  constructor(db: SqlDatabase, table: OutboxTable, options: BatchOptions) {
    this.#db = db;
    this.#table = table;
    this.#options = options;
  }

  async next(request: BatchRequest): Promise<number | 'held'> {
    await this.#raiseCeiling();
    const taken = await this.#db.transaction((tx) => this.#takeLanes(tx, request));
    return taken === 0 && this.#open !== undefined ? 'held' : taken;
  }

  async release(): Promise<void> {}

  async #raiseCeiling(): Promise<void> {
    const { ceiling, writers } = await this.#look();
    if (this.#open !== undefined && !intersects(this.#open.writers, writers)) {
      this.#safe = this.#open.ceiling;
      this.#open = undefined;
    }
    if (this.#open !== undefined) return;
    if (writers.size === 0) this.#safe = ceiling;
    else if (ceiling > this.#safe) this.#open = { ceiling, writers };
  }

  async #look(): Promise<{ ceiling: number; writers: ReadonlySet<string> }> {
    const { name } = this.#table;
    const { rows } = await this.#db.query(
      `select coalesce((select max(id) from ${name}), 0) as ceiling,
         (select string_agg(distinct virtualtransaction, ' ') from pg_locks
          where locktype = 'relation' and relation = '${name}'::regclass
            and database = (select oid from pg_database where datname = current_database())
            and mode = 'RowExclusiveLock' and granted) as writers`,
    );
    const row = rows[0]!;
    const writers = typeof row['writers'] === 'string' ? row['writers'].split(' ') : [];
    return { ceiling: Number(row['ceiling']), writers: new Set(writers) };
  }

  async #takeLanes(tx: SqlTransaction, request: BatchRequest): Promise<number> {
    const { nowMs, leaseMs, keep } = this.#options;
    const { max, without, work } = request;
    const due = { nowMs: nowMs(), ceiling: this.#safe, max, without };
    const { rows: lanes } = await tx.query(
      `select l.lane from ${this.#table.name}_lanes l,
         (select set_config('idle_in_transaction_session_timeout', '${leaseMs}', true)) s
       where exists (select 1 from ${this.#table.name} m
                     where m.lane = l.lane and ${this.#table.dueCondition(without)})
       order by random() limit ${LANES_PER_BATCH} for update of l skip locked`,
      [due.nowMs, due.ceiling, ...without],
    );
    if (lanes.length === 0) return 0;
    const numbers = lanes.map(({ lane }) => Number(lane));
    // Read after the lanes are locked: before that, somebody else may have sent some of it.
    const rows = await this.#table.due(tx, due, numbers);
    if (rows.length === 0) return 0;
    const verdicts = await work(rows.map(rowOf));
    await this.#table.record(tx, verdicts, { keep, nowMs: nowMs() });
    return rows.length;
  }
}

function intersects(some: ReadonlySet<string>, others: ReadonlySet<string>): boolean {
  for (const each of some) if (others.has(each)) return true;
  return false;
}
