import { describe, expect, test } from 'vitest';
import { createClient } from '../../client/create-client.ts';
import { MemoryDriver } from '../../driver/testing/memory-driver.ts';
import { PolymqError } from '../../errors.ts';
import type { Queue } from '../../queue/queue.ts';
import { saga } from './saga.ts';
import type { SagaRecord, SagaStore } from './saga-record.ts';
import { MemorySagas } from './saga-stores.ts';
import type { Saga, SagaOptions } from './saga-types.ts';

const RETRY = { max: 5, backoff: 'fixed', base: 1 } as const;

function setUp(options: SagaOptions<{ log: string[] }> = {}) {
  const driver = new MemoryDriver();
  const mq = createClient(driver, { onError: () => {} });
  const store = new MemorySagas();
  const order = saga<{ log: string[] }>(mq, 'order', {
    ...{ store, initial: () => ({ log: [] }), queueOptions: { retry: RETRY }, ...options },
  });
  return { driver, mq, store, order };
}

/** Types of the messages that wait in the queue. */
async function typesIn(queue: Queue): Promise<(string | undefined)[]> {
  const messages = await queue.receiveBatch({ max: 100 });
  for (const message of messages) await message.ack();
  return messages.map(({ type }) => type);
}

async function say(order: Saga<{ log: string[] }>, type: string, id?: string): Promise<void> {
  await order.queue.send({}, { type, correlationId: '1', ...(id !== undefined && { id }) });
}

test('compensations that nobody confirms go out at once, the last one first', async () => {
  const { mq, order } = setUp();
  const steps = mq.queue('steps');
  order
    .startedBy('Begin', (ctx) => {
      for (const type of ['undo 1', 'undo 2', 'undo 3']) ctx.compensateWith(steps, {}, { type });
    })
    .on('Fail', (ctx) => ctx.compensate())
    .start();
  await say(order, 'Begin');
  await expect.poll(() => order.get('1')).toBeDefined();
  expect(await typesIn(steps)).toEqual([]);
  await say(order, 'Fail');
  await expect.poll(async () => (await order.get('1'))?.status).toBe('compensated');
  await expect.poll(() => typesIn(steps)).toEqual(['undo 3', 'undo 2', 'undo 1']);
});

test('a saga that is complete undoes nothing and hears nothing', async () => {
  const { mq, order } = setUp();
  order
    .startedBy('Begin', (ctx) => {
      ctx.compensateWith('steps', {}, { type: 'undo' });
      ctx.complete();
    })
    .on('Fail', (ctx) => ctx.compensate())
    .start();
  await say(order, 'Begin');
  await say(order, 'Fail');
  await expect.poll(async () => (await order.queue.stats()).ready).toBe(0);
  expect((await order.get('1'))?.status).toBe('completed');
  expect(await typesIn(mq.queue('steps'))).toEqual([]);
});

test('a success that comes while a saga is being undone keeps nothing from being undone', async () => {
  const { mq, order } = setUp();
  const steps = mq.queue('steps');
  order
    .startedBy('Begin', (ctx) => {
      ctx.compensateWith(steps, {}, { type: 'undo 1' });
      ctx.compensateWith(steps, {}, { type: 'undo 2', confirmedBy: 'Undone' });
    })
    .on('Fail', (ctx) => ctx.compensate())
    .on('Done', (ctx) => {
      ctx.complete();
      ctx.state.log.push(ctx.status);
    })
    .on('Undone')
    .start();
  for (const type of ['Begin', 'Fail', 'Done']) await say(order, type);
  await expect.poll(async () => (await order.get('1'))?.state.log).toEqual(['compensating']);
  expect((await order.get('1'))?.status).toBe('compensating');
  await say(order, 'Undone');
  await expect.poll(async () => (await order.get('1'))?.status).toBe('compensated');
  await expect.poll(() => typesIn(steps)).toEqual(['undo 2', 'undo 1']);
});

