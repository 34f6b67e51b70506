/** The port to SQL databases, on the real ones. */
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../../polymq/test/support/temporary-folder.ts';
import type { SqlDatabase } from '../../src/sql/database.ts';
import { migrate, type SqlSchema } from '../../src/sql/migrate.ts';
import { postgres } from '../../src/sql/postgres.ts';
import { sqlite } from '../../src/sql/sqlite.ts';
import { forEveryKillPoint } from '../support/kill-points.ts';
import { postgresMissing, startPostgres, type TestPostgres } from '../support/postgres.ts';
import { nodeSqliteMissing, type OpenSqlite, SQLITE_LIBRARIES } from '../support/sqlite.ts';

interface Opened {
  readonly db: SqlDatabase;
  /** As another process would have it. */
  readonly other: SqlDatabase;
  close(): Promise<void>;
}

const ITEMS: SqlSchema = {
  name: 'items',
  steps: [
    {
      postgresql: ['create table items (id integer primary key, name text, body bytea)'],
      sqlite: ['create table items (id integer primary key, name text, body blob)'],
    },
  ],
};

function suite(open: () => Promise<Opened>): void {
  let opened: Opened;
  let db: SqlDatabase;
  beforeAll(async () => {
    opened = await open();
    db = opened.db;
    await migrate(db, ITEMS);
  });
  afterAll(() => opened.close());

  const names = async (): Promise<unknown[]> =>
    (await db.query('select name from items order by id')).rows.map((row) => row['name']);

  it('binds values by number, gives rows and counts changes', async () => {
    const body = new Uint8Array([0, 255]);
    const insert = 'insert into items (id, name, body) values ($2, $1, $3)';
    expect(await db.query(insert, ['a', 1, body])).toMatchObject({ changes: 1 });
    const found = await db.query('select * from items where name = $1 or name = $1', ['a']);
    expect(found.rows).toHaveLength(1);
    expect(Buffer.from(found.rows[0]!['body'] as Uint8Array)).toEqual(Buffer.from(body));
    const updated = await db.query("update items set name = 'b' returning name");
    expect(updated.rows.map((row) => ({ ...row }))).toEqual([{ name: 'b' }]);
    expect((await db.query('delete from items')).changes).toBe(1);
  });

  it('commits what the work did, and nothing of work that failed', async () => {
    await db.transaction(async (tx) => {
      await tx.query("insert into items (id, name) values (1, 'kept')");
    });
    const failed = db.transaction(async (tx) => {
      await tx.query("insert into items (id, name) values (2, 'gone')");
      throw new Error('no');
    });
    await expect(failed).rejects.toThrow('no');
    expect(await names()).toEqual(['kept']);
    await db.query('delete from items');
  });

  it('keeps statements of others out of an open transaction', async () => {
    let finish = (): void => {};
    const held = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const transaction = db.transaction(async (tx) => {
      await tx.query("insert into items (id, name) values (1, 'inside')");
      await held;
      throw new Error('rolled back');
    });
    const other = db.query("insert into items (id, name) values (2, 'outside')");
    setTimeout(finish, 20);
    await expect(transaction).rejects.toThrow('rolled back');
    await other;
    expect(await names()).toEqual(['outside']);
    await db.query('delete from items');
  });

  it('lets two connections write at the same time, one after the other', async () => {
    const increase = (on: SqlDatabase): Promise<void> =>
      on.transaction(async (tx) => {
        if (tx.dialect === 'postgresql') await tx.query('lock table items');
        const { rows } = await tx.query('select count(*) as n from items');
        await new Promise((resolve) => setTimeout(resolve, 2));
        await tx.query("insert into items (id, name) values ($1, 'n')", [Number(rows[0]!['n'])]);
      });
    await Promise.all(Array.from({ length: 20 }, (_, i) => increase(i % 2 ? db : opened.other)));
    expect(await names()).toHaveLength(20);
    await db.query('delete from items');
  });

  it('refuses statements of a transaction that is over', async () => {
    const tx = await db.transaction(async (open) => open);
    await expect(tx.query('select 1')).rejects.toMatchObject({ code: 'closed' });
  });

  it('creates tables once when many start at the same time', async () => {
    const schema: SqlSchema = {
      name: 'race',
      steps: [
        {
          postgresql: ['create table race (a integer)'],
          sqlite: ['create table race (a integer)'],
        },
      ],
    };
    await Promise.all([db, opened.other, db, opened.other].map((each) => migrate(each, schema)));
    const more = 'alter table race add column b integer';
    const second = { ...schema, steps: [...schema.steps, { postgresql: [more], sqlite: [more] }] };
    await Promise.all([db, opened.other].map((each) => migrate(each, second)));
    await db.query('insert into race (a, b) values (1, 2)');
    await expect(migrate(db, schema)).rejects.toMatchObject({ code: 'declared-otherwise' });
  });

  it('creates its tables completely or not at all, whenever it is killed', async () => {
    const create = ['create table k1 (a integer)', 'create table k2 (a integer)'];
    await forEveryKillPoint({
      setup: async () => {
        for (const table of ['k1', 'k2']) await db.query(`drop table if exists ${table}`);
        await db.query("delete from polymq_schema where name = 'killed'");
      },
      run: (_, kill) =>
        migrate(kill.guard(db, 'db'), {
          name: 'killed',
          steps: [{ postgresql: create, sqlite: create }],
        }),
      check: async () => {
        for (const table of ['k1', 'k2']) await db.query(`insert into ${table} values (1)`);
      },
    });
  });

  it('refuses what is no transaction', () => {
    for (const wrong of [undefined, null, 1, {}]) {
      expect(() => db.wrap(wrong)).toThrow(/transaction|SQLite database/);
    }
  });
}

