import type { SqlSchema } from '../../sql/migrate.ts';

const COLUMNS = (bytes: string): string => `
  store text not null,
  stream text not null,
  version bigint not null,
  event_id text not null,
  type text,
  content_type text not null,
  headers text not null,
  correlation_id text,
  reply_to text,
  body ${bytes} not null,
  at_ms bigint not null,
  unique (store, stream, version)`;

/**
 * The events of all stores. `tx` is the transaction that stored the row (PostgreSQL): together with `id` it is an order in which nothing
 * appears before a place that a reader has passed (`sql-event-log.ts`).
 */
export const EVENTS_SCHEMA: SqlSchema = {
  name: 'polymq_events',
  steps: [
    {
      postgresql: [
        `create table polymq_events (
          id bigint generated always as identity,
          tx bigint not null default txid_current(),${COLUMNS('bytea')})`,
        'create unique index polymq_events_order on polymq_events (store, tx, id)',
      ],
      sqlite: [
        `create table polymq_events (
          id integer primary key autoincrement,
          tx integer not null default 0,${COLUMNS('blob')})`,
        'create unique index polymq_events_order on polymq_events (store, tx, id)',
      ],
    },
  ],
};

export const SNAPSHOTS_SCHEMA: SqlSchema = {
  name: 'polymq_snapshots',
  steps: [
    {
      postgresql: [snapshotTable('bytea')],
      sqlite: [snapshotTable('blob')],
    },
  ],
};

function snapshotTable(bytes: string): string {
  return `create table polymq_snapshots (
    store text not null,
    stream text not null,
    name text not null,
    schema_version integer not null,
    version bigint not null,
    state ${bytes} not null,
    primary key (store, stream, name))`;
}
