import { expect, test } from 'vitest';
import { createClient } from '../client/create-client.ts';
import { settled } from '../driver/testing/manual-clock.ts';
import { MemoryDriver, type MemoryDriverOptions } from '../driver/testing/memory-driver.ts';
import { PolymqError } from '../errors.ts';
import type { WireMessage } from '../message/wire-message.ts';
import type { QueueOptions } from './queue.ts';

function setUp(options: QueueOptions<number> = {}, driverOptions: MemoryDriverOptions = {}) {
  const driver = new MemoryDriver(driverOptions);
  const errors: unknown[] = [];
  const mq = createClient(driver, { random: () => 0, onError: (error) => errors.push(error) });
  return { driver, clock: driver.clock, mq, errors, queue: mq.queue<number>('q', options) };
}

/** Dead letters 1 to `count`. */
async function bury(queue: ReturnType<typeof setUp>['queue'], count: number) {
  for (let n = 1; n <= count; n += 1) {
    await queue.send(n, { key: `k${n}`, headers: { a: 'b' } });
    await (await queue.receive())!.reject(`reason ${n}`);
  }
}

test('receive waits for a message as long as it may, then gives undefined', async () => {
  const { queue, clock } = setUp();
  const nothing = queue.receive({ wait: '20s' });
  await clock.advance('20s');
  expect(await nothing).toBeUndefined();
  const something = queue.receive({ wait: '20s' });
  await clock.advance('1s');
  await queue.send(1);
  expect((await something)!.data).toBe(1);
});

test('a signal ends the wait', async () => {
  const { queue } = setUp();
  const stop = new AbortController();
  const waiting = queue.receive({ wait: '20s', signal: stop.signal });
  await settled();
  stop.abort();
  expect(await waiting).toBeUndefined();
});

test('receiveBatch gives what is there, up to its limit', async () => {
  const { queue } = setUp();
  await queue.sendBatch([1, 2, 3].map((data) => ({ data })));
  const messages = await queue.receiveBatch({ max: 2 });
  expect(messages.map(({ data }) => data)).toEqual([1, 2]);
  await expect(queue.receiveBatch({ max: 0 })).rejects.toMatchObject({ code: 'invalid-argument' });
});

test('nack waits for the backoff, or for its delay; the count and the errors stay', async () => {
  const { queue, clock } = setUp();
  await queue.send(1);
  await (await queue.receive())!.nack({ reason: new TypeError('first') });
  expect(await queue.receive()).toBeUndefined();
  await clock.advance('1s');
  const second = await queue.receive();
  expect(second).toMatchObject({
    retryCount: 1,
    errors: [{ name: 'TypeError', message: 'first' }],
  });
  await second!.nack({ delay: 2 ** second!.retryCount * 1000 });
  await clock.advance('1999ms');
  expect(await queue.receive()).toBeUndefined();
  await clock.advance('1ms');
  expect((await queue.receive())!.retryCount).toBe(2);
});

test('a message is settled once', async () => {
  const { queue } = setUp();
  await queue.send(1);
  const message = await queue.receive();
  await message!.ack();
  await message!.ack();
  await message!.nack();
  await message!.reject();
  expect(await queue.stats()).toMatchObject({ ready: 0, delayed: 0, leased: 0 });
  expect((await queue.deadLetters.stats()).ready).toBe(0);
});

test('an acknowledgement that could not be sent can be made again', async () => {
  const { queue, driver } = setUp();
  await queue.send(1);
  const message = await queue.receive();
  driver.failures.ack = () => new PolymqError('disconnected', 'gone');
  await expect(message!.ack()).rejects.toMatchObject({ code: 'disconnected' });
  delete driver.failures.ack;
  await message!.ack();
  expect(await queue.stats()).toMatchObject({ leased: 0 });
});

test('after its lease a message belongs to another, its signal aborts and settling it fails', async () => {
  const { queue, clock } = setUp({ lease: '10s' });
  await queue.send(1);
  const message = await queue.receive();
  const { signal } = message!;
  await clock.advance('10s');
  expect(signal.reason).toMatchObject({ code: 'lease-lost' });
  await expect(message!.ack()).rejects.toMatchObject({ code: 'lease-lost' });
  await expect(message!.nack()).rejects.toMatchObject({ code: 'lease-lost' });
  expect((await queue.receive())!.retryCount).toBe(1);
});

