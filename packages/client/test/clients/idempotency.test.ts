/** Idempotency keys in memory, in Redis and in databases: once per key, whoever asks, and taken over from the dead. */
import { createClient } from 'redis';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import {
  type RealRedis,
  redisMissing,
  startRealRedis,
} from '../../../polymq/test/support/redis-server.ts';
import {
  type IdempotencyOptions,
  idempotent,
  onceBy,
} from '../../src/patterns/idempotency/idempotent.ts';
import { memoryStore } from '../../src/patterns/idempotency/memory-store.ts';
import { redisStore } from '../../src/patterns/idempotency/redis-store.ts';
import { sqlStore } from '../../src/patterns/idempotency/sql-store.ts';
import type { IdempotencyStore } from '../../src/patterns/idempotency/store.ts';
import { DATABASES } from '../support/databases.ts';
import { forEveryKillPoint } from '../support/kill-points.ts';

interface Stores {
  /** As other processes have it. Missing for memory, which is one process. */
  connect(): IdempotencyStore;
  close(): Promise<void>;
}

interface KindOfStore {
  readonly name: string;
  readonly missing: string | undefined;
  open(): Promise<Stores>;
}

const KINDS: readonly KindOfStore[] = [
  { name: 'memory', missing: undefined, open: openMemory },
  { name: 'Redis', missing: redisMissing(), open: openRedis },
  ...DATABASES.map(({ name, missing, open }) => ({
    name,
    missing,
    open: async () => {
      const database = await open();
      return { connect: () => sqlStore(database.connect()), close: () => database.close() };
    },
  })),
];

async function openMemory(): Promise<Stores> {
  const store = memoryStore();
  return { connect: () => store, close: async () => {} };
}

async function openRedis(): Promise<Stores> {
  const server: RealRedis = await startRealRedis();
  const client = createClient({ url: `redis://127.0.0.1:${server.port}` });
  await client.connect();
  return {
    connect: () => redisStore(client),
    close: async () => {
      client.destroy();
      await server.stop();
    },
  };
}