test('what a step could not send goes out before what later steps have led to', async () => {
  const { driver, mq, order, store } = setUp({ queueOptions: { retry: false } });
  const steps = mq.queue('steps');
  await steps.ready();
  order
    .startedBy('Begin', (ctx) => {
      ctx.send(steps, {}, { type: 'prepare' });
      ctx.send(steps, {}, { type: 'do' });
      ctx.compensateWith(steps, {}, { type: 'undo' });
    })
    .on('Fail', (ctx) => ctx.compensate())
    .start();
  refuseSend(driver, 'steps', 2);
  await say(order, 'Begin');
  // Its retries are used up, and nobody will redrive it.
  await expect.poll(async () => (await order.queue.deadLetters.stats()).ready).toBe(1);
  // What was sent is not in the way any more.
  const left = async () => (await store.load('order', '1'))?.record.outbox.map(({ type }) => type);
  expect(await left()).toEqual(['do']);
  await say(order, 'Fail');
  await expect.poll(left).toEqual([]);
  expect(await typesIn(steps)).toEqual(['prepare', 'do', 'undo']);
  expect((await order.get('1'))?.status).toBe('compensated');
});

test('what could not be sent goes out with the next message, though the saga has ended', async () => {
  const { driver, mq, order } = setUp({ queueOptions: { retry: false } });
  const steps = mq.queue('steps');
  await steps.ready();
  order
    .startedBy('Begin', (ctx) => {
      ctx.send(steps, {}, { type: 'do' });
      ctx.complete();
    })
    .on('Other', () => {})
    .start();
  refuseSend(driver, 'steps', 1);
  await say(order, 'Begin');
  await expect.poll(async () => (await order.queue.deadLetters.stats()).ready).toBe(1);
  expect(await typesIn(steps)).toEqual([]);
  await say(order, 'Other');
  await expect.poll(() => typesIn(steps)).toEqual(['do']);
});

test('a handler that throws leaves nothing behind and is tried again', async () => {
  const { driver, mq, order } = setUp();
  let attempts = 0;
  order
    .startedBy('Begin', (ctx) => {
      ctx.state.log.push('begun');
      ctx.send('steps', {}, { type: 'do' });
      attempts += 1;
      if (attempts < 3) throw new Error('not yet');
    })
    .start();
  await say(order, 'Begin');
  await expect
    .poll(async () => {
      await driver.clock.advance(10);
      return (await order.get('1'))?.state.log;
    })
    .toEqual(['begun']);
  expect(attempts).toBe(3);
  await expect.poll(() => typesIn(mq.queue('steps'))).toEqual(['do']);
});

test('two processes that handle messages of one saga at the same time lose none', async () => {
  let conflicts = 0;
  class Slow extends MemorySagas {
    override async save(...args: Parameters<SagaStore['save']>): Promise<void> {
      await new Promise(setImmediate);
      await super.save(...args).catch((error: unknown) => {
        conflicts += 1;
        throw error;
      });
    }
  }
  const { driver, mq, order } = setUp({ store: new Slow() });
  order
    .startedBy('Begin', () => {})
    .on('Add', (ctx, { id }) => {
      ctx.state.log.push(id);
      ctx.send('steps', {}, { type: id });
    });
  await say(order, 'Begin');
  order.start();
  await expect.poll(() => order.get('1')).toBeDefined();
  // A second runner, as another process has: it knows nothing of the turns of the first.
  order.start({ concurrency: 4 });
  const ids = Array.from({ length: 20 }, (_, at) => `add ${at}`);
  for (const id of ids) await say(order, 'Add', id);
  await expect
    .poll(async () => {
      // Who loses too often is tried again later, as the queue says.
      await driver.clock.advance(10);
      return (await order.get('1'))?.state.log.length;
    })
    .toBe(20);
  expect(conflicts).toBeGreaterThan(0);
  expect((await order.get('1'))?.state.log.sort()).toEqual([...ids].sort());
  const sent: (string | undefined)[] = [];
  await expect
    .poll(async () => {
      sent.push(...(await typesIn(mq.queue('steps'))));
      return sent.length;
    })
    .toBe(20);
  expect(sent.sort()).toEqual([...ids].sort());
});

