/** The event store on everything that can keep events: the embedded broker, PostgreSQL, SQLite, memory; and killed at every await point. */
import { type EventStore, eventStore, PolymqError } from '@polymq/client';
import { type EmbeddedClient, embed } from 'polymq';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Client } from '../../src/client/client.ts';
import { createClient } from '../../src/client/create-client.ts';
import type { EventLogDriver } from '../../src/driver/driver.ts';
import { PolymqEventLog } from '../../src/drivers/polymq/event-log.ts';
import { PolymqHttp } from '../../src/drivers/polymq/http.ts';
import { MemoryEventLog } from '../../src/patterns/events/memory-event-log.ts';
import type { SqlDatabase } from '../../src/sql/database.ts';
import { postgres } from '../../src/sql/postgres.ts';
import { sqlite } from '../../src/sql/sqlite.ts';
import { forEveryKillPoint } from '../support/kill-points.ts';
import { postgresMissing, startPostgres, type TestPostgres } from '../support/postgres.ts';
import { SQLITE_LIBRARIES } from '../support/sqlite.ts';

interface BankEvents {
  Opened: { owner: string };
  Deposited: { amount: number };
  Withdrawn: { amount: number };
}

interface Ground {
  mq: Client;
  db?: SqlDatabase;
  close(): Promise<void>;
}

let server: TestPostgres | undefined;
beforeAll(async () => {
  if (postgresMissing() === undefined) server = await startPostgres();
});
afterAll(() => server?.stop());

async function embedded(): Promise<Ground & { mq: EmbeddedClient }> {
  const mq = await embed({ data: 'memory:' });
  return { mq, close: () => mq.close() };
}

/** The client, with its events elsewhere. */
function withLog(mq: EmbeddedClient, eventLog: EventLogDriver): Ground {
  const { clock, queues, topics, capabilities } = mq.driver;
  const close = (): Promise<void> => mq.close();
  const driver = { engine: 'X', system: 'x', clock, queues, topics, capabilities, eventLog, close };
  return { mq: createClient(driver), close };
}

const GROUNDS: Record<string, () => Promise<Ground>> = {
  'the embedded broker': embedded,
  'a PolyMQ server over HTTP': async () => {
    const mq = await embed({ data: 'memory:', listen: ['http://127.0.0.1:0'] });
    const url = new URL(`http://127.0.0.1:${mq.broker.listener('http').port}`);
    const context = { clock: mq.clock, timeoutMs: 10_000, clientName: 'test' };
    const http = new PolymqHttp(url, { ...context, onConnection: () => {} });
    return withLog(mq, new PolymqEventLog(http, () => mq.clock.nowMs()));
  },
  memory: async () => withLog((await embedded()).mq, new MemoryEventLog()),
  PostgreSQL: async () => {
    const { mq, close } = await embedded();
    const pool = server!.newPool();
    await pool.query('drop table if exists polymq_events, polymq_snapshots, polymq_schema');
    return { mq, db: postgres(pool), close };
  },
  SQLite: async () => {
    const { mq, close } = await embedded();
    const file = SQLITE_LIBRARIES[0]!.open(':memory:');
    return {
      mq,
      db: sqlite(file),
      close: async () => {
        await close();
        file.close();
      },
    };
  },
};

const account = {
  name: 'account',
  initial: () => ({ open: false, balance: 0 }),
  evolve: (
    state: { open: boolean; balance: number },
    event: { type: string; data: unknown },
  ): { open: boolean; balance: number } => {
    if (event.type === 'Opened') return { ...state, open: true };
    const { amount } = event.data as { amount: number };
    return { ...state, balance: state.balance + (event.type === 'Deposited' ? amount : -amount) };
  },
  decide: (
    command: { deposit: number } | { withdraw: number },
    state: { open: boolean; balance: number },
  ) => {
    if (!state.open) return [{ type: 'Opened', data: { owner: 'Ada' } } as const];
    if ('deposit' in command) {
      return { type: 'Deposited', data: { amount: command.deposit } } as const;
    }
    if (command.withdraw > state.balance) throw new Error('not enough');
    return { type: 'Withdrawn', data: { amount: command.withdraw } } as const;
  },
};