describe.each(KINDS)('idempotency keys in $name', ({ missing, open }) => {
  // Skipped without the database or Redis: Debian's packages postgresql and redis-server.
  describe.skipIf(missing !== undefined)(missing ?? 'it is there', () => {
    let stores: Stores;
    let store: IdempotencyStore;
    let keys = 0;
    let key = '';

    beforeAll(async () => {
      stores = await open();
      store = stores.connect();
    });
    afterAll(() => stores.close());
    beforeEach(() => {
      keys += 1;
      key = `key ${keys}`;
    });

    function counted(options: Partial<IdempotencyOptions> = {}, work?: () => Promise<unknown>) {
      let runs = 0;
      const run = idempotent(
        async (value: unknown) => {
          runs += 1;
          await work?.();
          return { value, runs };
        },
        { store, key: () => key, ...options },
      );
      return { run, runs: () => runs };
    }

    it('gives the stored result to everybody who comes with the same key', async () => {
      const { run, runs } = counted();
      expect(await run('a')).toEqual({ value: 'a', runs: 1 });
      expect(await run('b')).toEqual({ value: 'a', runs: 1 });
      const other = counted({ store: stores.connect() });
      expect(await other.run('c')).toEqual({ value: 'a', runs: 1 });
      expect([runs(), other.runs()]).toEqual([1, 0]);
    });

    it('answers undefined, null, texts and dates as they are in JSON', async () => {
      for (const [value, expected] of [
        [undefined, undefined],
        [null, null],
        ['', ''],
        [new Date(0), '1970-01-01T00:00:00.000Z'],
      ]) {
        keys += 1;
        const made = `key ${keys}`;
        const run = idempotent(() => value, { store, key: () => made });
        expect(await run()).toEqual(expected);
        expect(await run()).toEqual(expected);
      }
    });

    it('lets twins wait for the one that runs, and runs one of twenty', async () => {
      const { run, runs } = counted({}, () => pause(20));
      const others = counted({ store: stores.connect() }, () => pause(20));
      const results = await Promise.all(
        Array.from({ length: 20 }, (_, index) => (index % 2 === 0 ? run : others.run)('x')),
      );
      expect(new Set(results.map((each) => JSON.stringify(each))).size).toBe(1);
      expect(runs() + others.runs()).toBe(1);
    });

    it('tells a twin of a conflict if it does not want to wait, or has waited long enough', async () => {
      const gate = deferred();
      const first = counted({}, () => gate.promise);
      const running = first.run('a');
      const hasty = counted({ whenRunning: 'conflict' });
      await expect(eventuallyRuns(first, hasty.run)).rejects.toMatchObject({
        code: 'idempotency-conflict',
        retryable: true,
      });
      const patient = counted({ wait: 30 });
      await expect(patient.run('c')).rejects.toThrow(/under way and was not done within 30 ms/);
      gate.resolve();
      expect(await running).toMatchObject({ value: 'a' });
      expect(await patient.run('c')).toMatchObject({ value: 'a' });
      expect(hasty.runs() + patient.runs()).toBe(0);
    });

    it('does not keep an error unless it is asked to', async () => {
      let fail = true;
      const failing = async (): Promise<string> => {
        if (fail) throw new RangeError('no');
        return 'done';
      };
      const run = idempotent(failing, { store, key: () => key });
      await expect(run()).rejects.toThrow(RangeError);
      fail = false;
      expect(await run()).toBe('done');
      fail = true;
      key = `${key} kept`;
      const keepErrors = (error: unknown): boolean => error instanceof RangeError;
      const keeping = idempotent(failing, { store, key: () => key, keepErrors });
      await expect(keeping()).rejects.toThrow('no');
      fail = false;
      await expect(keeping()).rejects.toMatchObject({ name: 'RangeError', message: 'no' });
    });

    it('forgets a result when its time is over', async () => {
      const { run, runs } = counted({ keep: 1 });
      await run('a');
      await expect.poll(() => run('b').then(runs), { timeout: 30_000 }).toBeGreaterThan(1);
    });

    it('takes over from a runner that shows no sign of life, and refuses what that one says later', async () => {
      // Long enough for the next line also on a slow machine.
      const leaseMs = 1_000;
      expect(await store.begin(key, 'dead', leaseMs)).toEqual({ state: 'started' });
      expect(await store.begin(key, 'twin', leaseMs)).toMatchObject({ state: 'running' });
      const { run } = counted();
      expect(await run('alive')).toMatchObject({ value: 'alive' });
      expect(await store.renew(key, 'dead', leaseMs)).toBe(false);
      expect(await store.complete(key, 'dead', '{"value":"late"}', 60_000)).toBe(false);
      await store.release(key, 'dead');
      expect(await run('again')).toMatchObject({ value: 'alive' });
    });

    it('tells a late runner that another has taken over', async () => {
      const gate = deferred();
      // Its clock stands still, as does that of a process which is stopped: it renews nothing.
      const stopped = { nowMs: () => 0, after: () => ({ cancel: () => {} }) };
      const slow = counted({ lease: 30, clock: stopped }, () => gate.promise);
      const late = slow.run('late');
      const first = counted();
      await expect.poll(slow.runs, { timeout: 30_000 }).toBe(1);
      expect(await first.run('first')).toMatchObject({ value: 'first' });
      gate.resolve();
      await expect(late).rejects.toMatchObject({ code: 'lease-lost' });
      expect(await first.run('x')).toMatchObject({ value: 'first' });
    });

    it('keeps the lease of a handler that takes longer than it', async () => {
      const slow = counted({ lease: 300 }, () => pause(900));
      const running = slow.run('slow');
      await expect.poll(slow.runs, { timeout: 30_000 }).toBe(1);
      const twin = counted({ store: stores.connect() });
      expect(await twin.run('twin')).toMatchObject({ value: 'slow' });
      expect(await running).toMatchObject({ value: 'slow' });
      expect(twin.runs()).toBe(0);
    });

    it('remembers handled messages for a queue', async () => {
      const once = onceBy(store);
      let runs = 0;
      const work = async (): Promise<void> => {
        runs += 1;
        if (runs === 1) throw new Error('no');
      };
      await expect(once.once(key, work)).rejects.toThrow('no');
      expect(await once.once(key, work)).toBe(true);
      expect(await once.once(key, work)).toBe(false);
      expect(runs).toBe(2);
    });

    it('refuses keys and results that cannot be kept', async () => {
      const { run } = counted({ key: () => '' } as never);
      await expect(run('a')).rejects.toMatchObject({ code: 'invalid-argument' });
      const big = idempotent(() => 1n, { store, key: () => key });
      await expect(big()).rejects.toThrow(/cannot be written as JSON/);
      expect(() => counted({ lease: 0 })).toThrow(/longer than 0/);
    });

    it('runs a handler once whose result is no JSON, and tells everybody', async () => {
      let runs = 0;
      const work = (): bigint => {
        runs += 1;
        return 1n;
      };
      const big = idempotent(work, { store, key: () => key, wait: 0 });
      for (let again = 0; again < 3; again += 1) {
        await expect(big()).rejects.toThrow(/cannot be written as JSON.*return plain data/);
      }
      expect(runs).toBe(1);
    });

    it("tells the handler's error also if the store fails then", async () => {
      const away = async (): Promise<never> => Promise.reject(new Error('the store is away'));
      for (const keepErrors of [false, true]) {
        keys += 1;
        const made = `key ${keys}`;
        const failing: IdempotencyStore = {
          begin: (...args) => store.begin(...args),
          renew: (...args) => store.renew(...args),
          ...{ complete: away, release: away },
        };
        const run = idempotent(() => Promise.reject(new RangeError('mine')), {
          ...{ store: failing, key: () => made, keepErrors },
        });
        await expect(run()).rejects.toThrow('mine');
      }
    });

    it('ends consistent when it is killed at any await point', { timeout: 240_000 }, async () => {
      interface World {
        readonly key: string;
        /** What the handler did outside, per completed step. */
        readonly effects: string[];
      }
      const report = await forEveryKillPoint<World>(
        {
          setup: () => {
            keys += 1;
            return { key: `key ${keys}`, effects: [] };
          },
          run: async (world, kill) => {
            const pay = idempotent(
              async () => {
                await kill.effect('pay', () => world.effects.push('paid'));
                return 'receipt';
              },
              { store: kill.guard(stores.connect(), 'store'), key: () => world.key, lease: 40 },
            );
            expect(await pay()).toBe('receipt');
            expect(await pay()).toBe('receipt');
          },
          check: async (world, death) => {
            // The declared guarantee: twice only if the runner died between the effect and its result.
            const between =
              death?.label.startsWith('pay after') ||
              death?.label.startsWith('store.complete before');
            expect(world.effects).toHaveLength(between === true ? 2 : 1);
            const again = idempotent(() => 'other', { store, key: () => world.key });
            expect(await again()).toBe('receipt');
          },
        },
        {},
      );
      expect(report.labels).toHaveLength(8);
      expect(report.deaths).toBe(8);
    });
  });
});

