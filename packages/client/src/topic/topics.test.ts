import { expect, test } from 'vitest';
import { createClient } from '../client/create-client.ts';
import type { GroupSink } from '../driver/driver.ts';
import { settled } from '../driver/testing/manual-clock.ts';
import { MemoryDriver, type MemoryDriverOptions } from '../driver/testing/memory-driver.ts';
import { PolymqError } from '../errors.ts';
import type { Interceptor } from '../message/interceptor.ts';
import type { Message } from '../message/message.ts';
import type { TopicRecord } from '../message/wire-message.ts';

function setUp(options: MemoryDriverOptions = {}) {
  const driver = new MemoryDriver(options);
  const errors: unknown[] = [];
  const mq = createClient(driver, { random: () => 0, onError: (error) => errors.push(error) });
  return { driver, clock: driver.clock, mq, errors, topic: mq.topic<number>('events') };
}

function heldHandler() {
  const runs: { message: Message<number>; end: () => void; fail: (error: Error) => void }[] = [];
  const handler = (message: Message<number>) =>
    new Promise<void>((resolve, reject) => {
      runs.push({ message, end: resolve, fail: reject });
    });
  const dataOf = () => runs.map(({ message }) => message.data);
  return { runs, handler, dataOf };
}

test('publish answers where the record went, the same partition for the same key', async () => {
  const { topic } = setUp();
  const first = await topic.publish(1, { key: 'a', id: 'one' });
  const second = await topic.publish(2, { key: 'a' });
  expect(first).toEqual({ id: 'one', partition: second.partition, offset: 0 });
  expect(second.offset).toBe(1);
  const batch = await topic.publishBatch([
    { data: 3, key: 'a' },
    { data: 4, key: 'a' },
  ]);
  expect(batch.map(({ offset }) => offset)).toEqual([2, 3]);
});

test('the engine is told how long a publish or a send may take', async () => {
  const { driver, mq, topic } = setUp();
  const told: unknown[] = [];
  const [publish, send] = [driver.topics.publish, driver.send];
  driver.topics.publish = (name, messages, timeoutMs?: number) => {
    told.push(timeoutMs);
    return publish.call(driver.topics, name, messages);
  };
  driver.send = (name, messages, timeoutMs?: number) => {
    told.push(timeoutMs);
    return send.call(driver, name, messages);
  };
  await topic.publish(1, { timeout: '2m' });
  await topic.publish(1);
  const queue = mq.queue<number>('q');
  await queue.send(1, { timeout: '3m' });
  await queue.send(1);
  const full = mq.queue<number>('full', { limit: { messages: 9, overflow: 'block' } });
  await full.send(1, { timeout: '4m' });
  expect(told).toEqual([120_000, undefined, 180_000, undefined, 240_000]);
});

test('a live topic answers without a place', async () => {
  const { mq } = setUp();
  expect(await mq.topic('live', { live: true }).publish(1)).toMatchObject({
    partition: undefined,
    offset: undefined,
  });
});

test('every subscriber gets everything from where it begins', async () => {
  const { mq, clock } = setUp();
  const topic = mq.topic<number>('one', { partitions: 1 });
  for (const n of [1, 2, 3]) {
    await topic.publish(n);
    await clock.advance('1s');
  }
  const seen: Record<string, number[]> = { new: [], start: [], date: [], offset: [], offsets: [] };
  const listen = (name: string, from: Parameters<typeof topic.subscribe>[1]) =>
    topic.subscribe((message) => void seen[name]!.push(message.data), from).ready();
  await listen('new', {});
  await listen('start', { from: 'start' });
  await listen('date', { from: new Date(1_001_000) });
  await listen('offset', { from: 2 });
  await listen('offsets', { from: { 0: 1 } });
  await topic.publish(4);
  await settled();
  expect(seen).toEqual({
    new: [4],
    start: [1, 2, 3, 4],
    date: [2, 3, 4],
    offset: [3, 4],
    offsets: [2, 3, 4],
  });
});

