import { expect, test } from 'vitest';
import { createClient } from '../client/create-client.ts';
import type { DeliverySink, QueueDriver } from '../driver/driver.ts';
import { settled } from '../driver/testing/manual-clock.ts';
import { MemoryDriver, type MemoryDriverOptions } from '../driver/testing/memory-driver.ts';
import { PolymqError } from '../errors.ts';
import type { Message } from '../message/message.ts';
import type { Delivery } from '../message/wire-message.ts';
import type { ConsumeOptions, QueueOptions } from './queue.ts';

type Order = { n: number };

function setUp(queueOptions: QueueOptions<Order> = {}, driverOptions: MemoryDriverOptions = {}) {
  const driver = new MemoryDriver(driverOptions);
  const errors: unknown[] = [];
  const mq = createClient(driver, {
    random: () => 0,
    onError: (error) => errors.push(error),
  });
  const orders = mq.queue<Order>('orders', queueOptions);
  return { driver, clock: driver.clock, mq, orders, errors };
}

/** A handler whose runs end when the test says so. */
function heldHandler() {
  const runs: { message: Message<Order>; end: () => void; fail: (error: Error) => void }[] = [];
  const handler = (message: Message<Order>) =>
    new Promise<void>((resolve, reject) => {
      runs.push({ message, end: resolve, fail: reject });
    });
  return { runs, handler };
}

async function sendMany(orders: { send(data: Order): Promise<unknown> }, count: number) {
  for (let n = 1; n <= count; n += 1) await orders.send({ n });
}

test('a handler that returns acknowledges', async () => {
  const { orders } = setUp();
  const seen: number[] = [];
  orders.consume((message) => {
    seen.push(message.data.n);
  });
  await sendMany(orders, 3);
  await settled();
  expect(seen).toEqual([1, 2, 3]);
  expect(await orders.stats()).toMatchObject({ ready: 0, leased: 0, delayed: 0 });
});

test('a handler that throws gets the message again with growing waits, then it is a dead letter', async () => {
  const { orders, clock } = setUp();
  const seen: { at: number; retryCount: number; errors: string[] }[] = [];
  const startMs = clock.nowMs();
  orders.consume((message) => {
    const errors = message.errors.map((error) => error.message);
    seen.push({ at: clock.nowMs() - startMs, retryCount: message.retryCount, errors });
    throw new TypeError(`failure ${seen.length}`);
  });
  await orders.send({ n: 1 });
  await clock.advance('1m');
  expect(seen).toEqual([
    { at: 0, retryCount: 0, errors: [] },
    { at: 1_000, retryCount: 1, errors: ['failure 1'] },
    { at: 3_000, retryCount: 2, errors: ['failure 2', 'failure 1'] },
    { at: 7_000, retryCount: 3, errors: ['failure 3', 'failure 2', 'failure 1'] },
  ]);
  const [letter] = await orders.deadLetters.list();
  expect(letter).toMatchObject({
    data: { n: 1 },
    queue: 'orders',
    reason: 'TypeError: failure 4',
    retryCount: 4,
    diedAt: startMs + 7_000,
  });
  expect(letter!.errors.map(({ message }) => message)).toEqual([
    'failure 4',
    'failure 3',
    'failure 2',
    'failure 1',
  ]);
});

test.each([
  ['fixed', { max: 3, backoff: 'fixed', base: '2s' }, [0, 2_000, 4_000, 6_000]],
  ['exponential up to the cap', { max: 3, base: '1s', cap: '2s' }, [0, 1_000, 3_000, 5_000]],
  [
    'a function of attempt and error',
    {
      max: 2,
      backoff: (attempt: number, error: unknown) =>
        attempt * Number(String((error as Error).message)),
    },
    [0, 100, 300],
  ],
  ['none', false, [0]],
] as const)('backoff can be %s', async (_name, retry, times) => {
  const { orders, clock } = setUp({ retry });
  const seen: number[] = [];
  const startMs = clock.nowMs();
  orders.consume(() => {
    seen.push(clock.nowMs() - startMs);
    throw new Error('100');
  });
  await orders.send({ n: 1 });
  await clock.advance('1m');
  expect(seen).toEqual(times);
  expect(await orders.deadLetters.stats()).toMatchObject({ ready: 1 });
});

