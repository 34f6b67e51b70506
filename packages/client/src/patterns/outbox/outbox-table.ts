/**
 * The tables of the outbox and every statement on them that both dialects share.
 *
 *   <table>         one row per message: waiting → (sent: deleted, or kept for a while) or parked
 *   <table>_lanes   PostgreSQL: a row per lane, to be locked by the relay that works on it
 *   <table>_relay   SQLite: one row, which says which relay works and until when
 */
import type { SqlDatabase, SqlQueries, SqlRow } from '../../sql/database.ts';
import type { SqlSchema } from '../../sql/migrate.ts';
import { INSERTED_COLUMNS, LANES } from './outbox-row.ts';

export const STATE = { waiting: 0, parked: 1, sent: 2 } as const;

/** What became of a row that a relay has tried to send. */
export type Verdict =
  | { readonly rowId: number; readonly outcome: 'sent' }
  | { readonly rowId: number; readonly outcome: 'later'; readonly dueMs: number; error: string }
  | { readonly rowId: number; readonly outcome: 'parked'; error: string };

/** Rows of the table that may be sent now: not parked, not waiting for their next attempt, nor behind one of their key that is. */
export interface DueOptions {
  readonly nowMs: number;
  /** Only rows up to this id. */
  readonly ceiling: number;
  readonly max: number;
  /** `queue orders`: places that are left alone for now. */
  readonly without: readonly string[];
}

export class OutboxTable {
  readonly name: string;
  readonly schema: SqlSchema;

  constructor(name: string) {
    this.name = name;
    this.schema = schemaOf(name);
  }

  /** `notify`: wakes up relays when the transaction commits (PostgreSQL). */
  insertText(notify: boolean): string {
    const insert = `insert into ${this.name} (${INSERTED_COLUMNS})
      values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`;
    if (!notify) return insert;
    return `with added as (${insert} returning id) select pg_notify('${this.name}', '') from added`;
  }

  /** The condition for a row `m` to be due; its values are $1 (now) and $2 (ceiling), then the places left alone. */
  dueCondition(without: readonly string[]): string {
    const { name } = this;
    const left = without.map((_, index) => `$${index + 3}`).join(', ');
    const others = left === '' ? '' : `and m.kind || ' ' || m.target not in (${left})`;
    return `m.state = ${STATE.waiting} and m.due_ms <= $1 and m.id <= $2 ${others}
      and (m.message_key is null or not exists (
        select 1 from ${name} b where b.state = ${STATE.waiting} and b.attempts > 0 and b.due_ms > $1
          and b.message_key = m.message_key and b.kind = m.kind and b.target = m.target and b.id < m.id))`;
  }

  /** The oldest due rows, all of them or those of some lanes. */
  async due(db: SqlQueries, options: DueOptions, lanes?: readonly number[]): Promise<SqlRow[]> {
    const { nowMs, ceiling, max, without } = options;
    const ofLanes = lanes === undefined ? '' : `and m.lane in (${lanes.join(', ')})`;
    const { rows } = await db.query(
      `select m.id, m.kind, m.target, m.message_key, m.message_id, m.content_type, m.body,
         m.properties, m.attempts
       from ${this.name} m where ${this.dueCondition(without)} ${ofLanes}
       order by m.id limit ${max}`,
      [nowMs, ceiling, ...without],
    );
    return [...rows];
  }

  /** Writes down what became of the rows. */
  async record(
    db: SqlQueries,
    verdicts: readonly Verdict[],
    options: { readonly keep: boolean; readonly nowMs: number },
  ): Promise<void> {
    const sent = verdicts.filter(({ outcome }) => outcome === 'sent').map(({ rowId }) => rowId);
    if (sent.length > 0) await this.#recordSent(db, sent, options);
    for (const verdict of verdicts) {
      if (verdict.outcome === 'sent') continue;
      const parked = verdict.outcome === 'parked';
      await db.query(
        `update ${this.name} set attempts = attempts + 1, state = $2, due_ms = $3, error = $4
         where id = $1`,
        [
          verdict.rowId,
          parked ? STATE.parked : STATE.waiting,
          parked ? options.nowMs : verdict.dueMs,
          verdict.error,
        ],
      );
    }
  }

  async #recordSent(
    db: SqlQueries,
    sent: readonly number[],
    { keep, nowMs }: { readonly keep: boolean; readonly nowMs: number },
  ): Promise<void> {
    const { which, ids } = idsIn(db, sent);
    if (!keep) await db.query(`delete from ${this.name} where ${which}`, [ids]);
    else {
      const change = `update ${this.name} set state = ${STATE.sent}, sent_ms = $2 where ${which}`;
      await db.query(change, [ids, nowMs]);
    }
  }

  /** At most so many rows that were sent before then; how many. */
  async cleanUp(db: SqlDatabase, beforeMs: number, max: number): Promise<number> {
    const { changes } = await db.query(
      `delete from ${this.name} where id in (
         select id from ${this.name} where state = ${STATE.sent} and sent_ms < $1 limit ${max})`,
      [beforeMs],
    );
    return changes;
  }
}

/** Any number of ids as one value, so that the statement is always the same. */
export function idsIn(db: SqlQueries, ids: readonly number[]): { which: string; ids: string } {
  return db.dialect === 'postgresql'
    ? { which: 'id = any($1::bigint[])', ids: `{${ids.join(',')}}` }
    : { which: 'id in (select value from json_each($1))', ids: JSON.stringify(ids) };
}

function schemaOf(table: string): SqlSchema {
  const common = [
    `create index ${table}_waiting on ${table} (lane, id) where state = ${STATE.waiting}`,
    `create index ${table}_failed on ${table} (message_key) where state = ${STATE.waiting} and attempts > 0`,
    `create index ${table}_parked on ${table} (id) where state = ${STATE.parked}`,
    `create index ${table}_sent on ${table} (sent_ms) where state = ${STATE.sent}`,
  ];
  const columns = (text: string, big: string, bytes: string): string => `
    lane smallint not null,
    kind ${text} not null,
    target ${text} not null,
    message_key ${text},
    message_id ${text} not null,
    content_type ${text} not null,
    body ${bytes} not null,
    properties ${text} not null,
    added_ms ${big} not null,
    state smallint not null default ${STATE.waiting},
    attempts integer not null default 0,
    due_ms ${big} not null default 0,
    sent_ms ${big},
    error ${text}`;
  const lanes = Array.from({ length: LANES }, (_, lane) => `(${lane})`).join(', ');
  return {
    name: table,
    steps: [
      {
        postgresql: [
          `create table ${table} (
            id bigint generated always as identity (cache 1) primary key, ${columns('text', 'bigint', 'bytea')})`,
          ...common,
          `create table ${table}_lanes (lane smallint primary key)`,
          `insert into ${table}_lanes (lane) values ${lanes}`,
        ],
        sqlite: [
          `create table ${table} (
            id integer primary key autoincrement, ${columns('text', 'integer', 'blob')})`,
          ...common,
          `create table ${table}_relay (
            one integer primary key check (one = 1), owner text not null, until_ms integer not null)`,
        ],
      },
    ],
  };
}
