/** The inbox on real databases, with the broker in this process: effects happen once per message, wherever the process dies. */
import { type EmbeddedClient, embed } from 'polymq';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { createClient } from '../../src/client/create-client.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { eventStore } from '../../src/patterns/events/event-store.ts';
import { sqlStore } from '../../src/patterns/idempotency/sql-store.ts';
import { inbox } from '../../src/patterns/inbox/inbox.ts';
import type { SqlDatabase } from '../../src/sql/database.ts';
import { sqlite } from '../../src/sql/sqlite.ts';
import { DATABASES, type TestDatabase } from '../support/databases.ts';
import { forEveryKillPoint, type KillSwitch } from '../support/kill-points.ts';
import { SQLITE_LIBRARIES } from '../support/sqlite.ts';

describe.each(DATABASES)('the inbox on $name', ({ missing, open }) => {
  // Skipped without PostgreSQL: Debian's package postgresql, or TEST_POSTGRES=url of another one.
  describe.skipIf(missing !== undefined)(missing ?? 'it is there', () => {
    let database: TestDatabase;
    let db: SqlDatabase;
    let mq: EmbeddedClient;

    beforeAll(async () => {
      database = await open();
    });
    afterAll(() => database.close());
    beforeEach(async () => {
      await database.clear();
      db = database.connect();
      await db.query('create table effects (id text)');
      mq = await embed({ data: 'memory:', clock: 'manual' });
    });
    afterEach(() => mq.close());

    const effects = async (): Promise<unknown[]> =>
      (await db.query('select id from effects order by id')).rows.map(({ id }) => id);

    const insert = (text: string) => (tx: { query: SqlDatabase['query'] }) =>
      tx.query('insert into effects values ($1)', [text]);

    it('runs the work once per message, and keeps its effects with the id', async () => {
      const box = inbox({ db });
      const message = { id: 'm1', source: 'orders' };
      expect(await box.once(undefined, message, insert('a'))).toBe(true);
      expect(await box.once(undefined, message, insert('b'))).toBe(false);
      expect(await box.once(undefined, { ...message, source: 'copies' }, insert('c'))).toBe(true);
      expect(await inbox({ db, name: 'other' }).once(undefined, message, insert('d'))).toBe(true);
      expect(await effects()).toEqual(['a', 'c', 'd']);
    });

    it('forgets a message whose work failed', async () => {
      const box = inbox({ db });
      const failed = box.once(undefined, { id: 'm1' }, async (tx) => {
        await insert('a')(tx);
        throw new Error('no');
      });
      await expect(failed).rejects.toThrow('no');
      expect(await box.once(undefined, { id: 'm1' }, insert('b'))).toBe(true);
      expect(await effects()).toEqual(['b']);
    });

    it("takes part in the caller's own transaction", async () => {
      const box = inbox({ db });
      const early = db.transaction((tx) => box.once(tx, { id: 'm1' }, insert('a')));
      await expect(early).rejects.toThrow(/polymq_inbox does not exist; await inbox\.ready\(\)/);
      await box.ready();
      const rolledBack = db.transaction(async (tx) => {
        expect(await box.once(tx, { id: 'm1' }, insert('a'))).toBe(true);
        throw new Error('no');
      });
      await expect(rolledBack).rejects.toThrow('no');
      await db.transaction(async (tx) => {
        expect(await box.once(tx, { id: 'm1' }, insert('b'))).toBe(true);
        expect(await box.once(tx, { id: 'm1' }, insert('c'))).toBe(false);
      });
      expect(await effects()).toEqual(['b']);
    });

    it('lets one of many twins run, however they meet', async () => {
      const boxes = [inbox({ db }), inbox({ db: database.connect() })];
      const runs = Array.from({ length: 20 }, (_, index) =>
        boxes[index % 2]!.once(undefined, { id: `m${index % 5}` }, insert(`m${index % 5}`)),
      );
      expect((await Promise.all(runs)).filter(Boolean)).toHaveLength(5);
      expect(await effects()).toEqual(['m0', 'm1', 'm2', 'm3', 'm4']);
    });

    it('forgets ids after a while, not before', async () => {
      const dayMs = 86_400_000;
      let nowMs = 0;
      const box = inbox({ db, keep: '7d', clock: { ...systemClock, nowMs: () => nowMs } });
      await box.once(undefined, { id: 'm1' }, insert('a'));
      nowMs = 6 * dayMs;
      expect(await box.once(undefined, { id: 'm1' }, insert('b'))).toBe(false);
      nowMs = 8 * dayMs;
      await box.once(undefined, { id: 'm2' }, insert('c'));
      await expect
        .poll(() => box.once(undefined, { id: 'm1' }, insert('d')), { timeout: 30_000 })
        .toBe(true);
      expect(await effects()).toEqual(['a', 'c', 'd']);
    });

    it('makes a queue effectively-once, with the transaction at hand', async () => {
      const box = inbox({ db });
      const orders = mq.queue<string>('orders', {
        delivery: { mode: 'effectively-once', once: box },
      });
      expect(() => box.tx).toThrow(/only while a handler runs/);
      let runs = 0;
      const handled: string[] = [];
      const consumer = orders.consume(async (message) => {
        runs += 1;
        await insert(message.data)(box.tx);
        if (runs === 1) throw new Error('once more');
        handled.push(message.id);
      });
      await orders.send('a', { id: 'm1' });
      await expect.poll(() => runs, { timeout: 30_000 }).toBe(1);
      await expect.poll(() => mq.clock.advance('1s').then(() => runs), { timeout: 30_000 }).toBe(2);
      await orders.send('again', { id: 'm1' });
      await expect
        .poll(async () => (await orders.stats()).leased ?? 0, { timeout: 30_000 })
        .toBe(0);
      await consumer.close();
      expect(handled).toEqual(['m1']);
      expect(await effects()).toEqual(['a']);
    });

    it('has each effect once when it is killed at any await point', {
      timeout: 240_000,
    }, async () => {
      await inbox({ db }).ready();
      let worlds = 0;
      const life = async (name: string, kill: KillSwitch): Promise<void> => {
        const own = createClient(kill.guard(mq.driver, 'engine'));
        const box = inbox({ db: kill.guard(database.connect(), 'db') });
        const orders = own.queue<string>(name, { lease: '1m' });
        for (;;) {
          const [message] = await orders.receiveBatch({ max: 1 });
          if (message === undefined) return;
          await box.once(undefined, message, async (tx) => {
            await tx.query('insert into effects values ($1)', [message.data]);
          });
          await message.ack();
        }
      };
      const report = await forEveryKillPoint<string>({
        setup: async () => {
          worlds += 1;
          const name = `orders-${worlds}`;
          await db.query('delete from effects');
          await mq.queue(name, { lease: '1m' }).sendBatch([{ data: 'a' }, { data: 'b' }]);
          return name;
        },
        run: life,
        recover: async (name, kill) => {
          await mq.clock.advance('2m');
          await life(name, kill);
        },
        check: async (name) => {
          expect(await effects()).toEqual(['a', 'b']);
          expect(await mq.queue(name).stats()).toMatchObject({ ready: 0, leased: 0 });
        },
      });
      expect(report.deaths).toBe(report.points);
      expect(report.points).toBeGreaterThan(20);
    });
  });
});

