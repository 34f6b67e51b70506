/** Sagas over the embedded broker with each kind of store, time by hand, and killed at every await point. */
import {
  type MessageContract,
  type Saga,
  type SagaOptions,
  saga,
  UnsupportedError,
} from '@polymq/client';
import { type EmbeddedClient, embed } from 'polymq';
import { afterEach, describe, expect, test } from 'vitest';
import type { Client } from '../../src/client/client.ts';
import { createClient } from '../../src/client/create-client.ts';
import type { Driver, QueueDriver } from '../../src/driver/driver.ts';
import { PolymqError } from '../../src/errors.ts';
import type { SagaStore } from '../../src/patterns/saga/saga-record.ts';
import { LoggedSagas, SqlSagas } from '../../src/patterns/saga/saga-stores.ts';
import type { SqlDatabase } from '../../src/sql/database.ts';
import { sqlite } from '../../src/sql/sqlite.ts';
import { forEveryKillPoint, type KillOptions } from '../support/kill-points.ts';
import { SQLITE_LIBRARIES } from '../support/sqlite.ts';

/** What a life that has died had leased comes back after this time. */
const QUEUE = { retry: { max: 8, backoff: 'fixed', base: '10ms' }, lease: '300ms' } as const;

interface Order {
  total: number;
  log: string[];
}

const OrderPlaced: MessageContract<{ orderId: string; total: number }> = {
  name: 'OrderPlaced',
  version: 1,
  encode: (data) => ({ body: Buffer.from(JSON.stringify(data)), contentType: 'application/json' }),
  decode: (message) => JSON.parse(Buffer.from(message.body).toString()),
};

let mq: EmbeddedClient | undefined;
const closing: (() => unknown)[] = [];

afterEach(async () => {
  await mq?.close();
  mq = undefined;
  for (const close of closing.splice(0)) close();
});

const STORES: Record<string, () => SagaOptions<Order>['store'] | undefined> = {
  'the event log': () => undefined,
  memory: () => 'memory',
  SQLite: () => openSqlite(),
};

function openSqlite(): SqlDatabase {
  const file = SQLITE_LIBRARIES[0]!.open(':memory:');
  closing.push(() => file.close());
  return sqlite(file);
}

/** Charge, then reserve, then done; undone in reverse order by messages that say so, or by a timeout. */
function orderSaga(client: Client, store?: SagaOptions<Order>['store']): Saga<Order> {
  return saga<Order>(client, 'order', {
    ...(store !== undefined && { store }),
    initial: () => ({ total: 0, log: [] }),
    queueOptions: QUEUE,
  })
    .startedBy(OrderPlaced, { by: ({ data }) => data.orderId }, (ctx, { data }) => {
      ctx.state.total = data.total;
      ctx.state.log.push('placed');
      ctx.send('payments', { charge: data.total }, { type: 'Charge' });
      ctx.compensateWith(
        'payments',
        { refund: data.total },
        { type: 'Refund', confirmedBy: 'Refunded' },
      );
      ctx.timeout('patience', '15m');
    })
    .on('Charged', (ctx) => {
      ctx.state.log.push('charged');
      ctx.send('stock', { reserve: 1 }, { type: 'Reserve' });
      ctx.compensateWith('stock', { release: 1 }, { type: 'Release', confirmedBy: 'Released' });
    })
    .on('Reserved', (ctx) => {
      ctx.state.log.push('reserved');
      ctx.complete();
    })
    .on('OutOfStock', (ctx) => {
      ctx.state.log.push('out of stock');
      ctx.compensate();
    })
    .on('Released', (ctx) => void ctx.state.log.push('released'))
    .on('Refunded')
    .onTimeout('patience', (ctx) => {
      ctx.state.log.push('too late');
      ctx.compensate();
    })
    .onCompensated((ctx) => void ctx.state.log.push('undone'));
}

interface Told {
  type: string | undefined;
  id: string;
  about: string | undefined;
}