test.each([['yesterday'], [-1], [new Date('x')], [{ 0: -1 }]])(
  'a subscription from %j is refused',
  (from) => {
    const { topic } = setUp();
    expect(() => topic.subscribe(() => {}, { from: from as never })).toThrow(/give 'new', 'start'/);
  },
);

test('a filter leaves out what it is false for', async () => {
  const { topic } = setUp();
  const seen: number[] = [];
  await topic
    .subscribe((message) => void seen.push(message.data), { filter: ({ data }) => data % 2 === 0 })
    .ready();
  for (const n of [1, 2, 3, 4]) await topic.publish(n, { key: 'a' });
  await settled();
  expect(seen).toEqual([2, 4]);
});

test('one handler works in order of the partition, several in order per key', async () => {
  const { mq } = setUp();
  const topic = mq.topic<number>('one', { partitions: 1 });
  const one = heldHandler();
  const many = heldHandler();
  await topic.subscribe(one.handler).ready();
  await topic.subscribe(many.handler, { concurrency: 3 }).ready();
  for (const [n, key] of [
    [1, 'a'],
    [2, 'a'],
    [3, 'b'],
    [4, undefined],
  ] as const) {
    await topic.publish(n, key === undefined ? {} : { key });
  }
  await settled();
  expect(one.dataOf()).toEqual([1]);
  expect(many.dataOf()).toEqual([1, 3, 4]);
  many.runs[0]!.end();
  one.runs[0]!.end();
  await settled();
  expect(one.dataOf()).toEqual([1, 2]);
  expect(many.dataOf()).toEqual([1, 3, 4, 2]);
});

test('with more concurrency than before, what is behind a running record of its key still waits', async () => {
  const { mq } = setUp();
  const topic = mq.topic<number>('one', { partitions: 1 });
  const { runs, handler, dataOf } = heldHandler();
  const consumer = topic.subscribe(handler);
  await consumer.ready();
  for (const [n, key] of [
    [1, 'a'],
    [2, 'a'],
    [3, 'b'],
  ] as const)
    await topic.publish(n, { key });
  await settled();
  consumer.setConcurrency(3);
  await settled();
  expect(dataOf()).toEqual([1, 3]);
  runs[0]!.end();
  await settled();
  expect(dataOf()).toEqual([1, 3, 2]);
});

test('a handler that throws is called again in its place, then the record is skipped and reported', async () => {
  const { mq, clock, errors } = setUp();
  const topic = mq.topic<number>('one', { partitions: 1 });
  const seen: [number, number][] = [];
  await topic
    .subscribe(
      (message) => {
        seen.push([message.data, message.retryCount]);
        if (message.data === 1) throw new Error('broken');
      },
      { retry: { max: 2, backoff: 'fixed', base: '1s' } },
    )
    .ready();
  await topic.publish(1);
  await topic.publish(2);
  await clock.advance('10s');
  expect(seen).toEqual([
    [1, 0],
    [1, 1],
    [1, 2],
    [2, 0],
  ]);
  expect(errors).toMatchObject([{ message: 'broken' }]);
});

test('a group shares records and goes on where it was', async () => {
  const { topic, driver } = setUp();
  for (let n = 0; n < 4; n += 1) await topic.publish(n);
  const seen: number[] = [];
  const consumer = topic.group('g').consume((message) => void seen.push(message.data));
  await consumer.ready();
  await settled();
  expect([...seen].sort()).toEqual([0, 1, 2, 3]);
  await consumer.close();
  expect(Object.fromEntries(driver.topics.committed('events', 'g'))).toEqual({ 0: 2, 1: 2 });
  await topic.publish(4);
  expect(await topic.group('g').lag()).toEqual({ total: 1, partitions: { 0: 1, 1: 0 } });
  await topic
    .group('g')
    .consume((message) => void seen.push(message.data))
    .ready();
  await settled();
  expect(seen.slice(4)).toEqual([4]);
});

