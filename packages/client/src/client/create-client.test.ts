import { expect, test } from 'vitest';
import { MemoryDriver } from '../driver/testing/memory-driver.ts';
import type { MessageContract } from '../message/contract.ts';
import type { OutgoingMessage } from '../message/wire-message.ts';
import { createClient } from './create-client.ts';

function setUp() {
  const driver = new MemoryDriver();
  const errors: unknown[] = [];
  const mq = createClient(driver, { random: () => 0, onError: (error) => errors.push(error) });
  return { driver, mq, errors };
}

test('a listener of the connection that throws is reported; the others hear of it all the same', () => {
  const { mq, errors } = setUp();
  const heard: string[] = [];
  mq.onConnection(() => {
    throw new Error('no pager');
  });
  mq.onConnection((state) => heard.push(state));
  mq.connectionChanged('lost');
  mq.connectionChanged('back');
  expect(heard).toEqual(['lost', 'back']);
  expect(errors).toMatchObject([{ message: 'no pager' }, { message: 'no pager' }]);
});

test('the name alone does not say what a queue is: the first options do, while nothing was declared', async () => {
  const { driver, mq } = setUp();
  const byName = mq.queue<number>('pay');
  const { deadLetters } = byName;
  const pay = mq.queue<number>('pay', { fifo: true, deadLetter: 'graves', retry: false });
  expect(pay).toBe(byName);
  await byName.send(1, { key: 'k' });
  expect(driver.queue('pay').spec).toMatchObject({ fifo: true, deadLetter: 'graves' });
  await (await byName.receive())!.nack();
  expect(deadLetters.name).toBe('graves');
  expect(await deadLetters.list()).toMatchObject([{ data: 1 }]);
});

test('a queue that was used by its name takes options that the engine need not know', async () => {
  const { mq } = setUp();
  await mq.queue<number>('pay').send(1);
  const pay = mq.queue<number>('pay', { retry: false, lease: '1m' });
  await (await pay.receive())!.nack();
  expect(await pay.deadLetters.stats()).toMatchObject({ ready: 1 });
});

test('options that come too late are refused: after others, after the declaration, after a consumer', async () => {
  const { mq } = setUp();
  const tooLate = expect.objectContaining({ code: 'declared-otherwise' });
  mq.queue('a', { retry: false });
  expect(() => mq.queue('a', { retry: { max: 1 } })).toThrow(tooLate);
  await mq.queue('b').send(1);
  expect(() => mq.queue('b', { fifo: true })).toThrow(tooLate);
  await mq
    .queue('c')
    .consume(() => {})
    .ready();
  expect(() => mq.queue('c', { retry: false })).toThrow(tooLate);
  await mq.topic('d').publish(1);
  expect(() => mq.topic('d', { partitions: 7 })).toThrow(tooLate);
  mq.topic('e').group('g');
  expect(() => mq.topic('e', { interceptors: [] })).toThrow(tooLate);
  await mq.close();
});

test('a queue that could not be declared as it was takes the right options', async () => {
  const { driver, mq } = setUp();
  await createClient(driver).queue('q', { fifo: true }).ready();
  await expect(mq.queue('q').ready()).rejects.toMatchObject({ code: 'declared-otherwise' });
  await mq.queue('q', { fifo: true }).ready();
});

test('the same holds for topics', async () => {
  const { driver, mq } = setUp();
  const topic = mq.topic<number>('t');
  const seen: string[] = [];
  const count = (message: OutgoingMessage): OutgoingMessage => {
    seen.push(message.id);
    return message;
  };
  const interceptors = [{ name: 'i', outgoing: count }];
  expect(mq.topic<number>('t', { partitions: 7, interceptors })).toBe(topic);
  const partitions = new Set<number | undefined>();
  for (let n = 0; n < 50; n += 1) {
    partitions.add((await topic.publish(n, { key: `k${n}` })).partition);
  }
  expect([partitions.size, seen.length]).toEqual([7, 50]);
  expect(driver.topics.records('t')).toHaveLength(50);
});

test('the same call means the same queue, also with functions and contracts that are written there', () => {
  const { mq } = setUp();
  const contract = (version: number): MessageContract => ({
    name: 'order',
    version,
    encode: () => ({ body: Buffer.alloc(0), contentType: '' }),
    decode: () => 0,
  });
  const make = (version = 1) =>
    mq.queue('q', {
      retry: { max: 3, backoff: (attempt) => attempt * 1_000 },
      contract: contract(version),
    });
  expect(make()).toBe(make());
  expect(() => make(2)).toThrow(expect.objectContaining({ code: 'declared-otherwise' }));
  const backoff = (): number => 1_000;
  mq.queue('r', { retry: { max: 3, backoff: backoff.bind(1) } });
  expect(() => mq.queue('r', { retry: { max: 3, backoff: backoff.bind(2) } })).toThrow();
});

test('a dead-letter queue is made with the options that this client has for it', async () => {
  const { driver, mq } = setUp();
  const limit = { messages: 5, overflow: 'drop-oldest' } as const;
  const letters = mq.queue('x-dlq', { limit, ttl: '1h', deadLetter: 'x-end' });
  await mq.queue('x').send(1);
  expect(driver.calls.filter((call) => call.startsWith('declare'))).toEqual([
    'declare x-end',
    'declare x-dlq',
    'declare x',
  ]);
  expect(driver.queue('x-dlq').spec).toMatchObject({ limit, ttlMs: 3_600_000 });
  await letters.ready();
});

test('queues may be the dead-letter queues of each other, and one that exists is left as it is', async () => {
  const { driver, mq } = setUp();
  mq.queue('a', { deadLetter: 'b' });
  mq.queue('b', { deadLetter: 'a' });
  await Promise.all([mq.queue('a').ready(), mq.queue('b').ready()]);
  mq.queue('theirs', { declare: false });
  await mq.queue('c', { deadLetter: 'theirs' }).ready();
  expect(driver.calls).not.toContain('declare theirs');
});

test('a lost connection is told once: to each consumer that listens, and to the client for all others', async () => {
  const { mq, errors } = setUp();
  const told: unknown[] = [];
  mq.connectionChanged('lost', new Error('before anybody consumes'));
  mq.queue('a').consume(() => {}, { onError: (error) => told.push(error) });
  mq.connectionChanged('lost', new Error('one listens'));
  expect(told).toMatchObject([{ message: 'one listens' }]);
  expect(errors).toEqual([]);
  mq.queue('b').consume(() => {});
  mq.topic('c').subscribe(() => {});
  mq.connectionChanged('back');
  mq.connectionChanged('lost');
  expect(told).toMatchObject([{ message: 'one listens' }, { code: 'disconnected' }]);
  expect(errors).toMatchObject([{ code: 'disconnected' }]);
  await mq.close();
  mq.connectionChanged('lost');
  expect([told.length, errors.length]).toEqual([2, 1]);
});