/** Answers what `answers` says to each kind of message, and writes down what it was told. */
function participant(
  client: Client,
  queue: string,
  answers: Record<string, string | undefined>,
  told: Told[],
): void {
  const inbox = client.queue('order-saga', QUEUE);
  client.queue(queue).consume(async (m) => {
    told.push({ type: m.type, id: m.id, about: m.correlationId });
    const answer = answers[m.type ?? ''];
    if (answer === undefined) return;
    // Its id is that of the request, so an answer to a request that came twice is the same answer.
    const options = { type: answer, id: `re:${m.id}`, correlationId: m.correlationId ?? '' };
    await inbox.send({}, options);
  });
}

for (const [name, store] of Object.entries(STORES)) {
  describe(`a saga in ${name}`, () => {
    test('goes through its steps and completes', async () => {
      mq = await embed({ data: 'memory:' });
      const orders = orderSaga(mq, store());
      orders.start();
      const told: Told[] = [];
      participant(mq, 'payments', { Charge: 'Charged' }, told);
      participant(mq, 'stock', { Reserve: 'Reserved' }, told);
      await orders.send(OrderPlaced, { orderId: '1', total: 10 });
      await expect.poll(async () => (await orders.get('1'))?.status).toBe('completed');
      expect((await orders.get('1'))?.state).toEqual({
        total: 10,
        log: ['placed', 'charged', 'reserved'],
      });
      expect(told).toEqual([
        { type: 'Charge', id: 'order/1/1', about: '1' },
        { type: 'Reserve', id: 'order/1/4', about: '1' },
      ]);
    });

    test('undoes its steps in reverse order, each when the one before is confirmed', async () => {
      mq = await embed({ data: 'memory:' });
      const orders = orderSaga(mq, store());
      orders.start();
      const told: Told[] = [];
      const refunds = { Charge: 'Charged', Refund: 'Refunded' };
      participant(mq, 'payments', refunds, told);
      participant(mq, 'stock', { Reserve: 'OutOfStock', Release: 'Released' }, told);
      await orders.send(OrderPlaced, { orderId: '1', total: 10 });
      await expect.poll(async () => (await orders.get('1'))?.status).toBe('compensated');
      expect(told.map(({ type }) => type)).toEqual(['Charge', 'Reserve', 'Release', 'Refund']);
      const log = ['placed', 'charged', 'out of stock', 'released', 'undone'];
      expect((await orders.get('1'))?.state.log).toEqual(log);
    });
  });
}

test('begins once, whatever comes twice, and handles a message that comes again once', async () => {
  mq = await embed({ data: 'memory:' });
  const orders = orderSaga(mq);
  orders.start();
  const told: Told[] = [];
  participant(mq, 'payments', {}, told);
  const place = { orderId: '1', total: 10 };
  await orders.send(OrderPlaced, place, { id: 'a' });
  await orders.send(OrderPlaced, place, { id: 'a' });
  await orders.send(OrderPlaced, { ...place, total: 99 }, { id: 'b' });
  await expect.poll(() => told.length).toBe(1);
  for (let twice = 0; twice < 2; twice++) {
    await orders.queue.send({}, { type: 'Charged', id: 'c', correlationId: '1' });
  }
  await expect.poll(async () => (await orders.get('1'))?.state.log.length).toBe(2);
  await expect.poll(async () => (await orders.queue.stats()).ready).toBe(0);
  expect((await orders.get('1'))?.state).toEqual({ total: 10, log: ['placed', 'charged'] });
  expect(told).toHaveLength(1);
});

test('waits for its start when an answer is faster, and gives up in the dead-letter queue', async () => {
  mq = await embed({ data: 'memory:' });
  const orders = orderSaga(mq);
  orders.start();
  await orders.queue.send({}, { type: 'Charged', correlationId: '1' });
  await orders.queue.send({}, { type: 'Charged', correlationId: 'never' });
  await orders.queue.send({}, { type: 'Nonsense', correlationId: '1' });
  await orders.send(OrderPlaced, { orderId: '1', total: 1 });
  await expect.poll(async () => (await orders.get('1'))?.state.log).toEqual(['placed', 'charged']);
  await expect.poll(async () => (await orders.queue.deadLetters.stats()).ready).toBe(2);
  const letters = await orders.queue.deadLetters.list();
  const reasons = letters.map(({ reason }) => reason).join();
  expect(reasons).toMatch(/no message of type "Nonsense"/);
  expect(reasons).toMatch(/no saga "order" never yet/);
});