test('only what is done without a gap is committed', async () => {
  const { mq, driver } = setUp();
  const topic = mq.topic<number>('one', { partitions: 1 });
  const { runs, handler } = heldHandler();
  await topic.group('g').consume(handler, { concurrency: 3 }).ready();
  for (const n of [1, 2, 3]) await topic.publish(n);
  await settled();
  runs[2]!.end();
  runs[1]!.end();
  await settled();
  expect(driver.topics.committed('one', 'g').get(0)).toBe(0);
  runs[0]!.end();
  await settled();
  expect(driver.topics.committed('one', 'g').get(0)).toBe(3);
});

test('ack in the handler counts at once', async () => {
  const { mq, driver } = setUp();
  const topic = mq.topic<number>('one', { partitions: 1 });
  const { runs, handler } = heldHandler();
  await topic.group('g').consume(handler).ready();
  await topic.publish(1);
  await settled();
  await runs[0]!.message.ack();
  await settled();
  expect(driver.topics.committed('one', 'g').get(0)).toBe(1);
});

test('what a group gives up goes to its dead-letter topic with the reason, then the next record comes', async () => {
  const { mq, clock, driver } = setUp();
  const topic = mq.topic<number>('one', { partitions: 1 });
  const seen: number[] = [];
  await topic
    .group('g', { retry: { max: 1 } })
    .consume(async (message) => {
      seen.push(message.data);
      if (message.data === 1) throw new Error('broken');
      if (message.data === 2) await message.reject('no use');
      if (message.data === 3 && message.retryCount === 0) await message.nack({ delay: '9s' });
    })
    .ready();
  for (const n of [1, 2, 3]) await topic.publish(n);
  await clock.advance('5s');
  expect(seen).toEqual([1, 1, 2, 3]);
  await clock.advance('9s');
  expect(seen).toEqual([1, 1, 2, 3, 3]);
  const letters = driver.topics.records('one-g-dlq');
  expect(letters.map(({ headers }) => headers['polymq-dead-reason'])).toEqual([
    'Error: broken',
    'no use',
  ]);
  expect(letters[0]!.headers).toMatchObject({ 'polymq-attempts': '2', 'polymq-dead-queue': 'one' });
  expect(driver.topics.committed('one', 'g').get(0)).toBe(3);
});

test('a record is not committed before its dead letter is stored', async () => {
  const { mq, clock, driver, errors } = setUp();
  const topic = mq.topic<number>('one', { partitions: 1 });
  await topic
    .group('g', { retry: false })
    .consume(() => {
      throw new Error('broken');
    })
    .ready();
  driver.failures.publish = (name) =>
    name === 'one-g-dlq' ? new PolymqError('storage-full', 'no room') : undefined;
  await topic.publish(1);
  await settled();
  expect(driver.topics.committed('one', 'g').get(0)).toBe(0);
  expect(errors).toMatchObject([{ code: 'storage-full' }]);
  delete driver.failures.publish;
  await clock.advance('2s');
  expect(driver.topics.committed('one', 'g').get(0)).toBe(1);
});

test('a commit that fails is tried again', async () => {
  const { mq, clock, driver, errors } = setUp();
  const topic = mq.topic<number>('one', { partitions: 1 });
  await topic
    .group('g')
    .consume(() => {})
    .ready();
  driver.failures.commit = () => new PolymqError('disconnected', 'gone');
  await topic.publish(1);
  await settled();
  expect(errors).toMatchObject([{ code: 'disconnected' }]);
  delete driver.failures.commit;
  await clock.advance('2s');
  expect(driver.topics.committed('one', 'g').get(0)).toBe(1);
});

test('a partition that goes to another member waits for its handler, and its commit goes with it', async () => {
  const { topic, driver } = setUp();
  const one = heldHandler();
  const two = heldHandler();
  await topic.group('g').consume(one.handler, { concurrency: 2 }).ready();
  for (let n = 0; n < 4; n += 1) await topic.publish(n);
  await settled();
  expect(one.dataOf()).toEqual([0, 1]);
  const joined = topic.group('g').consume(two.handler, { concurrency: 2 }).ready();
  await settled();
  expect(two.dataOf()).toEqual([]);
  one.runs[1]!.end();
  await joined;
  await settled();
  expect(two.dataOf()).toEqual([3]);
  expect(driver.topics.committed('events', 'g').get(1)).toBe(1);
  one.runs[0]!.end();
  await settled();
  expect(one.dataOf()).toEqual([0, 1, 2]);
});

