/**
 * The outbox on real databases, with the broker in this process: what commits is sent, once, in order per key, by any number
 * of relays, however they die.
 */
import { type EmbeddedClient, embed } from 'polymq';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createClient } from '../../src/client/create-client.ts';
import type { Driver, QueueDriver, SendOutcome } from '../../src/driver/driver.ts';
import { PolymqError } from '../../src/errors.ts';
import type { OutgoingMessage } from '../../src/message/wire-message.ts';
import {
  type Outbox,
  type OutboxOptions,
  type OutboxRelay,
  outbox,
} from '../../src/patterns/outbox/outbox.ts';
import type { SqlDatabase, SqlTransaction } from '../../src/sql/database.ts';
import { DATABASES, type TestDatabase } from '../support/databases.ts';
import { forEveryKillPoint, type KillSwitch } from '../support/kill-points.ts';

interface Order {
  readonly n: number;
}

const FAST: Partial<OutboxOptions> = { poll: 5, retry: { max: 2, base: 5, jitter: 0 } };

describe.each(DATABASES)('the outbox on $name', ({ name, missing, open }) => {
  // Skipped without PostgreSQL: Debian's package postgresql, or TEST_POSTGRES=url of another one.
  describe.skipIf(missing !== undefined)(missing ?? 'it is there', () => {
    let database: TestDatabase;
    let db: SqlDatabase;
    let mq: EmbeddedClient;
    const relays: OutboxRelay[] = [];

    beforeAll(async () => {
      database = await open();
    });
    afterAll(() => database.close());
    beforeEach(async () => {
      await database.clear();
      db = database.connect();
      mq = await embed({ data: 'memory:' });
    });
    afterEach(async () => {
      await Promise.all(relays.splice(0).map((relay) => relay.close()));
      await mq.close();
    });

    async function make(options: Partial<OutboxOptions> = {}): Promise<Outbox> {
      const box = outbox({ mq, db, ...FAST, onError: () => {}, ...options });
      await box.ready();
      return box;
    }

    function started(box: Outbox): OutboxRelay {
      const relay = box.relay();
      relays.push(relay);
      return relay;
    }

    /** Everything that is in the queue, in its order. */
    async function received(name = 'orders'): Promise<{ id: string; n: number; key: string }[]> {
      const all: { id: string; n: number; key: string }[] = [];
      for (;;) {
        const batch = await mq.queue<Order>(name).receiveBatch({ max: 500 });
        if (batch.length === 0) return all;
        for (const { id, data, key } of batch) all.push({ id, n: data.n, key: key ?? '' });
        await Promise.all(batch.map((message) => message.ack()));
      }
    }

    const numbers = async (name?: string): Promise<number[]> =>
      (await received(name)).map(({ n }) => n);

    it('sends what was committed, with everything that `send` would have given it', async () => {
      const box = await make();
      const orders = mq.queue<Order>('orders');
      const options = { key: 'k', type: 'placed', headers: { a: 'b' }, correlationId: 'c' };
      const added = await db.transaction((tx) => box.add(tx, orders, { n: 1 }, options));
      await started(box).drain();
      const message = await orders.receive();
      expect(message).toMatchObject({ id: added.id, data: { n: 1 }, ...options });
      expect(await box.stats()).toEqual({ waiting: 0, parked: 0, ageMs: 0 });
    });

    it('sends nothing of a transaction that rolled back', async () => {
      const box = await make();
      const failed = db.transaction(async (tx) => {
        await box.add(tx, 'orders', { n: 1 });
        throw new Error('no');
      });
      await expect(failed).rejects.toThrow('no');
      await db.transaction((tx) => box.add(tx, 'orders', { n: 2 }));
      await started(box).drain();
      expect(await numbers()).toEqual([2]);
    });

    it('publishes to topics, and carries texts and bytes as they are', async () => {
      const box = await make();
      const topic = mq.topic<string>('events');
      const seen: unknown[] = [];
      await topic.ready();
      const reader = topic.subscribe((message) => seen.push(message.data), { from: 'start' });
      await db.transaction(async (tx) => {
        await box.add(tx, topic, 'text', { key: 'k' });
        await box.add(tx, 'files', new Uint8Array([0, 255]));
      });
      await started(box).drain();
      await eventually(() => seen).toEqual(['text']);
      await reader.close();
      const file = await mq.queue<Uint8Array>('files').receive();
      expect([...file!.data]).toEqual([0, 255]);
    });

    it('refuses in the transaction what could not be sent later', async () => {
      const box = await make();
      await db.transaction(async (tx) => {
        await expect(box.add(tx, 'orders', 1n)).rejects.toMatchObject({ code: 'invalid-message' });
        const wrong = box.add(tx, {} as never, { n: 1 });
        await expect(wrong).rejects.toMatchObject({ code: 'invalid-argument' });
      });
      await expect(box.add(undefined, 'orders', {})).rejects.toMatchObject({
        code: 'invalid-argument',
      });
    });

    it('ends with its client', async () => {
      const own = await mq.another();
      const box = await make({ mq: own });
      const relay = started(box);
      await db.transaction((tx) => box.add(tx, 'orders', { n: 1 }));
      await relay.drain();
      await own.close();
      await db.transaction((tx) => outbox({ mq, db }).add(tx, 'orders', { n: 2 }));
      await expect(relay.drain({ timeout: '5s' })).rejects.toMatchObject({ code: 'closed' });
      expect(await box.stats()).toMatchObject({ waiting: 1 });
      expect(() => box.relay()).toThrow(/has been closed/);
    });

    it('says what to do when the table is missing', async () => {
      const box = outbox({ mq, db });
      const added = db.transaction((tx) => box.add(tx, 'orders', { n: 1 }));
      await expect(added).rejects.toThrow(/polymq_outbox does not exist; await outbox\.ready\(\)/);
    });

    it('parks what is refused for good, at once, and lets the rest of its key go on', async () => {
      const box = await make({ mq: refusing(mq, (m) => (m.key === 'bad' ? 'too-large' : '')) });
      const reported: unknown[] = [];
      const reporting = await make({
        mq: refusing(mq, (m) => (text(m) === '{"n":1}' ? 'too-large' : '')),
        onError: (error) => reported.push(error),
      });
      await db.transaction(async (tx) => {
        for (const n of [1, 2, 3]) await box.add(tx, 'orders', { n }, { key: 'a' });
      });
      const relay = started(reporting);
      await relay.drain();
      expect(await numbers()).toEqual([2, 3]);
      const [parked] = await reporting.parked();
      expect(parked).toMatchObject({ kind: 'queue', target: 'orders', key: 'a', attempts: 1 });
      expect(parked!.error).toMatch(/too large/);
      expect(reported).toMatchObject([{ code: 'message-too-large' }]);
      expect(relay).toMatchObject({ sent: 2, refused: 1 });
      expect(await box.stats()).toMatchObject({ waiting: 0, parked: 1 });
      await relay.close();
      // The reason is gone: it can be sent again.
      expect(await box.retry([parked!.rowId])).toBe(1);
      await started(box).drain();
      expect(await numbers()).toEqual([1]);
      expect(await box.parked()).toEqual([]);
    });

    it('tries again with backoff what may pass, keeps the order of its key, then parks it', async () => {
      let refusals = 0;
      const flaky = refusing(mq, (m) => {
        if (text(m) === '{"n":1}' && refusals < 2) {
          refusals += 1;
          return 'engine-failed';
        }
        return text(m) === '{"n":7}' ? 'engine-failed' : '';
      });
      const box = await make({ mq: flaky });
      await db.transaction(async (tx) => {
        for (const n of [1, 2, 3]) await box.add(tx, 'orders', { n }, { key: 'a' });
        await box.add(tx, 'others', { n: 7 }, { key: 'b' });
      });
      await started(box).drain();
      expect(await numbers()).toEqual([1, 2, 3]);
      expect(await box.parked()).toMatchObject([{ target: 'others', attempts: 3 }]);
      expect(await box.discard([(await box.parked())[0]!.rowId])).toBe(1);
      expect(await box.stats()).toEqual({ waiting: 0, parked: 0, ageMs: 0 });
    });

    it('counts no attempts while the engine is away, and leaves one place alone when only that fails', async () => {
      let away = 3;
      const failing = refusing(mq, (_, queue) => {
        if (queue !== 'broken') return '';
        away -= 1;
        return away >= 0 ? 'disconnected' : '';
      });
      const box = await make({ mq: failing, batch: 2 });
      await db.transaction(async (tx) => {
        for (const n of [1, 2, 3, 4]) await box.add(tx, 'broken', { n }, { key: 'a' });
        await box.add(tx, 'orders', { n: 5 });
      });
      await started(box).drain();
      expect(await numbers('broken')).toEqual([1, 2, 3, 4]);
      expect(await numbers()).toEqual([5]);
      expect(await box.stats()).toMatchObject({ parked: 0 });
    });

    it('keeps what was sent for as long as it is told, then deletes it', async () => {
      const box = await make({ keep: 50 });
      await db.transaction((tx) => box.add(tx, 'orders', { n: 1 }));
      await started(box).drain();
      const rows = async (): Promise<number> =>
        Number((await db.query('select count(*) as n from polymq_outbox')).rows[0]!['n']);
      expect(await rows()).toBe(1);
      await eventually(rows).toBe(0);
      expect(await numbers()).toEqual([1]);
    });

    it('keeps the order of every key with four relays and eight writers, skips and doubles nothing', async () => {
      const keys = 12;
      const perWriter = 40;
      const boxes = await Promise.all(
        Array.from({ length: 4 }, () => make({ db: database.connect(), batch: 20 })),
      );
      await db.query('create table counters (name text primary key, n integer not null)');
      for (let key = 0; key < keys; key += 1) {
        await db.query('insert into counters values ($1, 0)', [`k${key}`]);
      }
      let rolledBack = 0;
      const write = async (writer: number): Promise<void> => {
        const own = writer % 2 === 0 ? db : database.connect();
        for (let i = 0; i < perWriter; i += 1) {
          const key = `k${Math.floor(Math.random() * keys)}`;
          const change = own.transaction(async (tx) => {
            // The row lock puts the writers of a key in an order; the message must keep it.
            const changed = await tx.query(
              'update counters set n = n + 1 where name = $1 returning n',
              [key],
            );
            const n = Number(changed.rows[0]!['n']);
            await boxes[writer % 4]!.add(tx, 'orders', { n }, { key });
            if (db.dialect === 'postgresql') await pause(Math.random() * 6);
            if (Math.random() < 0.1) throw new Error('roll back');
          });
          await change.catch((error: Error) => {
            if (error.message !== 'roll back') throw error;
            rolledBack += 1;
          });
        }
      };
      await Promise.all([0, 1, 2, 3].map(write));
      // There is work for all of them when they start, and more comes while they are at it.
      for (const box of boxes) started(box);
      await Promise.all([4, 5, 6, 7].map(write));
      await Promise.all(relays.map((relay) => relay.drain()));
      const got = await received();
      // The engine would have dropped second copies; there were none.
      expect(relays.reduce((sum, relay) => sum + relay.sent, 0)).toBe(got.length);
      expect(got).toHaveLength(8 * perWriter - rolledBack);
      const counters = await db.query('select name, n from counters');
      for (const { name, n } of counters.rows) {
        const ofKey = got.filter(({ key }) => key === name).map((each) => each.n);
        expect(ofKey).toEqual(Array.from({ length: Number(n) }, (_, index) => index + 1));
      }
    });

    // SQLite has one writer: its transactions do not overlap.
    describe.runIf(name === 'PostgreSQL')('with transactions that overlap', () => {
      it('never sends past a lower id whose transaction is open, in whatever order they got their ids and commit', async () => {
        const counted = countingTurns(db);
        const box = await make({ db: counted.db });
        // The later transaction gets the lower id: comparing transaction ids would not see it.
        const early = held(db, async (tx) => void (await tx.query('select pg_current_xact_id()')));
        await early.done;
        const late = held(db, (tx) => box.add(tx, 'orders', { n: 1 }, { key: 'a' }));
        await late.done;
        await early.more((tx) => box.add(tx, 'orders', { n: 2 }, { key: 'a' }));
        await early.commit();
        const relay = started(box);
        await counted.turns(5);
        expect([relay.sent, (await box.stats()).waiting]).toEqual([0, 1]);
        // Others go on adding meanwhile, and are waited for in their turn only.
        const next = held(db, (tx) => box.add(tx, 'orders', { n: 3 }, { key: 'a' }));
        await next.done;
        await late.commit();
        await eventually(() => relay.sent).toBe(2);
        await next.commit();
        await relay.drain();
        expect(await numbers()).toEqual([1, 2, 3]);
      });

      it('does not wait for transactions that have nothing to do with it', async () => {
        const box = await make();
        await db.query('create table other (a integer)');
        const long = held(db, async (tx) => void (await tx.query('insert into other values (1)')));
        await long.done;
        await db.transaction((tx) => box.add(tx, 'orders', { n: 1 }));
        await started(box).drain();
        await long.commit();
        expect(await numbers()).toEqual([1]);
      });

      it('is woken up by NOTIFY, and listens again when that connection breaks', async () => {
        const box = await make({ notify: true, poll: '10m' });
        const relay = started(box);
        const listens = `from pg_stat_activity where query = 'listen "polymq_outbox"' and datname = current_database()`;
        const listeners = async (): Promise<number> =>
          (await db.query(`select pid ${listens}`)).rows.length;
        await eventually(listeners).toBe(1);
        const other = outbox({ mq, db: database.connect(), notify: true });
        await db.transaction((tx) => other.add(tx, 'orders', { n: 1 }));
        await eventually(() => relay.sent).toBe(1);
        await db.query(`select pg_terminate_backend(pid) ${listens}`);
        await eventually(listeners).toBe(1);
        await db.transaction((tx) => other.add(tx, 'orders', { n: 2 }));
        await eventually(() => relay.sent).toBe(2);
      });
    });

    describe('killed at every await point', () => {
      /** One queue of the broker for each world; the tables are emptied. */
      interface World {
        readonly queue: string;
      }

      const committed = async (): Promise<number[]> =>
        (await db.query('select n from facts order by n')).rows.map(({ n }) => Number(n));

      async function life({ queue }: World, kill: KillSwitch): Promise<void> {
        const guarded = kill.guard(database.connect(), 'db');
        const own = createClient(kill.guard(mq.driver, 'engine'));
        const box = outbox({ mq: own, db: guarded, ...FAST, batch: 2, onError: () => {} });
        const done = await committed();
        for (const n of [1, 2, 3].filter((each) => !done.includes(each))) {
          await guarded.transaction(async (tx) => {
            await tx.query('insert into facts values ($1)', [n]);
            await box.add(tx, queue, { n }, { key: 'a' });
          });
        }
        const relay = box.relay();
        await relay.drain();
        await relay.close();
      }

      it.each([
        { kills: 1, every: 1 },
        { kills: 2, every: 3 },
      ] as const)(
        'ends with one message per committed fact, in order ($kills deaths)',
        { timeout: 240_000 },
        async ({ kills, every }) => {
          await make();
          await db.query('create table facts (n integer)');
          let worlds = 0;
          const report = await forEveryKillPoint<World>(
            {
              setup: async () => {
                for (const table of ['facts', 'polymq_outbox'])
                  await db.query(`delete from ${table}`);
                worlds += 1;
                return { queue: `orders-${worlds}` };
              },
              run: life,
              recover: async (world, kill) => {
                // What a dead relay has leased is free when its time is over; nobody wants to wait for that here.
                if (db.dialect === 'sqlite') await db.query('delete from polymq_outbox_relay');
                await life(world, kill);
              },
              check: async ({ queue }) => {
                expect(await committed()).toEqual([1, 2, 3]);
                expect(await numbers(queue)).toEqual([1, 2, 3]);
                expect((await db.query('select * from polymq_outbox')).rows).toEqual([]);
              },
            },
            { kills, every },
          );
          expect(report.points).toBeGreaterThan(50);
          expect(report.missed).toEqual([]);
          // With two deaths, the second life does not always live as long as its number.
          if (kills === 2) expect(report.deaths).toBeGreaterThan((report.points / every) * 1.2);
        },
      );
    });
  });
});