test('a timeout comes when it is due, and not when the saga has gone on or cancelled it', async () => {
  mq = await embed({ data: 'memory:', clock: 'manual' });
  const told: Told[] = [];
  const orders = orderSaga(mq);
  orders.start();
  participant(mq, 'payments', {}, told);
  await orders.send(OrderPlaced, { orderId: '1', total: 10 });
  await orders.send(OrderPlaced, { orderId: '2', total: 20 });
  await mq.clock.advance('1m');
  await orders.queue.send({}, { type: 'Charged', correlationId: '2' });
  await orders.queue.send({}, { type: 'Reserved', correlationId: '2' });
  await mq.clock.advance('13m');
  expect((await orders.get('1'))?.status).toBe('running');
  await mq.clock.advance('2m');
  expect((await orders.get('1'))?.state.log).toEqual(['placed', 'too late']);
  expect((await orders.get('1'))?.status).toBe('compensating');
  expect((await orders.get('2'))?.state.log).toEqual(['placed', 'charged', 'reserved']);
});

test('an engine without delays refuses timeouts when the saga is made', async () => {
  mq = await embed({ data: 'memory:' });
  const { queues, topics, clock } = mq.driver;
  const capabilities = { ...mq.driver.capabilities, delay: false as const };
  const driver = { engine: 'Kafka', system: 'kafka', capabilities, queues, topics, clock };
  const client = createClient({ ...driver, close: async () => {} });
  const slow = saga(client, 'slow', { store: 'memory' });
  expect(() => slow.onTimeout('x', () => {})).toThrow(UnsupportedError);
  expect(() => saga(client, 'no-store')).toThrow(/event-log/);
});

