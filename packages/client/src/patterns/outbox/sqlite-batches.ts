/**
 * How relays share an outbox on SQLite: one works, the others stand by. A transaction cannot be held open while messages are sent,
 * since it would keep everybody from writing; so a row says which relay works and until when, and deleting what was sent checks that it
 * is still the same. The relay renews its lease with each batch. One that closes gives it up; of one that dies it runs out.
 *
 * Rows appear in the order of their ids, without gaps that are filled later: whoever inserts holds the only write lock from then until he
 * commits.
 */
import { PolymqError } from '../../errors.ts';
import type { SqlDatabase, SqlQueries } from '../../sql/database.ts';
import type { Batches, BatchOptions, BatchRequest } from './batches.ts';
import { rowOf } from './outbox-row.ts';
import type { OutboxTable } from './outbox-table.ts';

export class SqliteBatches implements Batches {
  readonly #db: SqlDatabase;
  readonly #table: OutboxTable;
  readonly #options: BatchOptions;
  readonly #owner: string;
  #ownedUntilMs = 0;

  constructor(db: SqlDatabase, table: OutboxTable, options: BatchOptions & { owner: string }) {
    this.#db = db;
    this.#table = table;
    this.#options = options;
    this.#owner = options.owner;
  }

  async next({ max, without, work }: BatchRequest): Promise<number | 'held'> {
    const { nowMs, keep } = this.#options;
    const due = { nowMs: nowMs(), ceiling: Number.MAX_SAFE_INTEGER, max, without };
    // Looking costs no write; only who has something to send asks for the lease.
    if ((await this.#table.due(this.#db, { ...due, max: 1 })).length === 0) return 0;
    if (!(await this.#own())) return 'held';
    const rows = await this.#table.due(this.#db, due);
    if (rows.length === 0) return 0;
    const verdicts = await work(rows.map(rowOf));
    await this.#db.transaction(async (tx) => {
      await this.#checkOwned(tx);
      await this.#table.record(tx, verdicts, { keep, nowMs: nowMs() });
    });
    return rows.length;
  }

  async release(): Promise<void> {
    if (this.#ownedUntilMs === 0) return;
    this.#ownedUntilMs = 0;
    await this.#db.query(`delete from ${this.#table.name}_relay where owner = $1`, [this.#owner]);
  }

  async #own(): Promise<boolean> {
    const { nowMs, leaseMs } = this.#options;
    const now = nowMs();
    if (this.#ownedUntilMs - now > leaseMs / 2) return true;
    const untilMs = now + leaseMs;
    const { changes } = await this.#db.query(
      `insert into ${this.#table.name}_relay as r (one, owner, until_ms) values (1, $1, $2)
       on conflict (one) do update set owner = excluded.owner, until_ms = excluded.until_ms
       where r.owner = excluded.owner or r.until_ms <= $3`,
      [this.#owner, untilMs, now],
    );
    this.#ownedUntilMs = changes > 0 ? untilMs : 0;
    return changes > 0;
  }

  async #checkOwned(tx: SqlQueries): Promise<void> {
    const { rows } = await tx.query(`select owner from ${this.#table.name}_relay where one = 1`);
    if (rows[0]?.['owner'] === this.#owner) return;
    this.#ownedUntilMs = 0;
    throw new PolymqError(
      'lease-lost',
      'another relay has taken over this outbox while messages were being sent, and sends them again; if that happens often, the broker takes too long to answer',
    );
  }
}