test('a handler that does not end in time loses its partition: its signal aborts, and nothing is committed for it', async () => {
  const { mq, clock, driver } = setUp();
  const topic = mq.topic<number>('two', { partitions: 2 });
  const one = heldHandler();
  const two = heldHandler();
  await topic.group('g').consume(one.handler, { concurrency: 4 }).ready();
  for (let n = 0; n < 2; n += 1) await topic.publish(n);
  await settled();
  const { message } = one.runs.find((run) => run.message.partition === 1)!;
  const { signal } = message;
  void topic.group('g').consume(two.handler);
  await clock.advance('6s');
  expect(signal.reason).toMatchObject({ code: 'lease-lost' });
  expect(two.dataOf()).toEqual([message.data]);
  for (const { end } of one.runs) end();
  await settled();
  expect(driver.topics.committed('two', 'g').get(1)).toBe(0);
  await expect(message.ack()).rejects.toMatchObject({ code: 'lease-lost' });
});

test('a record that cannot be decoded is given up with its reason', async () => {
  const { mq, driver, errors } = setUp();
  const topic = mq.topic('one', { partitions: 1 });
  await topic
    .group('g')
    .consume(() => {})
    .ready();
  const message = {
    id: 'x',
    body: Buffer.from('{'),
    contentType: 'application/json',
    headers: {},
    timestampMs: 1,
  };
  await driver.topics.publish('one', [message]);
  await settled();
  expect(errors).toMatchObject([{ code: 'invalid-message' }]);
  expect(driver.topics.records('one-g-dlq').length).toBe(1);
});

test('seek moves a group that has no members', async () => {
  const { topic } = setUp();
  for (let n = 0; n < 4; n += 1) await topic.publish(n);
  const group = topic.group('g');
  await group.seek('new');
  expect((await group.lag()).total).toBe(0);
  await group.seek('start');
  expect((await group.lag()).total).toBe(4);
});

test('a group as a loop commits what it leaves behind, and not what it breaks off at', async () => {
  const { mq, driver } = setUp();
  const topic = mq.topic<number>('one', { partitions: 1 });
  for (const n of [1, 2, 3]) await topic.publish(n);
  for await (const message of topic.group('g').messages()) if (message.data === 2) break;
  expect(driver.topics.committed('one', 'g').get(0)).toBe(1);
});

test('a subscriber that is slow is sent no more than it can hold', async () => {
  const { mq } = setUp();
  const topic = mq.topic<number>('one', { partitions: 1 });
  for (let n = 0; n < 100; n += 1) await topic.publish(n);
  const { runs, handler, dataOf } = heldHandler();
  const consumer = topic.subscribe(handler, { from: 'start', prefetch: 5 });
  await consumer.ready();
  await settled();
  for (let n = 0; n < 100; n += 1) {
    runs[n]!.end();
    await settled();
  }
  expect(dataOf()).toEqual(Array.from({ length: 100 }, (_, n) => n));
});

test('close waits for the handler and commits', async () => {
  const { mq, driver } = setUp();
  const topic = mq.topic<number>('one', { partitions: 1 });
  const { runs, handler } = heldHandler();
  const consumer = topic.group('g').consume(handler);
  await consumer.ready();
  for (const n of [1, 2]) await topic.publish(n);
  await settled();
  const closing = mq.close();
  await settled();
  expect(driver.closed).toBe(false);
  runs[0]!.end();
  await closing;
  expect(driver.topics.committed('one', 'g').get(0)).toBe(1);
  expect(driver.closed).toBe(true);
});