test('jitter makes waits shorter by at most its share', async () => {
  const driver = new MemoryDriver();
  const mq = createClient(driver, { random: () => 1 });
  const queue = mq.queue('orders', { retry: { max: 1, base: '10s', jitter: 0.5 } });
  const seen: number[] = [];
  queue.consume(() => {
    seen.push(driver.clock.nowMs() - 1_000_000);
    throw new Error('x');
  });
  await queue.send(1);
  await driver.clock.advance('1m');
  expect(seen).toEqual([0, 5_000]);
});

test('nack with a delay overrides the backoff, and its reason is kept', async () => {
  const { orders, clock } = setUp();
  const seen: [number, string | undefined][] = [];
  orders.consume(async (message) => {
    seen.push([clock.nowMs() - 1_000_000, message.errors[0]?.message]);
    if (message.retryCount === 0) await message.nack({ delay: '7s', reason: 'not yet' });
  });
  await orders.send({ n: 1 });
  await clock.advance('1m');
  expect(seen).toEqual([
    [0, undefined],
    [7_000, 'not yet'],
  ]);
  expect(await orders.stats()).toMatchObject({ ready: 0, leased: 0 });
});

test('reject goes straight to the dead letters with its reason', async () => {
  const { orders } = setUp();
  orders.consume((message) => message.reject('no such product'));
  await orders.send({ n: 1 });
  await settled();
  expect((await orders.deadLetters.list())[0]).toMatchObject({ reason: 'no such product' });
});

test('without a dead-letter queue what fails for good is dropped, and that is reported', async () => {
  const { orders, errors } = setUp({ retry: false, deadLetter: false });
  orders.consume(() => {
    throw new Error('broken');
  });
  await orders.send({ n: 1 });
  await settled();
  expect(await orders.stats()).toMatchObject({ ready: 0, leased: 0, delayed: 0 });
  expect(String(errors[0])).toContain('dropped');
  expect(await orders.deadLetters.list()).toEqual([]);
});

test('a message that was handed out too often without an answer is dead before its handler runs', async () => {
  const { orders, driver } = setUp({ retry: { max: 1 } });
  await orders.send({ n: 1 });
  for (let crash = 0; crash < 2; crash += 1) {
    await orders.receive();
    driver.loseLeases('orders');
    await settled();
  }
  let runs = 0;
  orders.consume(() => {
    runs += 1;
  });
  await settled();
  expect(runs).toBe(0);
  const [letter] = await orders.deadLetters.list();
  expect(letter!.reason).toBe('gave up after 2 attempts that never answered');
});

test('where an engine counts what no handler may have seen, one delivery in vain proves nothing', async () => {
  const { orders, driver } = setUp({ retry: false });
  await orders.sendBatch([{ data: { n: 1 } }, { data: { n: 2 } }]);
  await orders.receiveBatch({ max: 2 });
  driver.loseLeases('orders');
  await settled();
  const seen: number[] = [];
  orders.consume(({ data }) => void seen.push(data.n));
  await settled();
  expect(seen).toEqual([1, 2]);
  expect(await orders.deadLetters.list()).toEqual([]);
});

test('a handler starts when the engine knows that it does, and not at all if the message is lost', async () => {
  const { orders, driver, errors } = setUp();
  const begun: string[] = [];
  const answers: { resolve(): void; reject(error: unknown): void }[] = [];
  const queues: QueueDriver = driver.queues;
  queues.begin = ({ body }) => {
    begun.push(new TextDecoder().decode(body));
    if (begun.length === 1) return undefined;
    return new Promise<void>((resolve, reject) => void answers.push({ resolve, reject }));
  };
  const seen: number[] = [];
  orders.consume(({ data }) => void seen.push(data.n), { concurrency: 3 });
  await orders.sendBatch([1, 2, 3, 4].map((n) => ({ data: { n } })));
  await settled();
  expect([seen, begun.length]).toEqual([[1], 4]);
  answers[2]!.resolve();
  answers[0]!.reject(new PolymqError('lease-lost', 'it is somebody else’s'));
  answers[1]!.resolve();
  await settled();
  expect(seen.toSorted()).toEqual([1, 3, 4]);
  expect(errors).toEqual([expect.objectContaining({ code: 'lease-lost' })]);
});

