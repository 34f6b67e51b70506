/** Clients inside the broker's process and outside of it work on the same queues: `embed(…)` and `polymq://`. */
import { type Client, connect, eventStore, type QueueOptions } from '@polymq/client';
import { type EmbeddedClient, embed } from 'polymq';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { codeOf, eventually, gate, uniqueName } from '../contract/stage.ts';

let inside: EmbeddedClient;
let outside: Client;

beforeAll(async () => {
  const schemes = ['amqp', 'kafka', 'http'];
  const listen = schemes.map((scheme) => `${scheme}://127.0.0.1:0`);
  inside = await embed({ data: 'memory:', listen });
  const ports = schemes.map((scheme) => `${scheme}=${inside.broker.listener(scheme).port}`);
  outside = await connect(`polymq://127.0.0.1?${ports.join('&')}`);
});

afterAll(async () => {
  await outside?.close({ drain: 0 });
  await inside?.close({ drain: 0 });
});

const limit = { messages: 10, bytes: 1000 };
const SAME: readonly [name: string, options: QueueOptions][] = [
  ['plain', {}],
  ['fifo', { fifo: true }],
  ['passing', { durable: false }],
  ['passing fifo', { durable: false, fifo: true }],
  ['expiring', { ttl: 1500.5, priorities: 3, deadLetter: false }],
  ['full ones that reject', { limit: { ...limit, overflow: 'reject' } }],
  ['full ones that block', { limit: { ...limit, overflow: 'block' } }],
  ['full ones that drop the oldest', { limit: { ...limit, overflow: 'drop-oldest' } }],
  ['full ones that drop the least', { limit: { ...limit, overflow: 'drop-lowest-priority' } }],
];

describe('a queue of clients inside and outside', () => {
  const sides = () => [inside, outside] as const;

  test.for(SAME)('is declared by either and used by the other: %s', async ([, options]) => {
    for (const [first, second] of [sides(), sides().toReversed()] as const) {
      const name = uniqueName('both');
      await first!.queue(name, options).send('there', { key: 'k' });
      const queue = second!.queue(name, options);
      const message = await queue.receive({ wait: '5s' });
      expect(message).toMatchObject({ data: 'there', key: 'k' });
      await message!.ack();
      await queue.send('back');
    }
  });

  test.for(SAME.slice(1))('is refused to either with other options: %s', async ([, options]) => {
    for (const [first, second] of [sides(), sides().toReversed()] as const) {
      const name = uniqueName('other');
      const deadLetter = options.deadLetter ?? `${name}-dead`;
      await first!.queue(name, { ...options, deadLetter }).ready();
      const other = second!.queue(name, { deadLetter });
      expect(await codeOf(() => other.ready())).toBe('declared-otherwise');
    }
  });
});

describe('a fifo queue', () => {
  it('keeps the order of a key over clients inside and outside', async () => {
    const name = uniqueName('fifo');
    const done: string[] = [];
    const busy = new Set<string>();
    const handler = async ({ data, key }: { data: string; key: string | undefined }) => {
      expect(busy.has(key!)).toBe(false);
      busy.add(key!);
      await new Promise((resolve) => setTimeout(resolve, data.length % 3));
      busy.delete(key!);
      done.push(data);
    };
    const queues = [inside, outside].map((mq) => mq.queue<string>(name, { fifo: true }));
    for (let n = 10; n < 40; n += 1) {
      for (const key of ['a', 'b', 'c']) {
        await queues[n % 2]!.send(`${key}${n}`, { key, delay: n < 12 ? 20 : 0 });
      }
    }
    await eventually('they are due', async () => (await queues[0]!.stats()).delayed === 0);
    const consumers = queues.map((queue) => queue.consume(handler, { concurrency: 4 }));
    await eventually('all were handled', () => done.length === 90);
    await Promise.all(consumers.map((consumer) => consumer.close()));
    for (const key of ['a', 'b', 'c']) {
      const order = done.filter((data) => data.startsWith(key));
      expect(order.filter((data) => data > `${key}12`)).toEqual(
        order.filter((data) => data > `${key}12`).toSorted(),
      );
    }
  });

  it('goes on with other keys while more of them wait for another attempt than a consumer may have', async () => {
    const options = { fifo: true, retry: { max: 3, backoff: 'fixed', base: 600_000 } } as const;
    const queue = outside.queue<string>(uniqueName('stuck'), options);
    const failed = gate();
    let failures = 0;
    const done: string[] = [];
    const consumer = queue.consume(
      ({ data }) => {
        if (data !== 'bad') return void done.push(data);
        failures += 1;
        if (failures === 20) failed.open();
        throw new Error('later');
      },
      { concurrency: 1, prefetch: 1, onError: () => {} },
    );
    for (let n = 0; n < 20; n += 1) await queue.send('bad', { key: `k${n}` });
    await failed.promise;
    await queue.sendBatch([
      { data: 'behind', key: 'k0' },
      { data: 'good', key: 'new' },
    ]);
    await eventually('another key goes on', () => done.length > 0);
    expect(done).toEqual(['good']);
    await consumer.close({ drain: 0 });
  });
});