describe('killed at every await point', () => {
  interface World {
    mq: EmbeddedClient;
    /** Missing: in the event log. */
    db: SqlDatabase | undefined;
    /** To look into from outside. */
    sagas: SagaStore;
    told: Told[];
  }

  interface Play {
    answer: 'Reserved' | 'OutOfStock';
    log: string[];
    types: string[];
    inDatabase: boolean;
    options: KillOptions;
  }

  async function play({ answer, log, types, inDatabase, options }: Play): Promise<void> {
    const report = await forEveryKillPoint<World>(
      {
        setup: async () => {
          const client = await embed({ data: 'memory:' });
          const db = inDatabase ? openSqlite() : undefined;
          const { clock, driver } = client;
          const sagas =
            db === undefined ? new LoggedSagas(driver.eventLog!, clock) : new SqlSagas(db, clock);
          const world = { mq: client, db, sagas, told: [] };
          // The world outside, which does not die.
          participant(world.mq, 'payments', { Charge: 'Charged', Refund: 'Refunded' }, world.told);
          participant(world.mq, 'stock', { Reserve: answer, Release: 'Released' }, world.told);
          return world;
        },
        run: async (world, kill) => {
          // A process of its own.
          const process = await world.mq.another();
          kill.onDeath(() => process.close({ drain: 0 }));
          const client = createClient(kill.guard(process.driver, 'driver'));
          const orders = orderSaga(client, world.db && kill.guard(world.db, 'db'));
          await world.mq
            .queue('order-saga')
            .send({ orderId: '1', total: 10 }, { type: 'OrderPlaced', id: 'placed' });
          orders.start();
          const ended = async (): Promise<string | undefined> => {
            const found = await world.sagas.load('order', '1');
            return found?.record.outbox.length === 0 ? found.record.status : undefined;
          };
          const until = answer === 'Reserved' ? 'completed' : 'compensated';
          while ((await ended()) !== until && !kill.dead)
            await new Promise((r) => setTimeout(r, 5));
          if (!kill.dead) await process.close();
        },
        check: async ({ sagas, told }) => {
          const found = await sagas.load('order', '1');
          expect((found!.record.state as Order).log).toEqual(log);
          // What was sent twice is the same message: by ids, everything was sent once, and in order.
          const once = [...new Map(told.map((each) => [each.id, each.type])).values()];
          expect(once).toEqual(types);
          // And the engine has dropped the second one.
          expect(told).toHaveLength(types.length);
        },
        teardown: (world) => world.mq.close(),
      },
      options,
    );
    expect(report.points).toBeGreaterThan(20);
  }

  test('a saga that succeeds takes each step once', { timeout: 300_000 }, () =>
    play({
      answer: 'Reserved',
      log: ['placed', 'charged', 'reserved'],
      types: ['Charge', 'Reserve'],
      inDatabase: false,
      options: { kills: 1 },
    }),
  );

  test(
    'a saga that is undone takes each compensation once, in reverse order',
    {
      timeout: 300_000,
    },
    () =>
      play({
        answer: 'OutOfStock',
        log: ['placed', 'charged', 'out of stock', 'released', 'undone'],
        types: ['Charge', 'Reserve', 'Release', 'Refund'],
        inDatabase: true,
        options: { kills: 2, every: 2 },
      }),
  );

  test('a saga that is cancelled at once refunds behind its charge, whatever success comes late', {
    timeout: 300_000,
  }, async () => {
    const report = await forEveryKillPoint<{ mq: EmbeddedClient; told: Told[]; refusals: number }>(
      {
        setup: async () => {
          const world = { mq: await embed({ data: 'memory:' }), told: [] as Told[], refusals: 1 };
          const inbox = world.mq.queue('order-saga', QUEUE);
          world.mq.queue('services').consume(async ({ type, id, correlationId = '' }) => {
            world.told.push({ type, id, about: correlationId });
            if (type !== 'Refund') return;
            await inbox.send({}, { type: 'Charged', id: `late:${id}`, correlationId });
            await inbox.send({}, { type: 'Refunded', id: `re:${id}`, correlationId });
          });
          return world;
        },
        run: async (world, kill) => {
          const process = await world.mq.another();
          kill.onDeath(() => process.close({ drain: 0 }));
          const driver = refusing(kill.guard(process.driver, 'driver'), world);
          const orders = cancelledSaga(createClient(driver));
          const inbox = world.mq.queue('order-saga');
          await inbox.send({}, { type: 'OrderPlaced', id: 'placed', correlationId: '1' });
          await inbox.send({}, { type: 'Cancelled', id: 'cancelled', correlationId: '1' });
          orders.start();
          const sagas = new LoggedSagas(world.mq.driver.eventLog!, world.mq.clock);
          const ended = async (): Promise<boolean> => {
            const found = await sagas.load('order', '1');
            return found?.record.status === 'compensated' && found.record.outbox.length === 0;
          };
          while (!(await ended()) && !kill.dead) await new Promise((r) => setTimeout(r, 5));
          if (!kill.dead) await process.close();
        },
        check: async ({ told }) => {
          const types = ['Reserve', 'Charge', 'Refund', 'Release'];
          await expect.poll(() => told.map(({ type }) => type)).toEqual(types);
        },
        teardown: (world) => world.mq.close(),
      },
      { kills: 2, every: 2 },
    );
    expect(report.points).toBeGreaterThan(20);
  });
});

/** Its queue "services" is full at first, so that what comes second overtakes what led to the message. */
function refusing(driver: Driver, world: { refusals: number }): Driver {
  const send: QueueDriver['send'] = async (queue, messages) => {
    if (queue !== 'services' || world.refusals === 0) return driver.queues!.send(queue, messages);
    world.refusals -= 1;
    throw new PolymqError('queue-full', 'services is full');
  };
  const queues = new Proxy(driver.queues!, {
    get: (target, key) => (key === 'send' ? send : Reflect.get(target, key)),
  });
  return new Proxy(driver, {
    get: (target, key) => (key === 'queues' ? queues : Reflect.get(target, key)),
  });
}

function cancelledSaga(client: Client): Saga<Order> {
  return saga<Order>(client, 'order', { queueOptions: QUEUE })
    .startedBy('OrderPlaced', (ctx) => {
      ctx.send('services', {}, { type: 'Reserve' });
      ctx.compensateWith('services', {}, { type: 'Release' });
      ctx.send('services', {}, { type: 'Charge' });
      ctx.compensateWith('services', {}, { type: 'Refund', confirmedBy: 'Refunded' });
    })
    .on('Cancelled', (ctx) => ctx.compensate())
    .on('Charged', (ctx) => ctx.complete())
    .on('Refunded');
}
