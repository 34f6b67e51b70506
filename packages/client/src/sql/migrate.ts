/**
 * Creates and upgrades the tables of a pattern. Which step a set of tables has reached stands in the table `polymq_schema`, and
 * changes in the same transaction as the tables do. Processes that start at the same time wait for each other: on
 * PostgreSQL by an advisory lock, on SQLite by the lock that every writer takes. Idempotent; costs one read when
 * everything is there.
 */
import { PolymqError } from '../errors.ts';
import type { SqlDatabase, SqlQueries } from './database.ts';

export interface SqlSchema {
  /** Of this set of tables: `polymq_outbox`. */
  readonly name: string;
  /** What was ever done to them, oldest first. Steps are added, never changed. */
  readonly steps: readonly SqlStep[];
}

export interface SqlStep {
  readonly postgresql: readonly string[];
  readonly sqlite: readonly string[];
}

/** Any number, the same in every process: nobody else takes an advisory lock with it. */
const LOCK = 7_092_466_131;

/** Resolves when the tables are there, durably. `declared-otherwise` if a newer version of this package made them. */
export async function migrate(db: SqlDatabase, schema: SqlSchema): Promise<void> {
  const before = await versionOf(db, schema).catch(() => 0);
  if (isCurrent(before, schema)) return;
  await db.transaction(async (tx) => {
    if (tx.dialect === 'postgresql') await tx.query(`select pg_advisory_xact_lock(${LOCK})`);
    await tx.query(
      'create table if not exists polymq_schema (name text primary key, version integer not null)',
    );
    const version = await versionOf(tx, schema);
    if (isCurrent(version, schema)) return;
    for (const step of schema.steps.slice(version)) {
      for (const statement of step[tx.dialect]) await tx.query(statement);
    }
    await tx.query(
      `insert into polymq_schema (name, version) values ($1, $2)
       on conflict (name) do update set version = excluded.version`,
      [schema.name, schema.steps.length],
    );
  });
}

async function versionOf(db: SqlQueries, schema: SqlSchema): Promise<number> {
  const { rows } = await db.query('select version from polymq_schema where name = $1', [
    schema.name,
  ]);
  return Number(rows[0]?.['version'] ?? 0);
}

function isCurrent(version: number, { name, steps }: SqlSchema): boolean {
  if (version <= steps.length) return version === steps.length;
  throw new PolymqError(
    'declared-otherwise',
    `the tables of ${name} were made by a newer version of @polymq/client (step ${version}, known here: ${steps.length}); upgrade this program`,
  );
}

/** A name for a table that needs no quotes anywhere. Throws `invalid-argument`. */
export function checkTableName(name: string): string {
  if (/^[a-z_][a-z0-9_]{0,47}$/.test(name)) return name;
  throw new PolymqError(
    'invalid-argument',
    `table name ${JSON.stringify(name)}; use lower case letters, digits and _, at most 48`,
  );
}