test('at most `concurrency` handlers run at a time, and more when it is raised', async () => {
  const { orders } = setUp();
  const { runs, handler } = heldHandler();
  const consumer = orders.consume(handler, { concurrency: 2 });
  await sendMany(orders, 5);
  await settled();
  expect(runs.length).toBe(2);
  expect(consumer.running).toBe(2);
  consumer.setConcurrency(4);
  await settled();
  expect(runs.length).toBe(4);
  runs[0]!.end();
  await settled();
  expect(runs.length).toBe(5);
});

test('where nobody has said how much is held, slow handlers leave the rest to others', async () => {
  const { orders } = setUp();
  const { runs, handler } = heldHandler();
  await sendMany(orders, 11);
  orders.consume(handler);
  await settled();
  expect(await orders.stats()).toMatchObject({ ready: 9, leased: 2 });
  for (let n = 0; n < 5; n += 1) {
    runs[n]!.end();
    await settled();
  }
  expect(await orders.stats()).toMatchObject({ ready: 4, leased: 2 });
});

test('no more than concurrency and prefetch are taken from the queue', async () => {
  const { orders } = setUp();
  const { handler } = heldHandler();
  orders.consume(handler, { concurrency: 2, prefetch: 3 });
  await sendMany(orders, 20);
  await settled();
  expect(await orders.stats()).toMatchObject({ leased: 5, ready: 15 });
});

test('pause starts no further handler until resume', async () => {
  const { orders } = setUp();
  const seen: number[] = [];
  const consumer = orders.consume((message) => {
    seen.push(message.data.n);
  });
  await consumer.ready();
  consumer.pause();
  await sendMany(orders, 2);
  await settled();
  expect(seen).toEqual([]);
  consumer.resume();
  await settled();
  expect(seen).toEqual([1, 2]);
});

test('leases last while the handler runs and while messages wait for it', async () => {
  const { orders, clock } = setUp({ lease: '30s' });
  const { runs, handler } = heldHandler();
  orders.consume(handler, { concurrency: 1 });
  await sendMany(orders, 2);
  await clock.advance('10m');
  expect(runs.length).toBe(1);
  expect(runs[0]!.message.signal.aborted).toBe(false);
  runs[0]!.end();
  await settled();
  expect(runs[1]!.message.retryCount).toBe(0);
});

test('what waits for a handler all the time of leaseMax goes back, and has lost no attempt', async () => {
  const { orders, clock } = setUp({ lease: '30s', leaseMax: '1m' });
  const { runs, handler } = heldHandler();
  const consumer = orders.consume(handler, { prefetch: 1, onError: () => {} });
  await sendMany(orders, 2);
  await settled();
  expect([runs.length, (await orders.stats()).leased]).toEqual([1, 2]);
  await clock.advance('10m');
  for (let run = 0; run < 3; run += 1) {
    runs[run]!.end();
    await settled();
  }
  // The first was lost in its handler, once.
  const attempts = runs.map(({ message }) => [message.data.n, message.retryCount]);
  expect(attempts.toSorted()).toEqual([
    [1, 0],
    [1, 1],
    [2, 0],
  ]);
  await consumer.close();
});

test('a lease is not extended beyond leaseMax: the signal aborts, and somebody else gets the message', async () => {
  const { orders, clock, errors } = setUp({ lease: '30s', leaseMax: '1m' });
  const { runs, handler } = heldHandler();
  orders.consume(handler, { concurrency: 2 });
  await orders.send({ n: 1 });
  await settled();
  const { signal } = runs[0]!.message;
  await clock.advance('59s');
  expect(signal.aborted).toBe(false);
  await clock.advance('2s');
  expect(signal.aborted).toBe(true);
  expect(signal.reason).toMatchObject({ code: 'lease-lost' });
  await settled();
  expect(runs[1]!.message.retryCount).toBe(1);
  runs[0]!.end();
  await settled();
  expect(errors).toMatchObject([{ code: 'lease-lost' }]);
  await expect(runs[0]!.message.ack()).rejects.toMatchObject({ code: 'lease-lost' });
});

test('when the connection breaks the signal aborts and waiting messages are forgotten', async () => {
  const { orders, driver } = setUp();
  const { runs, handler } = heldHandler();
  orders.consume(handler);
  await sendMany(orders, 3);
  await settled();
  const { signal } = runs[0]!.message;
  driver.loseLeases('orders');
  await settled();
  expect(signal.aborted).toBe(true);
  for (let run = 0; run < 4; run += 1) {
    runs[run]!.end();
    await settled();
  }
  expect(runs.map(({ message }) => message.data.n)).toEqual([1, 1, 2, 3]);
  expect(await orders.stats()).toMatchObject({ ready: 0, leased: 0 });
});