const why = postgresMissing();
// Skipped without PostgreSQL: Debian's package postgresql, or TEST_POSTGRES=url of another one.
describe.skipIf(why !== undefined)(`PostgreSQL${why === undefined ? '' : ` (${why})`}`, () => {
  let server: TestPostgres;
  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(() => server.stop());

  describe('by a pool', () => {
    suite(async () => ({
      db: postgres(server.pool),
      other: postgres(server.newPool()),
      close: async () => {},
    }));
  });

  describe('by a single client', () => {
    suite(async () => {
      const { rows } = await server.pool.query('select current_database() as name');
      await server.pool.query('drop table if exists items, race, polymq_schema');
      const client = new pg.Client({ ...server.pool.options, database: rows[0].name });
      await client.connect();
      const other = postgres(server.newPool());
      return { db: postgres(client), other, close: () => client.end() };
    });
  });

  it("takes the caller's own transaction, and no pool in place of one", async () => {
    const db = postgres(server.pool);
    expect(() => db.wrap(server.pool)).toThrow(/a pool is no transaction/);
    const client = await server.pool.connect();
    await client.query('begin');
    await db.wrap(client).query('create table mine (a integer)');
    await client.query('rollback');
    client.release();
    await expect(db.query('select * from mine')).rejects.toMatchObject({ code: '42P01' });
  });

  it('hears notifications until it stops listening, and is told when the connection is lost', async () => {
    const db = postgres(server.pool);
    const heard: string[] = [];
    let tell = (): void => {};
    const next = (): Promise<void> => new Promise((resolve) => (tell = resolve));
    const hear = (what: string) => (): void => {
      heard.push(what);
      tell();
    };
    const first = await db.listen!('news', hear('first'), hear('first lost'));
    let came = next();
    await db.query('notify news');
    await came;
    await first.close();
    await db.listen!('news', hear('second'), hear('second lost'));
    came = next();
    await db.query('notify news');
    await came;
    came = next();
    await db.query(
      'select pg_terminate_backend(pid) from pg_stat_activity where query = \'listen "news"\'',
    );
    await came;
    expect(heard).toEqual(['first', 'second', 'second lost']);
  });
});

describe.each(SQLITE_LIBRARIES)('SQLite by $name', (library) => {
  const folder = temporaryFolder();
  const open: OpenSqlite[] = [];
  const connect = (): OpenSqlite => {
    const made = library.open(`${folder.path}/test.db`);
    open.push(made);
    return made;
  };
  afterAll(() => {
    for (const each of open) each.close();
    folder.remove();
  });

  suite(async () => ({ db: sqlite(connect()), other: sqlite(connect()), close: async () => {} }));

  it("takes the caller's own transaction, and waits for it with everything else", async () => {
    const raw = connect();
    const db = sqlite(raw);
    await db.query('create table mine (a integer)');
    raw.exec('begin');
    const own = db.wrap(raw).query('insert into mine values (1)');
    const others = db.query('select count(*) as n from mine');
    await own;
    raw.exec('rollback');
    expect(Number((await others).rows[0]!['n'])).toBe(0);
  });

  it('has run a statement of a transaction when `query` returns', async () => {
    const raw = connect();
    const db = sqlite(raw);
    raw.exec('begin');
    void db.wrap(raw).query('insert into mine values (2)');
    raw.exec('commit');
    expect((await db.query('select a from mine')).rows.map((row) => row['a'])).toEqual([2]);
  });
});

// Skipped on Node below 22.5, which has no SQLite of its own; the stage on Node 24 is for unit tests only.
it.skipIf(nodeSqliteMissing !== undefined)(
  `node:sqlite is among them (${nodeSqliteMissing ?? 'it is there'})`,
  () => expect(SQLITE_LIBRARIES.map((library) => library.name)).toContain('node:sqlite'),
);