test('extend makes the lease longer, by the lease of the queue or as said', async () => {
  const { queue, clock } = setUp({ lease: '10s' });
  await queue.send(1);
  const message = await queue.receive();
  const { signal } = message!;
  await clock.advance('9s');
  await message!.extend();
  await clock.advance('9s');
  await message!.extend('1m');
  await clock.advance('59s');
  expect(signal.aborted).toBe(false);
  await message!.ack();
});

test('at-most-once: a received message is acknowledged already', async () => {
  const { queue } = setUp({ delivery: 'at-most-once' });
  await queue.send(1);
  expect((await queue.receive())!.data).toBe(1);
  expect(await queue.stats()).toMatchObject({ ready: 0, leased: 0 });
});

test.each([['peek'], [undefined]] as const)(
  'dead letters can be listed without taking them (without %s)',
  async (lacking) => {
    const { queue } = setUp({}, lacking === undefined ? {} : { without: [lacking] });
    await bury(queue, 3);
    const letters = await queue.deadLetters.list({ where: ({ data }) => data !== 2 });
    expect(letters).toMatchObject([
      {
        data: 1,
        key: 'k1',
        headers: { a: 'b' },
        reason: 'reason 1',
        queue: 'q',
        retryCount: 1,
        redriven: 0,
      },
      { data: 3 },
    ]);
    expect(await queue.deadLetters.list({ limit: 1 })).toMatchObject([{ data: 1 }]);
    expect(await queue.deadLetters.stats()).toMatchObject({ ready: 3, leased: 0 });
    expect(await queue.deadLetters.redrive({ where: () => false })).toBe(0);
  },
);

test('redrive moves the wanted ones back, marked and with fresh retries', async () => {
  const { queue } = setUp();
  await bury(queue, 4);
  const moved = await queue.deadLetters.redrive({ where: ({ data }) => data! > 1, limit: 2 });
  expect(moved).toBe(2);
  const message = await queue.receive();
  expect(message).toMatchObject({
    data: 2,
    retryCount: 0,
    errors: [],
    redriven: 1,
    key: 'k2',
    headers: { a: 'b' },
  });
  await message!.reject('again');
  expect((await queue.deadLetters.list()).map(({ data, redriven }) => [data, redriven])).toEqual([
    [1, 0],
    [4, 0],
    [2, 1],
  ]);
  expect((await queue.deadLetters.stats()).leased).toBe(0);
});

test('redrive can move to another queue', async () => {
  const { queue, mq } = setUp();
  await bury(queue, 1);
  const other = mq.queue<number>('other');
  await other.ready();
  expect(await queue.deadLetters.redrive({ to: 'other' })).toBe(1);
  expect((await other.receive())!.data).toBe(1);
});

test('redrive leaves alone what dies while it runs', async () => {
  const { queue, clock } = setUp({ retry: false });
  await bury(queue, 2);
  await clock.advance('1s');
  queue.consume(() => {
    throw new Error('still broken');
  });
  const redriving = queue.deadLetters.redrive();
  await clock.advance('1s');
  expect(await redriving).toBe(2);
  expect((await queue.deadLetters.list()).map(({ redriven }) => redriven)).toEqual([1, 1]);
});

test('what redrive cannot move stays a dead letter', async () => {
  const { queue, driver } = setUp();
  await bury(queue, 2);
  driver.failures.move = () => new PolymqError('queue-full', 'full');
  await expect(queue.deadLetters.redrive()).rejects.toMatchObject({ code: 'queue-full' });
  expect(await queue.deadLetters.stats()).toMatchObject({ ready: 2, leased: 0 });
});

test('purge empties the dead letters, or the queue', async () => {
  const { queue } = setUp();
  await bury(queue, 2);
  await queue.send(1);
  expect(await queue.deadLetters.purge()).toBe(2);
  expect(await queue.purge()).toBe(1);
  expect(await queue.stats()).toMatchObject({ ready: 0 });
});

test('a deleted queue is declared again when it is used again', async () => {
  const { queue } = setUp();
  await queue.send(1);
  await queue.delete();
  await queue.send(2);
  expect((await queue.receive())!.data).toBe(2);
});