describe('a saga with topics', () => {
  const failing = (error: PolymqError, times: number) => {
    const errors: unknown[] = [];
    const { driver, ...rest } = setUp({ topics: ['shop'], queueOptions: { retry: false } });
    const bindQueue = driver.topics.bindQueue.bind(driver.topics);
    let left = times;
    driver.topics.bindQueue = async (...args) => {
      left -= 1;
      if (left >= 0) throw error;
      await bindQueue(...args);
    };
    const consumer = rest.order
      .startedBy('Begin', (ctx, { id }) => void ctx.state.log.push(id))
      .start({ onError: (told) => errors.push(told) });
    return { driver, ...rest, errors, consumer };
  };

  test('binds them again when that fails, and handles what is sent to it meanwhile', async () => {
    const away = new PolymqError('disconnected', 'the engine is away');
    const { driver, mq, order, errors, consumer } = failing(away, 2);
    let ready = false;
    const whenReady = consumer.ready().then(() => {
      ready = true;
    });
    await say(order, 'Begin', 'direct');
    await expect.poll(async () => (await order.get('1'))?.state.log).toEqual(['direct']);
    expect(ready).toBe(false);
    await driver.clock.advance('10s');
    await whenReady;
    await mq.topic('shop').publish({}, { type: 'Begin', id: 'published', key: '2' });
    await expect.poll(async () => (await order.get('2'))?.state.log).toEqual(['published']);
    expect(errors).toEqual([away, away]);
    expect(await order.queue.deadLetters.list()).toEqual([]);
    await consumer.close();
    await consumer.closed;
  });

  test('ends when they can never be bound', async () => {
    const never = new PolymqError('not-found', 'there is no such exchange');
    const { errors, consumer } = failing(never, 1);
    await expect(consumer.ready()).rejects.toBe(never);
    await expect(consumer.closed).rejects.toBe(never);
    expect(errors).toEqual([never]);
  });

  test('binds no more when it is closed', async () => {
    const away = new PolymqError('disconnected', 'the engine is away');
    const { driver, consumer, errors } = failing(away, 9);
    await expect.poll(() => errors).toHaveLength(1);
    await consumer.close();
    await expect(consumer.ready()).rejects.toMatchObject({ code: 'closed' });
    await driver.clock.advance('1m');
    expect(errors).toHaveLength(1);
  });
});

test('remembers only so many messages', async () => {
  const records: SagaRecord[] = [];
  class Watched extends MemorySagas {
    override async save(...args: Parameters<SagaStore['save']>): Promise<void> {
      records.push(args[2]);
      await super.save(...args);
    }
  }
  const { order } = setUp({ remember: 2, store: new Watched() });
  order
    .startedBy('Begin', () => {})
    .on('Add', (ctx, { id }) => void ctx.state.log.push(id))
    .start();
  await say(order, 'Begin', 'b');
  for (const id of ['1', '2', '3']) await say(order, 'Add', id);
  await expect.poll(async () => (await order.get('1'))?.state.log).toEqual(['1', '2', '3']);
  expect(records.at(-1)?.seen).toEqual(['2', '3']);
});

test('a message that names no saga is told what it lacks', async () => {
  const { driver, order } = setUp({ queueOptions: { retry: false } });
  order.startedBy('Begin', () => {}).start();
  await order.queue.send({}, { type: 'Begin' });
  await expect
    .poll(async () => {
      await driver.clock.advance(10);
      return (await order.queue.deadLetters.list())[0]?.reason;
    })
    .toMatch(/names no saga "order".*correlationId/);
});

test('what is no store is refused at once', () => {
  const mq = createClient(new MemoryDriver());
  expect(() => saga(mq, 'x', { store: {} as never })).toThrow(PolymqError);
  expect(() => saga(mq, 'x')).toThrow(/event-log/);
});

/** The engine does not take that send to the queue, counted from 1. */
function refuseSend(driver: MemoryDriver, to: string, number: number): void {
  let sends = 0;
  driver.failures.send = (queue) => {
    if (queue !== to) return undefined;
    sends += 1;
    return sends === number ? new PolymqError('queue-full', `${to} is full`) : undefined;
  };
}
