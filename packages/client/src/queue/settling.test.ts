import { expect, test } from 'vitest';
import type { Client } from '../client/client.ts';
import { createClient } from '../client/create-client.ts';
import { settled } from '../driver/testing/manual-clock.ts';
import { MemoryDriver } from '../driver/testing/memory-driver.ts';
import { PolymqError } from '../errors.ts';
import type { Interceptor } from '../message/interceptor.ts';
import type { Message } from '../message/message.ts';
import type { QueueOptions } from './queue.ts';

const FAILING: Interceptor = {
  name: 'counts',
  settled() {
    throw new Error('the counter is broken');
  },
};

function setUp(options: QueueOptions<number> = {}) {
  const driver = new MemoryDriver();
  const errors: unknown[] = [];
  const onError = (error: unknown): void => void errors.push(error);
  const mq = createClient(driver, { random: () => 0, onError });
  return { driver, clock: driver.clock, mq, queue: mq.queue<number>('q', options), errors };
}

test.each([
  ['returns', (seen: number[], data: number) => void seen.push(data)],
  ['answers with a promise', async (seen: number[], data: number) => void seen.push(data)],
])(
  'an interceptor whose `settled` throws is reported and stops nothing: the handler %s',
  async (_, handle) => {
    const counted: string[] = [];
    const second: Interceptor = { name: 'b', settled: ({ id }) => void counted.push(id) };
    const { queue, errors } = setUp({ interceptors: [FAILING, second] });
    const seen: number[] = [];
    const consumer = queue.consume(({ data }) => handle(seen, data));
    for (const data of [1, 2, 3]) await queue.send(data, { id: `m${data}` });
    await settled();
    expect(seen).toEqual([1, 2, 3]);
    expect(counted).toEqual(['m1', 'm2', 'm3']);
    expect(consumer.running).toBe(0);
    expect(errors).toHaveLength(3);
    expect(await queue.stats()).toMatchObject({ ready: 0, leased: 0 });
  },
);

test('a client that cannot even report goes on', async () => {
  const driver = new MemoryDriver();
  const onError = (): void => {
    throw new Error('the log is full');
  };
  const mq = createClient(driver, { interceptors: [FAILING], onError });
  const queue = mq.queue<number>('q');
  const warned = new Promise((resolve) => process.once('warning', resolve));
  await queue.send(1);
  await (await queue.receive())!.ack();
  expect(await warned).toMatchObject({ message: 'the log is full' });
});

test('a message with a ttl of its own does not outlive it by being retried', async () => {
  const { queue, clock } = setUp({ retry: { max: 5, base: '1s', jitter: 0 } });
  await queue.send(1, { ttl: '1m' });
  await (await queue.receive())!.nack();
  await clock.advance('1h');
  expect(await queue.receive()).toBeUndefined();
  expect(await queue.deadLetters.list()).toMatchObject([{ data: 1, reason: 'expired' }]);
});

test('a retry without a wait has the rest of the ttl, and the engine sees to it', async () => {
  const { driver, queue, clock } = setUp();
  await queue.send(1, { ttl: '1m' });
  await clock.advance('20s');
  await (await queue.receive())!.nack({ delay: 0 });
  const [copy] = driver.queue('q').entries;
  expect(copy?.message.ttlMs).toBe(40_000);
  await clock.advance('40s');
  expect(await queue.stats()).toMatchObject({ ready: 0 });
});

test('a message whose ttl ends before its next attempt is a dead letter at once; redriven it lives', async () => {
  const { queue, clock } = setUp({ retry: { max: 5, base: '2m', jitter: 0 } });
  await queue.send(1, { ttl: '1m' });
  await (await queue.receive())!.nack({ reason: new TypeError('busy') });
  const reason = 'its ttl ends before its next attempt: TypeError: busy';
  const errors = [{ name: 'TypeError', message: 'busy' }];
  expect(await queue.deadLetters.list()).toMatchObject([{ reason, retryCount: 1, errors }]);
  await clock.advance('1h');
  await queue.deadLetters.redrive();
  await (await queue.receive())!.nack({ delay: '1s' });
  await clock.advance('1s');
  expect(await queue.receive()).toMatchObject({ data: 1, retryCount: 1 });
});