test.each([
  ['its dead letters are full', {}, 'move'],
  ['it cannot be acknowledged', { delivery: 'at-most-once' }, 'ack'],
] as const)(
  'a message that cannot be put anywhere, for %s, goes back; the others are received',
  async (_, options, operation) => {
    const { driver, clock, queue, errors } = setUp({
      retry: false,
      interceptors: [{ name: 'no bad ones', incoming: refuseBad }],
      ...options,
    });
    const full = new PolymqError('queue-full', 'there is no room');
    await queue.sendBatch([1, 2, BAD, 3].map((data) => ({ data })));
    let calls = 0;
    driver.failures[operation] = () => {
      calls += 1;
      return calls === 1 ? full : undefined;
    };
    const first = operation === 'ack' ? [2, 3] : [1, 2, 3];
    expect((await queue.receiveBatch({ max: 10 })).map(({ data }) => data)).toEqual(first);
    expect(errors).toContain(full);
    expect(await queue.stats()).toMatchObject({ ready: 0, delayed: 1 });
    await clock.advance('1s');
    const again = await queue.receiveBatch({ max: 10 });
    expect(again.map(({ data }) => data)).toEqual(operation === 'ack' ? [1] : []);
    expect(await queue.deadLetters.stats()).toMatchObject({ ready: 1 });
  },
);

const BAD = 13;

function refuseBad<M extends WireMessage>(message: M): M {
  if (Buffer.from(message.body).toString() === String(BAD)) throw new Error('unlucky');
  return message;
}

test('redrive takes letters that a machine with a clock ahead has stamped, and each of them once', async () => {
  const { driver, queue, clock } = setUp({ retry: false });
  await bury(queue, 1);
  const [entry] = driver.queue('q-dlq').entries;
  const aheadMs = clock.nowMs() + 30_000;
  const headers = { ...entry!.message.headers, 'polymq-dead-at': String(aheadMs) };
  await driver.send('q-dlq', [{ ...entry!.message, id: 'ahead', headers }]);
  await clock.advance('1s');
  let runs = 0;
  queue.consume(() => {
    runs += 1;
    throw new Error('still broken');
  });
  // It dies again on that machine.
  const move = driver.move.bind(driver);
  driver.move = (delivery, to, message) => {
    const late = { ...message.headers, 'polymq-dead-at': String(aheadMs) };
    return move(delivery, to, message.id === 'ahead' ? { ...message, headers: late } : message);
  };
  const redriving = queue.deadLetters.redrive();
  await clock.advance('1s');
  expect(await redriving).toBe(2);
  expect(runs).toBe(2);
});

test('letters with the same id that died in two queues are all moved back', async () => {
  const { driver, mq } = setUp();
  const [a, b] = ['a', 'b'].map((name) =>
    mq.queue<number>(name, { deadLetter: 'graves', retry: false }),
  );
  for (const queue of [a!, b!]) {
    await queue.send(1, { id: 'same' });
    await (await queue.receive())!.reject();
  }
  await driver.clock.advance('1s');
  expect(await a!.deadLetters.redrive()).toBe(2);
  expect([await a!.stats(), await b!.stats()]).toMatchObject([{ ready: 1 }, { ready: 1 }]);
});

test('a letter that cannot be given back is reported; the others are, and the error stays what it was', async () => {
  const { driver, queue, errors } = setUp();
  await bury(queue, 3);
  driver.failures.move = () => new PolymqError('queue-full', 'full');
  const release = driver.release.bind(driver);
  let releases = 0;
  driver.release = async (...given) => {
    releases += 1;
    if (releases === 1) throw new PolymqError('disconnected', 'gone for a moment');
    await release(...given);
  };
  await expect(queue.deadLetters.redrive()).rejects.toMatchObject({ code: 'queue-full' });
  expect(errors).toMatchObject([{ code: 'disconnected' }]);
  expect(await queue.deadLetters.stats()).toMatchObject({ ready: 2, leased: 1 });
});

test('who looks for some dead letters looks no further than it must, and sees each once', async () => {
  const { driver, queue } = setUp();
  await bury(queue, 300);
  const looks: number[] = [];
  const peek = driver.peek.bind(driver);
  driver.peek = (name, max) => {
    looks.push(max);
    return peek(name, max);
  };
  const found = await queue.deadLetters.list({ where: ({ data }) => data! > 3, limit: 2 });
  expect(found.map(({ data }) => data)).toEqual([4, 5]);
  const rare = await queue.deadLetters.list({ where: ({ data }) => data! % 100 === 0 });
  expect(rare.map(({ data }) => data)).toEqual([100, 200, 300]);
  expect(looks).toEqual([250, 250, 1_000]);
});