for (const [name, ground] of Object.entries(GROUNDS)) {
  const skipped = name === 'PostgreSQL' && postgresMissing() !== undefined;
  // Skipped without PostgreSQL: Debian's package postgresql, or TEST_POSTGRES=url of another one.
  describe.skipIf(skipped)(`an event store in ${name}`, () => {
    let place: Ground;
    let bank: EventStore<BankEvents>;

    async function open(options: object = {}): Promise<void> {
      place = await ground();
      bank = eventStore<BankEvents>(place.mq, 'bank', {
        ...(place.db && { db: place.db }),
        ...options,
      });
    }

    afterEach(() => place.close());

    test('keeps streams of events with versions, and computes states from them', async () => {
      await open();
      const opened = { type: 'Opened', data: { owner: 'Ada' } } as const;
      expect(await bank.append('acc-1', opened, { expect: 'new' })).toMatchObject({ version: 1 });
      const deposits = [1, 2, 3].map(
        (amount) => ({ type: 'Deposited', data: { amount } }) as const,
      );
      await bank.append('acc-1', deposits, { expect: 1 });
      await bank.append('acc-2', opened);
      const seen: string[] = [];
      for await (const event of bank.read('acc-1', { from: 2, max: 2 })) {
        seen.push(`${event.version} ${event.type} ${JSON.stringify(event.data)}`);
      }
      expect(seen).toEqual(['2 Deposited {"amount":1}', '3 Deposited {"amount":2}']);
      const sum = await bank.fold('acc-1', 0, (state, event) =>
        event.type === 'Deposited' ? state + event.data.amount : state,
      );
      expect(sum).toEqual({ state: 6, version: 4 });
      expect(await bank.version('acc-1')).toBe(4);
      expect(await bank.version('nobody')).toBe(0);
      expect(await bank.fold('nobody', 7, (state) => state)).toEqual({ state: 7, version: 0 });
    });

    test('refuses an append at another version than the stream has', async () => {
      await open();
      const event = { type: 'Deposited', data: { amount: 1 } } as const;
      await bank.append('acc', event, { expect: 'new' });
      const late = bank.append('acc', event, { expect: 'new' });
      await expect(late).rejects.toMatchObject({ code: 'version-conflict', retryable: true });
      const race = await Promise.allSettled(
        [1, 2, 3, 4].map(() => bank.append('acc', event, { expect: 1 })),
      );
      expect(race.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      expect(await bank.version('acc')).toBe(2);
      await Promise.all([1, 2, 3, 4].map(() => bank.append('acc', event)));
      expect(await bank.version('acc')).toBe(6);
    });

    test('answers an append that is sent again as before', async () => {
      await open();
      const events = ['a', 'b'].map(
        (id) => ({ type: 'Deposited', data: { amount: 1 }, id }) as const,
      );
      const first = await bank.append('acc', events, { expect: 'new' });
      await bank.append('acc', { type: 'Deposited', data: { amount: 2 } });
      expect(await bank.append('acc', events, { expect: 'new' })).toMatchObject({
        version: first.version,
      });
      expect(await bank.version('acc')).toBe(3);
    });

    test('reads the whole store from any place, and waits for more', async () => {
      await open();
      for (let at = 0; at < 10; at++) {
        await bank.append(`acc-${at % 3}`, { type: 'Deposited', data: { amount: at } });
      }
      const first = await bank.readAll({ max: 4 });
      const rest = await bank.readAll({ after: first.at(-1)!.position });
      expect([...first, ...rest].map(({ data }) => (data as { amount: number }).amount)).toEqual([
        ...Array(10).keys(),
      ]);
      const waiting = bank.readAll({ after: rest.at(-1)!.position, wait: '10s' });
      await bank.append('acc-9', { type: 'Deposited', data: { amount: 99 } });
      expect(await waiting).toMatchObject([{ stream: 'acc-9', version: 1, data: { amount: 99 } }]);
    });

    test('decides over the state, and again if somebody was faster', async () => {
      await open();
      await bank.decide('acc', account, { deposit: 0 });
      await Promise.all(
        Array.from({ length: 8 }, () =>
          bank.decide('acc', account, { deposit: 5 }, { retries: 50 }),
        ),
      );
      const last = await bank.decide('acc', account, { withdraw: 15 });
      expect(last).toMatchObject({
        state: { balance: 25 },
        version: 10,
        events: [{ version: 10 }],
      });
      await expect(bank.decide('acc', account, { withdraw: 26 })).rejects.toThrow('not enough');
    });

    test('goes on from snapshots, unless they are of another schema', async () => {
      await open({ snapshots: { every: 5, schema: 1 } });
      await bank.decide('acc', account, { deposit: 0 });
      for (let at = 0; at < 12; at++) await bank.decide('acc', account, { deposit: 1 });
      const folded: number[] = [];
      const counting = {
        ...account,
        evolve: (state: never, event: never) => {
          folded.push((event as { version: number }).version);
          return account.evolve(state, event);
        },
      };
      expect(
        (await bank.decide('acc', counting as typeof account, { deposit: 1 })).state.balance,
      ).toBe(13);
      expect(Math.min(...folded)).toBeGreaterThan(5);
      folded.length = 0;
      const other = eventStore<BankEvents>(place.mq, 'bank', {
        ...(place.db && { db: place.db }),
        snapshots: { every: 5, schema: 2 },
      });
      await other.decide('acc', counting as typeof account, { deposit: 1 });
      expect(Math.min(...folded)).toBe(1);
    });

    test('brings old events up to their contract, and refuses what it does not know', async () => {
      await open();
      await bank.append('acc', { type: 'Deposited', data: { cents: 250 } as never });
      const contract = {
        name: 'Deposited',
        version: 2,
        encode: (data: { amount: number }) => ({
          body: Buffer.from(JSON.stringify(data)),
          contentType: 'application/json',
          headers: { 'polymq-version': '2' },
        }),
        decode: (message: { body: Uint8Array; headers: Readonly<Record<string, string>> }) => {
          const data = JSON.parse(Buffer.from(message.body).toString());
          return message.headers['polymq-version'] === '2' ? data : { amount: data.cents / 100 };
        },
      };
      const typed = eventStore<BankEvents>(place.mq, 'bank', {
        ...(place.db && { db: place.db }),
        contracts: [contract as never],
      });
      await typed.append('acc', { type: 'Deposited', data: { amount: 1 } });
      const sum = await typed.fold('acc', 0, (state, event) =>
        event.type === 'Deposited' ? state + event.data.amount : state,
      );
      expect(sum.state).toBe(3.5);
      const unknown = typed.append('acc', { type: 'Opened', data: { owner: 'Ada' } });
      await expect(unknown).rejects.toMatchObject({ code: 'invalid-message' });
    });
  });
}

// Skipped without PostgreSQL: Debian's package postgresql, or TEST_POSTGRES=url of another one.
describe.skipIf(postgresMissing() !== undefined)('readers of PostgreSQL', () => {
  test('never pass an event whose transaction is still open', async () => {
    const { mq, close } = await embedded();
    const pool = server!.newPool();
    await pool.query('drop table if exists polymq_events, polymq_snapshots, polymq_schema');
    const store = eventStore(mq, 'late', { db: postgres(pool) });
    await store.append('a', { type: 'x', data: 1 });
    // A transaction that writes first and commits last, as another process might.
    const slow = await pool.connect();
    await slow.query('begin');
    await slow.query(
      `insert into polymq_events (store, stream, version, event_id, content_type, headers, body, at_ms)
       values ('late', 'slow', 1, 'slow', 'application/json', '{}', '0', 0)`,
    );
    await store.append('b', { type: 'x', data: 2 });
    const before = await store.readAll();
    expect(before.map(({ stream }) => stream)).toEqual(['a']);
    await slow.query('commit');
    slow.release();
    const after = await store.readAll({ after: before[0]!.position });
    expect(after.map(({ stream }) => stream).sort()).toEqual(['b', 'slow']);
    await close();
  });
});

describe('killed at every await point', () => {
  const stores: Record<string, { db: boolean }> = {
    'the embedded broker': { db: false },
    SQLite: { db: true },
  };
  for (const [name, { db: inDatabase }] of Object.entries(stores)) {
    test(`commands take effect once in ${name}`, { timeout: 300_000 }, async () => {
      const report = await forEveryKillPoint<Ground>(
        {
          setup: () => GROUNDS[inDatabase ? 'SQLite' : 'the embedded broker']!(),
          run: async ({ mq, db }, kill) => {
            const options = db === undefined ? {} : { db: kill.guard(db, 'db') };
            const client = createClient(kill.guard(mq.driver, 'driver'));
            const bank = eventStore<BankEvents>(client, 'bank', {
              ...options,
              snapshots: { every: 2 },
            });
            // Idempotent by the id, as a handler of a command would be.
            for (const id of ['1', '2', '3', '4']) {
              await bank.decide(
                'acc',
                {
                  ...{ name: 'ids', initial: () => [] as string[] },
                  evolve: (ids: string[], event: { id: string }) => [...ids, event.id],
                  decide: (command: string, ids: string[]) =>
                    ids.includes(command)
                      ? []
                      : [{ type: 'Deposited', data: { amount: 1 }, id: command } as const],
                },
                id,
              );
            }
          },
          check: async ({ mq, db }) => {
            const bank = eventStore<BankEvents>(mq, 'bank', db === undefined ? {} : { db });
            const ids: string[] = [];
            for await (const event of bank.read('acc')) ids.push(event.id);
            expect(ids).toEqual(['1', '2', '3', '4']);
          },
          teardown: (ground) => ground.close(),
        },
        { kills: 2 },
      );
      expect(report.points).toBeGreaterThan(20);
    });
  }
});

test('says what to do where there is no event log', async () => {
  const { mq, close } = await embedded();
  const { clock, capabilities } = mq.driver;
  const driver = { engine: 'RabbitMQ', system: 'rabbitmq', clock, capabilities, close };
  expect(() => eventStore(createClient(driver), 'bank')).toThrow(/RabbitMQ.*event-log.*database/);
  expect(() => eventStore(createClient(driver), 'bank')).toThrow(PolymqError);
  await close();
});