const POSTGRES = DATABASES.find(({ name }) => name === 'PostgreSQL')!;

// Its locks are PostgreSQL's own. Where that cannot be installed: apt-get install postgresql.
it.skipIf(POSTGRES.missing !== undefined)(
  'deletes no run of PostgreSQL that takes over from a dead one just then',
  async () => {
    const database = await POSTGRES.open();
    onTestFinished(() => database.close());
    const db = database.connect();
    const startMs = Date.now();
    vi.useFakeTimers({ toFake: ['Date'] });
    onTestFinished(() => void vi.useRealTimers());
    const store = sqlStore(db);
    await store.begin('key', 'dead', 1);
    await pause(5);
    let commit = (): void => {};
    const committed = db.transaction(async (tx) => {
      const takeOver = 'update polymq_idempotency set token = $1, until_ms = until_ms + 60000';
      await tx.query(`${takeOver} where key = 'key'`, ['next']);
      await new Promise<void>((resolve) => {
        commit = resolve;
      });
    });
    // Old keys are deleted once a minute, beside a call.
    vi.setSystemTime(startMs + 61_000);
    await store.begin('other', 'any', 60_000);
    const waiting = async (): Promise<number> => {
      const waits = `from pg_stat_activity where wait_event_type = 'Lock' and query like 'delete%'`;
      return (await db.query(`select pid ${waits}`)).rows.length;
    };
    await expect.poll(waiting, { timeout: 10_000 }).toBe(1);
    commit();
    await committed;
    await expect.poll(waiting, { timeout: 10_000 }).toBe(0);
    expect(await store.renew('key', 'next', 1000)).toBe(true);
  },
);

it('forgets the oldest results first when the memory is full, and never those that run', async () => {
  const store = memoryStore({ max: 3 });
  const run = (key: string): Promise<string> => idempotent(() => key, { store, key: () => key })();
  for (const key of ['a', 'b', 'c', 'd']) await run(key);
  expect(await store.begin('b', 't', 1000)).toMatchObject({ state: 'done' });
  expect(await store.begin('a', 't', 1000)).toEqual({ state: 'started' });
  expect(await store.begin('x', 't', 1000)).toEqual({ state: 'started' });
  expect(await store.begin('y', 't', 1000)).toEqual({ state: 'started' });
  await expect(store.begin('z', 't', 1000)).rejects.toMatchObject({ code: 'storage-full' });
});

async function eventuallyRuns(
  first: { runs(): number },
  then: (value: unknown) => Promise<unknown>,
): Promise<unknown> {
  await expect.poll(first.runs, { timeout: 30_000 }).toBe(1);
  return then('b');
}

function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve!: () => void;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