/** Tells how often a relay has looked at the table. */
function countingTurns(db: SqlDatabase): { db: SqlDatabase; turns(count: number): Promise<void> } {
  let looks = 0;
  const counted: SqlDatabase = {
    dialect: db.dialect,
    query: (text, values) => {
      if (text.includes('pg_locks')) looks += 1;
      return db.query(text, values);
    },
    transaction: (work) => db.transaction(work),
    wrap: (handle) => db.wrap(handle),
  };
  return {
    db: counted,
    turns: async (count) => {
      const until = looks + count;
      await eventually(() => looks).toBeGreaterThanOrEqual(until);
    },
  };
}

/** A transaction that stays open until it is told to commit. */
function held(db: SqlDatabase, first: (tx: SqlTransaction) => Promise<unknown>) {
  let open!: SqlTransaction;
  let commit!: () => void;
  let started!: () => void;
  const done = new Promise<void>((resolve) => {
    started = resolve;
  });
  const told = new Promise<void>((resolve) => {
    commit = resolve;
  });
  const over = db.transaction(async (tx) => {
    open = tx;
    await first(tx);
    started();
    await told;
  });
  return {
    done,
    more: (work: (tx: SqlTransaction) => Promise<unknown>) => work(open),
    commit: () => {
      commit();
      return over;
    },
  };
}