test('close lets handlers finish and gives back what none has begun', async () => {
  const { orders } = setUp();
  const { runs, handler } = heldHandler();
  const consumer = orders.consume(handler);
  await sendMany(orders, 3);
  await settled();
  const closing = consumer.close();
  await settled();
  expect(await orders.stats()).toMatchObject({ ready: 2, leased: 1 });
  runs[0]!.end();
  await closing;
  await consumer.closed;
  expect(await orders.stats()).toMatchObject({ ready: 2, leased: 0, consumers: 0 });
});

test('what was given back without having been handled counts as no attempt', async () => {
  const { orders } = setUp();
  const { runs, handler } = heldHandler();
  const consumer = orders.consume(handler);
  await sendMany(orders, 2);
  await settled();
  runs[0]!.end();
  consumer.pause();
  await consumer.close();
  for (const message of await orders.receiveBatch({ max: 2 })) expect(message.retryCount).toBe(0);
});

test('after the drain time close aborts the signals and gives back what is unsettled', async () => {
  const { orders, clock } = setUp();
  const { runs, handler } = heldHandler();
  const consumer = orders.consume(handler);
  await orders.send({ n: 1 });
  await settled();
  const { signal } = runs[0]!.message;
  const closing = consumer.close({ drain: '5s' });
  await clock.advance('4s');
  expect(signal.aborted).toBe(false);
  await clock.advance('2s');
  await closing;
  expect(signal.reason).toMatchObject({ code: 'closed' });
  expect(await orders.stats()).toMatchObject({ ready: 1, leased: 0 });
});

test('closing the client closes its consumers; then nothing can be sent', async () => {
  const { orders, mq, driver } = setUp();
  const consumer = orders.consume(() => {});
  await consumer.ready();
  await mq.close();
  await consumer.closed;
  expect(driver.closed).toBe(true);
  await expect(orders.send({ n: 1 })).rejects.toMatchObject({ code: 'closed' });
});

test('`await using` closes a consumer', async () => {
  const { orders } = setUp();
  {
    await using consumer = orders.consume(() => {});
    await consumer.ready();
    expect(await orders.stats()).toMatchObject({ consumers: 1 });
  }
  expect(await orders.stats()).toMatchObject({ consumers: 0 });
});

test('a signal closes the consumer', async () => {
  const { orders } = setUp();
  const stop = new AbortController();
  const consumer = orders.consume(() => {}, { signal: stop.signal });
  await consumer.ready();
  stop.abort();
  await consumer.closed;
  expect(await orders.stats()).toMatchObject({ consumers: 0 });
});

test('a consumer whose queue is deleted ends with the error, and tells it', async () => {
  const { orders, driver, errors } = setUp();
  const consumer = orders.consume(() => {});
  await consumer.ready();
  driver.endQueue('orders');
  await expect(consumer.closed).rejects.toMatchObject({ code: 'not-found' });
  expect(errors).toMatchObject([{ code: 'not-found' }]);
});

test('a failure that may pass does not end a consumer that is starting', async () => {
  const { orders, driver, clock, errors } = setUp();
  driver.failures.declare = () => new PolymqError('timeout', 'no connection');
  const seen: number[] = [];
  const consumer = orders.consume((message) => {
    seen.push(message.data.n);
  });
  await clock.advance('2s');
  expect(errors[0]).toMatchObject({ code: 'timeout' });
  delete driver.failures.declare;
  await clock.advance('10s');
  await consumer.ready();
  await orders.send({ n: 1 });
  await settled();
  expect(seen).toEqual([1]);
});

test('a consumer that cannot be rejects ready and closed', async () => {
  const { orders, driver } = setUp();
  driver.failures.declare = () => new PolymqError('declared-otherwise', 'it is a classic queue');
  const consumer = orders.consume(() => {});
  await expect(consumer.ready()).rejects.toMatchObject({ code: 'declared-otherwise' });
  await expect(consumer.closed).rejects.toMatchObject({ code: 'declared-otherwise' });
});