describe('one connection', () => {
  let mq: EmbeddedClient;
  let db: SqlDatabase;
  let close = (): void => {};

  beforeEach(async () => {
    const handle = SQLITE_LIBRARIES[0]!.open(':memory:');
    close = () => handle.close();
    db = sqlite(handle);
    await db.query('create table effects (id text)');
    mq = await embed({ data: 'memory:', clock: 'manual' });
  });
  afterEach(async () => {
    vi.useRealTimers();
    await mq.close();
    close();
  });

  const WAYS: Record<string, () => Promise<unknown>> = {
    'a statement of its own': () => db.query("insert into effects values ('x')"),
    'a key in sqlStore(db)': () => sqlStore(db).begin('key', 'token', 1_000),
    'an event in eventStore({ db })': () =>
      eventStore(mq, 'shop', { db }).append('order', [{ type: 'Placed', data: {} }]),
  };
  for (const [name, way] of Object.entries(WAYS)) {
    it(`tells a handler that waits for its own transaction by ${name}`, async () => {
      const box = inbox({ db });
      await box.ready();
      const orders = mq.queue<string>('orders', {
        ...{ delivery: { mode: 'effectively-once', once: box }, retry: false },
      });
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
      let begun = false;
      const consumer = orders.consume(async () => {
        begun = true;
        await way();
      });
      await orders.send('a');
      await expect.poll(() => begun).toBe(true);
      await expect
        .poll(async () => {
          await vi.advanceTimersByTimeAsync(1_000);
          return (await orders.deadLetters.list())[0]?.reason;
        })
        .toMatch(/run it on the transaction .*box\.tx/);
      expect((await db.query('select * from effects')).rows).toEqual([]);
      await consumer.close();
    });
  }

  it('lets the handler of a message that another handler has sent wait for its turn', async () => {
    const box = inbox({ db });
    const [first, second] = [
      mq.queue<string>('first', { delivery: { mode: 'effectively-once', once: box } }),
      mq.queue<string>('second', { delivery: { mode: 'effectively-once', once: box } }),
    ];
    let going = false;
    const once = box.once.bind(box) as (...values: unknown[]) => Promise<boolean>;
    box.once = (...values: unknown[]) => {
      going ||= String(values[0]).startsWith('second/');
      return once(...values);
    };
    const consumers = [
      first.consume(async ({ data }) => {
        await second.send(`${data} again`);
        // Both handlers are at work, and the asynchronous context of the second may be that of the first.
        await expect.poll(() => going).toBe(true);
        await box.tx.query('insert into effects values ($1)', [data]);
      }),
      second.consume(({ data }) => box.tx.query('insert into effects values ($1)', [data])),
    ];
    await first.send('a');
    const effects = async () => (await db.query('select id from effects')).rows.map(({ id }) => id);
    await expect.poll(effects).toEqual(['a', 'a again']);
    for (const consumer of consumers) await consumer.close();
  });
});