describe('ids that are known', () => {
  it('are known to clients inside and outside, whoever came first', async () => {
    const [first, second] = [uniqueName('first'), uniqueName('second')];
    const seen: (readonly [string, boolean])[] = [];
    for (const [name, mq] of Object.entries({ inside, outside })) {
      const queue = mq.queue<string>(first, { fifo: true });
      const { duplicate } = await queue.send(name, { dedupe: 'order-1', key: 'k' });
      seen.push([name, duplicate]);
    }
    for (const [name, mq] of Object.entries({ outside, inside })) {
      const queue = mq.queue<string>(second);
      const { duplicate } = await queue.send(name, { dedupe: 'order-1' });
      seen.push([name, duplicate]);
    }
    expect(seen).toEqual([
      ['inside', false],
      ['outside', true],
      ['outside', false],
      ['inside', true],
    ]);
    expect((await outside.queue<string>(second).receive({ wait: '5s' }))?.data).toBe('outside');
  });

  it('come with all that a message says, in the order of many calls at once', async () => {
    const queue = outside.queue<number>(uniqueName('many'), { fifo: true });
    const facts = { key: 'k', type: 'T', headers: { a: 'ä' }, correlationId: 'c', replyTo: 'r' };
    const numbers = Array.from({ length: 1500 }, (_, n) => n);
    const sent = await Promise.all(
      numbers.map((n) => queue.send(n, { ...facts, id: `id-${n}`, dedupe: `${n}` })),
    );
    expect(sent.some(({ duplicate }) => duplicate)).toBe(false);
    const got: number[] = [];
    for await (const message of queue.messages()) {
      if (got.length === 0) expect(message).toMatchObject({ ...facts, id: 'id-0', data: 0 });
      if (got.push(message.data) === numbers.length) break;
    }
    expect(got).toEqual(numbers);
  });

  it('may be of messages with other messages around them, some too large or too long', async () => {
    const queue = outside.queue<Uint8Array>(uniqueName('mixed'));
    const data = Buffer.alloc(1);
    const outcomes = await queue.sendBatch([
      { data },
      { data, dedupe: 'a' },
      { data, dedupe: 'a' },
      { data, dedupe: 'x'.repeat(1025) },
      { data: Buffer.alloc(5 << 20), dedupe: 'b' },
      { data: Buffer.alloc(5 << 20), dedupe: 'c' },
      { data: Buffer.alloc(13 << 20), dedupe: 'd' },
      { data, key: 'x'.repeat(20_000), dedupe: 'e' },
    ]);
    expect(outcomes.map(({ error, duplicate }) => error?.code ?? duplicate)).toEqual([
      ...[false, false, true, 'invalid-argument', false, false, 'message-too-large'],
      'invalid-argument',
    ]);
    expect((await queue.stats()).ready).toBe(4);
  });
});

it('shows more dead letters than the server shows in one answer', async () => {
  const name = uniqueName('many');
  const options = { deadLetter: `${name}-dead` };
  const queue = outside.queue<number>(name, options);
  await queue.ready();
  const items = Array.from({ length: 2_100 }, (_, n) => ({ data: n }));
  await outside.queue(options.deadLetter, { deadLetter: false }).sendBatch(items);
  const all = await queue.deadLetters.list({ limit: 5_000 });
  expect(all.map(({ data }) => data)).toEqual(items.map(({ data }) => data));
  expect(await queue.deadLetters.list({ limit: 1_500 })).toHaveLength(1_500);
  const last = await queue.deadLetters.list({ where: ({ data }) => data === 2_099 });
  expect(last.map(({ data }) => data)).toEqual([2_099]);
});

it('takes more calls at once than the server takes connections', async () => {
  const store = uniqueName('store');
  const events = eventStore(outside, store);
  const streams = Array.from({ length: 200 }, (_, n) => `stream-${n}`);
  await Promise.all(streams.map((stream) => events.append(stream, [{ type: 'T', data: 1 }])));
  const { eventLog } = outside.driver;
  const versions = await Promise.all(streams.map((stream) => eventLog!.version(store, stream)));
  expect(new Set(versions)).toEqual(new Set([1]));
});