/** The same broker, in front of which somebody refuses messages. '' lets one pass; a lost connection loses all of the call. */
function refusing(
  mq: EmbeddedClient,
  why: (
    message: OutgoingMessage,
    queue: string,
  ) => '' | 'too-large' | 'engine-failed' | 'disconnected',
): ReturnType<typeof createClient> {
  const { driver } = mq;
  const inner = driver.queues!;
  const send: QueueDriver['send'] = async (queue, messages) => {
    const outcomes: SendOutcome[] = [];
    for (const message of messages) {
      const problem = why(message, queue);
      if (problem === 'disconnected') throw new PolymqError('disconnected', 'gone');
      if (problem === 'too-large') {
        outcomes.push({ error: new PolymqError('message-too-large', 'it is too large') });
      } else if (problem === 'engine-failed') {
        outcomes.push({ error: new PolymqError('engine-failed', 'not now') });
      } else outcomes.push((await inner.send(queue, [message]))?.[0] ?? { duplicate: false });
    }
    return outcomes;
  };
  const queues = new Proxy(inner, {
    get: (target, key) => {
      if (key === 'send') return send;
      const value = Reflect.get(target, key, target) as unknown;
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  const made: Driver = {
    engine: driver.engine,
    system: driver.system,
    capabilities: driver.capabilities,
    clock: driver.clock,
    queues,
    topics: driver.topics,
    close: async () => {},
  };
  return createClient(made);
}

/** Machines that are busy take their time. */
function eventually<T>(look: () => T): ReturnType<typeof expect.poll<T>> {
  return expect.poll(look, { timeout: 30_000 });
}

function text(message: OutgoingMessage): string {
  return Buffer.from(message.body).toString();
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
