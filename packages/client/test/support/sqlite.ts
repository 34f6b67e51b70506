/** SQLite for tests: node-sqlite3-wasm on every Node, and `node:sqlite` where Node has it. */
import { createRequire } from 'node:module';
import wasm from 'node-sqlite3-wasm';
import type { DirectSqlite, PreparingSqlite } from '../../src/sql/sqlite.ts';

export type OpenSqlite = (PreparingSqlite | DirectSqlite) & { close(): void };

export interface SqliteLibrary {
  readonly name: string;
  open(path: string): OpenSqlite;
}

const nodeSqlite = ((): { DatabaseSync: new (path: string) => OpenSqlite } | undefined => {
  try {
    return createRequire(import.meta.url)('node:sqlite');
  } catch {
    return undefined;
  }
})();

export const SQLITE_LIBRARIES: readonly SqliteLibrary[] = [
  { name: 'node-sqlite3-wasm', open: (path) => new wasm.Database(path) as unknown as OpenSqlite },
  ...(nodeSqlite === undefined
    ? []
    : [{ name: 'node:sqlite', open: (path: string) => new nodeSqlite.DatabaseSync(path) }]),
];

/** Why `node:sqlite` is not tested here, or `undefined` if it is. */
export const nodeSqliteMissing: string | undefined =
  nodeSqlite === undefined ? 'node:sqlite needs Node 22.5 or later' : undefined;