test('at-most-once acknowledges before the handler runs, and only reports what it throws', async () => {
  const { orders, errors } = setUp({ delivery: 'at-most-once' });
  const leased: (number | undefined)[] = [];
  orders.consume(async () => {
    leased.push((await orders.stats()).leased);
    throw new Error('too bad');
  });
  await orders.send({ n: 1 });
  await settled();
  expect(leased).toEqual([0]);
  expect(errors).toMatchObject([{ message: 'too bad' }]);
  expect(await orders.deadLetters.stats()).toMatchObject({ ready: 0 });
});

test('effectively-once handles a message that comes twice once, and acknowledges both', async () => {
  const done = new Set<string>();
  const once = {
    async once(id: string, work: () => Promise<void>) {
      if (done.has(id)) return false;
      await work();
      done.add(id);
      return true;
    },
  };
  const { orders, clock } = setUp({ delivery: { mode: 'effectively-once', once } });
  let runs = 0;
  orders.consume(async (message) => {
    runs += 1;
    if (runs === 1) await message.nack();
    if (runs === 2) throw new Error('not yet');
  });
  await orders.send({ n: 1 }, { id: 'same' });
  await clock.advance('1m');
  expect(runs).toBe(3);
  await orders.send({ n: 1 }, { id: 'same' });
  await settled();
  expect(runs).toBe(3);
  expect(await orders.stats()).toMatchObject({ ready: 0, leased: 0, delayed: 0 });
  await expect(orders.receive()).rejects.toMatchObject({ code: 'invalid-argument' });
});

test('in a fifo queue a failed message keeps its place before the others of its key', async () => {
  const { orders, clock } = setUp({ fifo: true });
  const seen: string[] = [];
  orders.consume(
    (message) => {
      seen.push(`${message.key}${message.data.n}`);
      if (message.data.n === 1 && message.retryCount < 2) throw new Error('again');
    },
    { concurrency: 5 },
  );
  await orders.send({ n: 1 }, { key: 'a' });
  await orders.send({ n: 2 }, { key: 'a' });
  await orders.send({ n: 3 }, { key: 'b' });
  await clock.advance('1m');
  expect(seen).toEqual(['a1', 'b3', 'a1', 'a1', 'a2']);
});

test('where the engine hands out a fifo queue as a whole, the client keeps the order per key', async () => {
  const { orders, clock, driver } = setUp({ fifo: true }, { keyOrder: 'client' });
  const { runs, handler } = heldHandler();
  orders.consume(handler, { concurrency: 5 });
  for (const [key, n] of [
    ['a', 1],
    ['a', 2],
    ['b', 3],
    ['a', 4],
  ] as const) {
    await orders.send({ n }, { key });
  }
  await settled();
  expect(runs.map(({ message }) => message.data.n)).toEqual([1, 3]);
  runs[0]!.fail(new Error('again'));
  await settled();
  expect(runs.length).toBe(2);
  await clock.advance('1s');
  expect(runs[2]!.message).toMatchObject({ retryCount: 1, data: { n: 1 } });
  runs[1]!.end();
  runs[2]!.end();
  await settled();
  expect(runs[3]!.message.data.n).toBe(2);
  runs[3]!.fail(new Error('x'));
  await settled();
  driver.loseLeases('orders');
  await clock.advance('1m');
  expect(runs.map(({ message }) => message.data.n)).toEqual([1, 3, 1, 2, 2]);
});

test('a client-ordered message ends in the dead letters with its errors when its retries are used up', async () => {
  const { orders, clock } = setUp({ fifo: true, retry: { max: 1 } }, { keyOrder: 'client' });
  let runs = 0;
  orders.consume(() => {
    runs += 1;
    throw new Error(`failure ${runs}`);
  });
  await orders.send({ n: 1 }, { key: 'a' });
  await clock.advance('1m');
  const [letter] = await orders.deadLetters.list();
  expect(letter!.errors.map(({ message }) => message)).toEqual(['failure 2', 'failure 1']);
});

test('a message whose dead letter cannot be stored is given back after a wait', async () => {
  const { orders, clock, driver, errors } = setUp({ retry: false });
  driver.failures.move = () => new PolymqError('queue-full', 'no room for dead letters');
  orders.consume(() => {
    throw new Error('broken');
  });
  await orders.send({ n: 1 });
  await settled();
  expect(errors).toMatchObject([{ code: 'queue-full' }]);
  expect(await orders.stats()).toMatchObject({ leased: 0 });
  delete driver.failures.move;
  await clock.advance('1m');
  expect(await orders.deadLetters.stats()).toMatchObject({ ready: 1 });
});