test('no sender can write the end of a ttl by hand, and a forwarded message starts without one', async () => {
  const { driver, mq, queue } = setUp();
  await expect(queue.send(1, { headers: { 'polymq-expires': '1' } })).rejects.toMatchObject({
    code: 'invalid-argument',
  });
  await queue.send(1, { ttl: '1m' });
  await mq.queue<number>('next').send((await queue.receive())!);
  expect(driver.queue('next').entries[0]?.message.headers).toEqual({});
});

test.each([
  ['it is settled', (_: Client, message: Message) => message.ack()],
  ['it is given back', (_: Client, message: Message) => message.nack()],
  ['the client closes', (mq: Client) => mq.close()],
])('a timer for the lease of a message is over when %s', async (_, end) => {
  expect(await timersAfter(end, true)).toBe(await timersAfter(end, false));
});

/** How many timers there are when a received message has ended so, the engine's own among them. */
async function timersAfter(
  end: (mq: Client, message: Message) => Promise<void>,
  looks: boolean,
): Promise<number> {
  const { mq, queue, clock } = setUp();
  const after = clock.after.bind(clock);
  const timers = new Set<object>();
  clock.after = (delayMs, callback) => {
    const timer = after(delayMs, () => {
      timers.delete(timer);
      callback();
    });
    timers.add(timer);
    return {
      cancel: () => {
        timers.delete(timer);
        timer.cancel();
      },
    };
  };
  await queue.send(1);
  const message = (await queue.receive())!;
  if (looks) expect(message.signal.aborted).toBe(false);
  await end(mq, message);
  await settled();
  return timers.size;
}

const HIDING: Interceptor = { name: 'hides', hidesData: true };
const SECRET = 'DE02120300000000202051';

function failures(): Error[] {
  const withCode = Object.assign(new TypeError(`no account ${SECRET}`), { code: 'E_ACCOUNT' });
  const ours = new PolymqError('invalid-message', `no account ${SECRET}`);
  return [withCode, new RangeError(`no account ${SECRET}`), ours, `no account ${SECRET}` as never];
}

test('where an interceptor hides the data, errors are stored by name and code only', async () => {
  const { driver, queue, clock, errors } = setUp({ interceptors: [HIDING] });
  let attempt = 0;
  queue.consume(() => {
    throw failures()[attempt++];
  });
  await queue.send(1);
  await clock.advance('1m');
  const [letter] = await queue.deadLetters.list();
  expect(letter?.reason).toBe('Error: text not stored');
  expect(letter?.errors.map(({ name, message }) => `${name} ${message}`)).toEqual([
    'Error text not stored',
    'PolymqError invalid-message',
    'RangeError text not stored',
    'TypeError E_ACCOUNT',
  ]);
  expect(JSON.stringify(driver.queue('q-dlq').entries[0]?.message.headers)).not.toContain(SECRET);
  expect(errors).toEqual([]);
});

test('what a handler says on purpose is stored, and so is everything if the queue says so', async () => {
  const hidden = setUp({ interceptors: [HIDING], retry: false });
  await hidden.queue.send(1);
  await (await hidden.queue.receive())!.reject('a duplicate');
  expect(await hidden.queue.deadLetters.list()).toMatchObject([{ reason: 'a duplicate' }]);
  const open = setUp({ interceptors: [HIDING], retry: false, storedErrors: 'full' });
  await open.queue.send(1);
  await (await open.queue.receive())!.nack({ reason: failures()[1] });
  const reason = `RangeError: no account ${SECRET}`;
  expect(await open.queue.deadLetters.list()).toMatchObject([{ reason }]);
  expect(() => setUp({ storedErrors: 'none' as never })).toThrow(/storedErrors of queue "q"/);
});

test('what is dropped for want of a dead-letter queue is reported in this process with the whole error', async () => {
  const { queue, errors } = setUp({ interceptors: [HIDING], retry: false, deadLetter: false });
  await queue.send(1);
  const error = failures()[1];
  await (await queue.receive())!.nack({ reason: error });
  expect(errors).toMatchObject([{ cause: { cause: error } }]);
});
