/** Projections: at least once with a checkpoint beside the events, exactly once with one in the database they write to. */
import { type EventStore, eventStore, type Projection, publishEvents } from '@polymq/client';
import { type EmbeddedClient, embed } from 'polymq';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createClient } from '../../src/client/create-client.ts';
import type { SqlDatabase } from '../../src/sql/database.ts';
import { postgres } from '../../src/sql/postgres.ts';
import { sqlite } from '../../src/sql/sqlite.ts';
import { forEveryKillPoint } from '../support/kill-points.ts';
import { postgresMissing, startPostgres, type TestPostgres } from '../support/postgres.ts';
import { SQLITE_LIBRARIES } from '../support/sqlite.ts';

interface Events {
  Deposited: { amount: number };
  Renamed: { name: string };
}

const FAST = { max: 3, backoff: 'fixed', base: '1ms' } as const;

let mq: EmbeddedClient;
let bank: EventStore<Events>;
const running: Projection[] = [];

function keep(projection: Projection): Projection {
  running.push(projection);
  return projection;
}

beforeEach(async () => {
  mq = await embed({ data: 'memory:' });
  bank = eventStore<Events>(mq, 'bank');
});

afterEach(async () => {
  for (const projection of running.splice(0)) await projection.close();
  await mq.close();
});

async function deposit(count: number, from = 0): Promise<void> {
  for (let at = from; at < from + count; at++) {
    await bank.append(`acc-${at % 3}`, { type: 'Deposited', data: { amount: at } });
  }
}

test('shows all events in order, then new ones as they come', async () => {
  await deposit(10);
  const seen: number[] = [];
  const projection = keep(
    bank.project('sums', { Deposited: ({ data }) => void seen.push(data.amount) }, { batch: 3 }),
  );
  await projection.caughtUp();
  expect(seen).toEqual([...Array(10).keys()]);
  await bank.append('acc-0', { type: 'Renamed', data: { name: 'nobody listens' } });
  await deposit(5, 10);
  await projection.caughtUp();
  expect(seen).toEqual([...Array(15).keys()]);
  expect(await projection.lag()).toEqual({ events: 0, ms: 0 });
});

test('goes on where it was, and begins anew to rebuild', async () => {
  await deposit(10);
  let seen: number[] = [];
  const handlers = { '*': (event: { version: number }) => void seen.push(event.version) };
  const first = bank.project('all', handlers);
  await first.caughtUp();
  await first.close();
  await deposit(2, 10);
  seen = [];
  const second = keep(bank.project('all', handlers, { reset: () => void seen.splice(0) }));
  await second.caughtUp();
  expect(seen).toHaveLength(2);
  await second.rebuild();
  await second.caughtUp();
  expect(seen).toHaveLength(12);
});

test('ends with its client, after the batch that is under way', async () => {
  await deposit(3);
  const seen: number[] = [];
  const errors: unknown[] = [];
  let begin = (): void => {};
  const begun = new Promise<void>((resolve) => {
    begin = resolve;
  });
  const projection = bank.project(
    'sums',
    {
      Deposited: async ({ data }) => {
        begin();
        await new Promise(setImmediate);
        seen.push(data.amount);
      },
    },
    { onError: (error) => errors.push(error) },
  );
  await begun;
  await mq.close();
  await projection.closed;
  const { length } = seen;
  expect(length).toBeGreaterThan(0);
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(seen).toHaveLength(length);
  expect(errors).toEqual([]);
  expect(() => bank.project('late', {})).toThrow(/has been closed/);
});

test('tries a failing event again, and stops rather than skip it', async () => {
  await deposit(6);
  const seen: number[] = [];
  let refused = 0;
  const errors: unknown[] = [];
  const handlers = {
    Deposited: ({ data }: { data: { amount: number } }) => {
      if (data.amount === 2 && refused < 2) {
        refused += 1;
        throw new Error('not yet');
      }
      if (data.amount === 4) throw new Error('never');
      seen.push(data.amount);
    },
  };
  const options = { retry: FAST, onError: (error: unknown) => void errors.push(error) };
  const projection = keep(bank.project('stubborn', handlers, options));
  await expect(projection.closed).rejects.toThrow(
    /"stubborn" could not handle Deposited \(stream "acc-1", version 2\): Error: never/,
  );
  expect(seen).toEqual([0, 1, 2, 3]);
  expect(errors).toHaveLength(2 + 4);
  expect((await projection.lag()).events).toBe(2);
  await expect(projection.caughtUp()).rejects.toThrow(/could not handle/);
  const again = keep(
    bank.project('stubborn', { Deposited: ({ data }) => void seen.push(data.amount) }),
  );
  await again.caughtUp();
  expect(seen).toEqual([0, 1, 2, 3, 4, 5]);
});

test('says that there is no transaction where there is none', async () => {
  await deposit(1);
  const projection = keep(
    bank.project(
      'x',
      { Deposited: (_, { tx }) => tx.query('select 1') },
      { retry: false, onError: () => {} },
    ),
  );
  await expect(projection.closed).rejects.toThrow(/checkpoint: db/);
});

