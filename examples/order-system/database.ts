/** The shop's own database: SQLite in memory, by whatever this Node has. */
import { type SqlDatabase, sqlite } from '@polymq/client';

export async function openDatabase(): Promise<SqlDatabase> {
  const database = await openSqlite();
  const db = sqlite(database);
  await db.query('create table orders (id text primary key, state text not null)');
  return db;
}

/** A part of Node from 22.5 on, which older types do not know. */
const OF_NODE: string = 'node:sqlite';

async function openSqlite(): Promise<Parameters<typeof sqlite>[0]> {
  try {
    const { DatabaseSync } = await import(OF_NODE);
    return new DatabaseSync(':memory:');
  } catch {
    const { default: wasm } = await import('node-sqlite3-wasm');
    return new wasm.Database(':memory:');
  }
}