test('the loop acknowledges what it leaves behind, and gives back what it breaks off at', async () => {
  const { orders } = setUp();
  await sendMany(orders, 4);
  const seen: number[] = [];
  for await (const message of orders.messages()) {
    seen.push(message.data.n);
    if (message.data.n === 3) break;
  }
  expect(seen).toEqual([1, 2, 3]);
  expect(await orders.stats()).toMatchObject({ ready: 2, leased: 0, consumers: 0 });
  const next = await orders.receive();
  expect(next!.data.n).toBe(3);
});

test('a loop ends when the client is closed, and its next message is still acknowledged', async () => {
  const { orders, mq } = setUp();
  await sendMany(orders, 1);
  const seen: number[] = [];
  let closing: Promise<void> | undefined;
  for await (const message of orders.messages()) {
    seen.push(message.data.n);
    closing = mq.close();
  }
  await closing;
  expect(seen).toEqual([1]);
});

test('a loop with concurrency is refused', () => {
  const { orders } = setUp();
  expect(() => orders.messages({ concurrency: 2 })).toThrow(/use consume/);
});

test.each<[ConsumeOptions]>([[{ concurrency: 0 }], [{ concurrency: 1.5 }], [{ prefetch: -1 }]])(
  'consume refuses %j',
  (options) => {
    const { orders } = setUp();
    expect(() => orders.consume(() => {}, options)).toThrow(PolymqError);
  },
);

test('an error in onError does not stop the consumer', async () => {
  const { orders } = setUp();
  const warnings: unknown[] = [];
  const listen = (warning: unknown): void => void warnings.push(warning);
  process.on('warning', listen);
  const seen: number[] = [];
  orders.consume((message) => void seen.push(message.data.n), {
    onError: () => {
      throw new Error('oops');
    },
  });
  const raw = orders as unknown as { send(data: unknown, options: object): Promise<unknown> };
  await raw.send('{', { type: 'x' });
  await orders.send({ n: 2 });
  await settled();
  process.off('warning', listen);
  expect(seen).toContain(2);
});

test('a consumer says of what waits in it that nobody has begun to work on it', async () => {
  const { driver, orders } = setUp();
  const { handler } = heldHandler();
  const delivered: Delivery[] = [];
  let sink: DeliverySink | undefined;
  const subscribe = driver.queues.subscribeQueue.bind(driver.queues);
  driver.queues.subscribeQueue = (queue, options, into) => {
    sink = into;
    const deliver = into.deliver.bind(into);
    into.deliver = (deliveries) => {
      delivered.push(...deliveries);
      deliver(deliveries);
    };
    return subscribe(queue, options, into);
  };
  orders.consume(handler, { concurrency: 1, prefetch: 5 });
  await sendMany(orders, 3);
  await settled();
  expect(delivered.map((each) => sink?.isUntouched?.(each))).toEqual([false, true, true]);
});

test('closing waits no longer than the drain time for an engine that does not answer', async () => {
  const { orders, driver, clock } = setUp();
  let answer = (): void => {};
  const answered = new Promise<void>((resolve) => {
    answer = resolve;
  });
  const declare = driver.queues.declareQueue.bind(driver.queues);
  driver.queues.declareQueue = async (spec) => {
    await answered;
    await declare(spec);
  };
  const consumer = orders.consume(() => {});
  await settled();
  let closed = false;
  const closing = consumer.close({ drain: '200ms' }).then(() => {
    closed = true;
  });
  await clock.advance('199ms');
  expect(closed).toBe(false);
  await clock.advance('1ms');
  expect(closed).toBe(true);
  await closing;
  answer();
  await settled();
  expect((await orders.stats()).consumers).toBe(0);
  expect(clock.timers).toBe(0);
});