test('publishes events to a topic, with their ids, in order per stream', async () => {
  await deposit(6);
  const topic = mq.topic('bank-events');
  await topic.ready();
  const got: string[] = [];
  const consumer = topic.subscribe((m) => void got.push(`${m.key} ${m.type} ${m.id}`), {
    from: 'start',
  });
  keep(publishEvents(bank, topic));
  const ids: string[] = [];
  for (const event of await bank.readAll()) ids.push(`${event.stream} Deposited ${event.id}`);
  await expect.poll(() => got).toEqual(ids);
  await consumer.close();
});

let server: TestPostgres | undefined;
let pool: ReturnType<TestPostgres['newPool']> | undefined;
beforeAll(async () => {
  if (postgresMissing() === undefined) server = await startPostgres();
});
afterAll(() => server?.stop());

interface World {
  mq: EmbeddedClient;
  db: SqlDatabase;
  close(): Promise<void>;
}

const TABLE =
  'create table sums (account text primary key, sum integer not null, count integer not null)';

const DATABASES: Record<string, () => Promise<{ db: SqlDatabase; close(): Promise<void> }>> = {
  SQLite: async () => {
    const file = SQLITE_LIBRARIES[0]!.open(':memory:');
    const db = sqlite(file);
    await db.query(TABLE);
    return { db, close: async () => file.close() };
  },
  PostgreSQL: async () => {
    pool ??= server!.newPool(40);
    await pool.query('drop table if exists sums, polymq_checkpoints, polymq_schema');
    await pool.query(TABLE);
    return { db: postgres(pool), close: async () => {} };
  },
};

type SumEvent = { stream: string; data: { amount: number } };
type SumContext = { tx: { query(text: string, values: (string | number)[]): Promise<unknown> } };

const SUMS = {
  Deposited: async ({ stream, data }: SumEvent, { tx }: SumContext) => {
    await tx.query(
      `insert into sums (account, sum, count) values ($1, $2, 1)
       on conflict (account) do update set sum = sums.sum + excluded.sum, count = sums.count + 1`,
      [stream, data.amount],
    );
  },
};

async function counted(db: SqlDatabase): Promise<number> {
  const { rows } = await db.query('select sum(count) as count from sums');
  return Number(rows[0]!['count']);
}

for (const [name, open] of Object.entries(DATABASES)) {
  const skipped = name === 'PostgreSQL' && postgresMissing() !== undefined;
  // Skipped without PostgreSQL: Debian's package postgresql, or TEST_POSTGRES=url of another one.
  describe.skipIf(skipped)(`a projection with its checkpoint in ${name}`, () => {
    test('writes what each event means once, also when two run at the same time and handlers fail', async () => {
      const { db, close } = await open();
      await deposit(30);
      let failures = 0;
      const flaky = {
        Deposited: async (event: SumEvent, context: SumContext) => {
          await SUMS.Deposited(event, context);
          failures += 1;
          if (failures % 7 === 0) throw new Error('after its write');
        },
      };
      const options = { checkpoint: db, batch: 4, retry: FAST, onError: () => {} };
      const one = bank.project('sums', flaky, options);
      const two = bank.project('sums', flaky, options);
      await Promise.all([one.caughtUp(), two.caughtUp()]);
      expect(await counted(db)).toBe(30);
      const clear = async ({
        tx,
      }: {
        tx: { query(text: string): Promise<unknown> };
      }): Promise<void> => {
        await tx.query('delete from sums');
      };
      await Promise.all([one.close(), two.close()]);
      const third = bank.project('sums', SUMS, { ...options, reset: clear });
      await third.rebuild();
      await third.caughtUp();
      expect(await counted(db)).toBe(30);
      await third.close();
      await close();
    });

    test('writes each event once, killed at every await point', { timeout: 300_000 }, async () => {
      const report = await forEveryKillPoint<World>(
        {
          setup: async () => {
            const { db, close } = await open();
            const client = await embed({ data: 'memory:' });
            const store = eventStore<Events>(client, 'bank');
            for (let at = 0; at < 6; at++) {
              await store.append('acc', { type: 'Deposited', data: { amount: at } });
            }
            return {
              ...{ mq: client, db },
              close: async () => {
                await client.close();
                await close();
              },
            };
          },
          run: async (world, kill) => {
            const client = createClient(kill.guard(world.mq.driver, 'driver'));
            const store = eventStore<Events>(client, 'bank');
            const checkpoint = kill.guard(world.db, 'db');
            const projection = store.project('sums', SUMS, { checkpoint, batch: 2 });
            kill.onDeath(() => void projection.close());
            await projection.caughtUp();
            void projection.close();
          },
          check: async ({ db }) => {
            const { rows } = await db.query('select sum, count from sums');
            expect(rows.map((row) => [Number(row['sum']), Number(row['count'])])).toEqual([
              [15, 6],
            ]);
          },
          teardown: (world) => world.close(),
        },
        { kills: 2 },
      );
      expect(report.points).toBeGreaterThan(20);
    });
  });
}
