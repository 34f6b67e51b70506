/** The databases on which the patterns are tested, each with what it lacks here, if it does. */
import { rmSync } from 'node:fs';
import { temporaryFolder } from '../../../polymq/test/support/temporary-folder.ts';
import type { SqlDatabase } from '../../src/sql/database.ts';
import { postgres } from '../../src/sql/postgres.ts';
import { sqlite } from '../../src/sql/sqlite.ts';
import { postgresMissing, startPostgres } from './postgres.ts';
import { nodeSqliteMissing, type OpenSqlite, SQLITE_LIBRARIES } from './sqlite.ts';

export interface TestDatabase {
  /** The same data as another process would have it, by connections of its own. */
  connect(): SqlDatabase;
  /** Forgets all tables; what was connected before is not used any more. */
  clear(): Promise<void>;
  close(): Promise<void>;
}

export interface KindOfDatabase {
  readonly name: string;
  /** Why it cannot be had here. */
  readonly missing: string | undefined;
  open(): Promise<TestDatabase>;
}

export const DATABASES: readonly KindOfDatabase[] = [
  { name: 'PostgreSQL', missing: postgresMissing(), open: openPostgres },
  ...SQLITE_LIBRARIES.map(({ name, open }) => ({
    name: `SQLite by ${name}`,
    missing: undefined,
    open: async () => openSqlite(open),
  })),
  ...(nodeSqliteMissing === undefined
    ? []
    : [{ name: 'SQLite by node:sqlite', missing: nodeSqliteMissing, open: openPostgres }]),
];

/** Connections of one pool are as far from each other as those of two processes. */
async function openPostgres(): Promise<TestDatabase> {
  const server = await startPostgres();
  const wide = server.newPool(30);
  return {
    connect: () => postgres(wide),
    clear: async () => {
      await wide.query('drop schema public cascade');
      await wide.query('create schema public');
    },
    close: () => server.stop(),
  };
}

function openSqlite(open: (path: string) => OpenSqlite): TestDatabase {
  const folder = temporaryFolder();
  let connections: OpenSqlite[] = [];
  let generation = 0;
  const clear = async (): Promise<void> => {
    for (const each of connections) each.close();
    connections = [];
    rmSync(`${folder.path}/${generation}.db`, { force: true });
    generation += 1;
  };
  return {
    connect: () => {
      const made = open(`${folder.path}/${generation}.db`);
      connections.push(made);
      return sqlite(made);
    },
    clear,
    close: async () => {
      await clear();
      folder.remove();
    },
  };
}