test('a subscription that comes after its consumer was closed is ended, and what it brought goes back', async () => {
  const { orders, driver, clock } = setUp();
  await orders.send({ n: 1 });
  let answer = (): void => {};
  const subscribe = driver.queues.subscribeQueue.bind(driver.queues);
  driver.queues.subscribeQueue = async (...args) => {
    const subscription = await subscribe(...args);
    await new Promise<void>((resolve) => {
      answer = resolve;
    });
    return subscription;
  };
  const seen: number[] = [];
  const consumer = orders.consume(({ data }) => void seen.push(data.n));
  const closing = consumer.close({ drain: '200ms' });
  await clock.advance('200ms');
  await closing;
  answer();
  await settled();
  await orders.send({ n: 2 });
  await settled();
  expect([seen, await orders.stats()]).toMatchObject([[], { ready: 2, leased: 0, consumers: 0 }]);
  expect((await orders.receive())?.retryCount).toBe(0);
});

test('closing is not held up by an engine that does not take back what nobody has begun', async () => {
  const { orders, driver, clock } = setUp();
  const { runs, handler } = heldHandler();
  const consumer = orders.consume(handler);
  await sendMany(orders, 2);
  await settled();
  driver.queues.release = () => new Promise(() => {});
  let closed = false;
  const closing = consumer.close({ drain: '200ms' }).then(() => {
    closed = true;
  });
  await clock.advance('1200ms');
  expect(closed).toBe(true);
  await closing;
  expect(runs[0]!.message.signal.aborted).toBe(true);
});

test.each([true, false])(
  'a consumer that pauses leaves messages to others; the engine can pause: %s',
  async (canPause) => {
    const { orders, driver } = setUp();
    const subscribe = driver.queues.subscribeQueue.bind(driver.queues);
    driver.queues.subscribeQueue = async (...args) => {
      const subscription = await subscribe(...args);
      return canPause ? { ...subscription, canPause } : subscription;
    };
    const { runs, handler } = heldHandler();
    const consumer = orders.consume(handler, { concurrency: 2, prefetch: 3 });
    await sendMany(orders, 7);
    await settled();
    consumer.pause();
    await settled();
    expect(await orders.stats()).toMatchObject({ ready: 5, leased: 2 });
    for (const { end } of runs) end();
    await settled();
    expect(runs).toHaveLength(2);
    const other = await orders.receive();
    expect([other?.data.n, other?.retryCount]).toEqual([3, 0]);
    await other?.ack();
    consumer.resume();
    consumer.pause();
    consumer.resume();
    await settled();
    expect(runs.map(({ message }) => message.data.n)).toEqual([1, 2, 4, 5]);
    for (const { end } of runs) end();
    await settled();
    for (const { end } of runs) end();
    await consumer.close();
    expect(await orders.stats()).toMatchObject({ ready: 0, leased: 0, consumers: 0 });
  },
);

test('a consumer that is paused before it has subscribed takes nothing until it goes on', async () => {
  const { orders } = setUp();
  await sendMany(orders, 2);
  const seen: number[] = [];
  const consumer = orders.consume(({ data }) => void seen.push(data.n));
  consumer.pause();
  await consumer.ready();
  await settled();
  expect([seen, await orders.stats()]).toMatchObject([[], { ready: 2, leased: 0 }]);
  consumer.resume();
  await settled();
  expect(seen).toEqual([1, 2]);
  consumer.pause();
  await consumer.close();
  expect(await orders.stats()).toMatchObject({ ready: 0, consumers: 0 });
});

test('a handler may close its own consumer, if it does not wait for that', async () => {
  const { orders, errors } = setUp();
  const consumer = orders.consume(() => {
    void consumer.close();
  });
  await sendMany(orders, 2);
  await consumer.closed;
  expect(await orders.stats()).toMatchObject({ ready: 1, leased: 0 });
  expect(errors).toEqual([]);
});

test('handlers that do not end in the drain time are told, such as one that waits for its own closing', async () => {
  const { orders, clock, errors } = setUp();
  let aborted = false;
  const consumer = orders.consume(async ({ signal }) => {
    signal.addEventListener('abort', () => {
      aborted = true;
    });
    await consumer.close({ drain: '5s' });
  });
  await orders.send({ n: 1 });
  await settled();
  await clock.advance('5s');
  await consumer.closed;
  expect(aborted).toBe(true);
  expect(errors).toEqual([expect.objectContaining({ code: 'timeout' })]);
  expect(String(errors[0])).toMatch(/queue "orders".*handlers \(1\).*5000 ms.*waiting for itself/);
  expect(await orders.stats()).toMatchObject({ ready: 1, leased: 0 });
});