test('a subscription whose topic is deleted ends with the error', async () => {
  const { topic, driver } = setUp();
  const consumer = topic.subscribe(() => {});
  await consumer.ready();
  driver.topics.endTopic('events');
  await expect(consumer.closed).rejects.toMatchObject({ code: 'not-found' });
});

test.each([
  ['group', () => setUp({ without: ['group'] }).topic.group('g')],
  ['replay', () => setUp({ without: ['replay'] }).topic.subscribe(() => {}, { from: 'start' })],
  ['live', () => setUp({ without: ['live'] }).mq.topic('x', { live: true })],
  ['topic', () => createClient(new MemoryDriver({ without: ['topic'] })).topic('x')],
  ['fanout', () => setUp({ without: ['fanout'] }).mq.topic('x', { requires: ['fanout'] })],
])('an engine without %s refuses by its name', (capability, use) => {
  expect(use).toThrow(
    expect.objectContaining({ code: 'unsupported', engine: 'Memory', capability }),
  );
});

test('an interceptor whose `settled` throws is reported and stops no consumer', async () => {
  const driver = new MemoryDriver();
  const errors: unknown[] = [];
  const broken: Interceptor = {
    name: 'counts',
    settled() {
      throw new Error('the counter is broken');
    },
  };
  const mq = createClient(driver, { interceptors: [broken], onError: (e) => errors.push(e) });
  const topic = mq.topic<number>('t');
  const seen: number[] = [];
  const consumer = topic.group('g').consume(({ data }) => seen.push(data));
  await consumer.ready();
  for (const data of [1, 2, 3]) await topic.publish(data);
  await settled();
  expect(seen).toEqual([1, 2, 3]);
  expect(consumer.running).toBe(0);
  expect(errors).toHaveLength(3);
});

test('what comes of a partition again while it is given up waits, and is handled from there on', async () => {
  const { driver, clock, topic } = setUp();
  let sink: GroupSink | undefined;
  const commits: number[] = [];
  driver.topics.joinGroup = async (...[, , , joined]) => {
    sink = joined;
    return { commit: async (_, offset) => void commits.push(offset), close: async () => {} };
  };
  const { runs, handler, dataOf } = heldHandler();
  const consumer = topic.group('g', { retry: false }).consume(handler);
  await consumer.ready();
  void sink!.deliver([record(0)]);
  await settled();
  void sink!.revoked([0]);
  void sink!.deliver([record(0), record(1)]);
  await settled();
  expect(dataOf()).toEqual([0]);
  await clock.advance('6s');
  expect(runs[0]!.message.signal.aborted).toBe(true);
  runs[0]!.end();
  for (const offset of [0, 1]) {
    await settled();
    expect(dataOf()).toEqual([0, 0, 1].slice(0, offset + 2));
    expect(runs[offset + 1]!.message.signal.aborted).toBe(false);
    runs[offset + 1]!.end();
  }
  await settled();
  expect(commits).toEqual([1, 2]);
});

function record(offset: number): TopicRecord {
  const body = Buffer.from(String(offset));
  const headers = {};
  const contentType = 'application/json';
  return { id: `${offset}`, body, contentType, headers, timestampMs: 0, partition: 0, offset };
}

test('where an interceptor hides the data, dead letters of a group have errors by name and code only', async () => {
  const { mq, driver, clock } = setUp();
  const topic = mq.topic<number>('cards', { interceptors: [{ name: 'hides', hidesData: true }] });
  topic.group('g', { retry: { max: 1 } }).consume(async (message) => {
    if (message.data === 1) throw new RangeError('no account DE02120300000000202051');
    await message.reject('a duplicate');
  });
  await topic.publish(1, { key: 'k' });
  await clock.advance('1m');
  await topic.publish(2, { key: 'k' });
  await clock.advance('1m');
  const letters = driver.topics.records('cards-g-dlq').map(({ headers }) => headers);
  const reasons = letters.map((headers) => headers['polymq-dead-reason']);
  expect(reasons).toEqual(['RangeError: text not stored', 'a duplicate']);
  expect(JSON.stringify(letters)).not.toContain('DE02120300000000202051');
});
