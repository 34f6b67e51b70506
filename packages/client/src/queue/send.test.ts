import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { expect, test } from 'vitest';
import { createClient } from '../client/create-client.ts';
import { settled } from '../driver/testing/manual-clock.ts';
import { MemoryDriver, type MemoryDriverOptions } from '../driver/testing/memory-driver.ts';
import { PolymqError } from '../errors.ts';
import type { MessageContract } from '../message/contract.ts';
import type { Interceptor } from '../message/interceptor.ts';
import { rateLimit } from '../patterns/rate-limit/rate-limit.ts';

type Order = { n: number };

function setUp(options: MemoryDriverOptions = {}) {
  const driver = new MemoryDriver(options);
  const errors: unknown[] = [];
  const mq = createClient(driver, { onError: (error) => errors.push(error) });
  return { driver, clock: driver.clock, mq, errors, orders: mq.queue<Order>('orders') };
}

/** The kind `order`, whose `n` is a positive number; version 1 called it `count`. */
const OrderContract: MessageContract<Order> = {
  name: 'order',
  version: 2,
  encode(data) {
    if (!(data.n > 0)) throw new PolymqError('invalid-message', 'n must be positive');
    const headers = { 'polymq-version': '2' };
    return { body: Buffer.from(JSON.stringify(data)), contentType: 'application/json', headers };
  },
  decode({ body, headers }) {
    const data = JSON.parse(Buffer.from(body).toString()) as { n?: number; count?: number };
    const n = headers['polymq-version'] === '2' ? data.n : data.count;
    if (n === undefined || n <= 0) throw new PolymqError('invalid-message', 'n must be positive');
    return { n };
  },
};

test('a message has all that it was sent with', async () => {
  const { orders, clock } = setUp();
  await orders.send(
    { n: 1 },
    { id: 'x', key: 'k', type: 't', headers: { a: 'b' }, correlationId: 'c', replyTo: 'r' },
  );
  const message = await orders.receive();
  expect(message).toMatchObject({
    id: 'x',
    data: { n: 1 },
    key: 'k',
    type: 't',
    headers: { a: 'b' },
    correlationId: 'c',
    replyTo: 'r',
    timestamp: clock.nowMs(),
    retryCount: 0,
    redriven: 0,
    errors: [],
    source: 'orders',
    partition: undefined,
    offset: undefined,
  });
});

test('an id is made for a message that has none', async () => {
  const { orders } = setUp();
  const [one, two] = [await orders.send({ n: 1 }), await orders.send({ n: 2 })];
  expect(one.id).toMatch(/^[0-9a-f-]{36}$/);
  expect(two.id).not.toBe(one.id);
});

test('the dead-letter queue is declared before the queue, both once', async () => {
  const { orders, driver } = setUp();
  await Promise.all([orders.send({ n: 1 }), orders.send({ n: 2 }), orders.ready()]);
  expect(driver.calls.filter((call) => call.startsWith('declare'))).toEqual([
    'declare orders-dlq',
    'declare orders',
  ]);
});

test('a queue that exists already is not declared', async () => {
  const { mq, driver } = setUp();
  await mq.queue('theirs', { declare: false }).ready();
  expect(driver.calls).toEqual([]);
});

test('a declaration that failed for a moment is tried again by the next call', async () => {
  const { orders, driver } = setUp();
  driver.failures.declare = () => new PolymqError('disconnected', 'gone');
  await expect(orders.send({ n: 1 })).rejects.toMatchObject({ code: 'disconnected' });
  delete driver.failures.declare;
  await orders.send({ n: 1 });
});

test('a delayed message comes when it is due', async () => {
  const { orders, clock } = setUp();
  await orders.send({ n: 1 }, { delay: '5s' });
  expect(await orders.receive()).toBeUndefined();
  const waiting = orders.receive({ wait: '20s' });
  await clock.advance('5s');
  expect((await waiting)?.data.n).toBe(1);
});

test('the more important message comes first', async () => {
  const { orders } = setUp();
  await orders.send({ n: 1 });
  await orders.send({ n: 2 }, { priority: 5 });
  expect((await orders.receive())?.data.n).toBe(2);
});

test('a second message with the same dedupe is answered as a duplicate', async () => {
  const { orders } = setUp();
  expect((await orders.send({ n: 1 }, { dedupe: 'a' })).duplicate).toBe(false);
  expect((await orders.send({ n: 1 }, { dedupe: 'a' })).duplicate).toBe(true);
  expect((await orders.stats()).ready).toBe(1);
});

test('sendBatch answers per item, and the good ones are sent', async () => {
  const { mq } = setUp();
  const queue = mq.queue<unknown>('any', { limit: { messages: 2, overflow: 'reject' } });
  const outcomes = await queue.sendBatch([
    { data: 1, id: 'a', dedupe: 'x' },
    { data: { n: 1n }, id: 'b' },
    { data: 2, id: 'c', dedupe: 'x' },
    { data: 3, id: 'd' },
    { data: 4, id: 'e' },
  ]);
  expect(outcomes).toMatchObject([
    { id: 'a', duplicate: false },
    { id: 'b', error: { code: 'invalid-message' } },
    { id: 'c', duplicate: true },
    { id: 'd', duplicate: false },
    { id: 'e', error: { code: 'queue-full' } },
  ]);
  expect(await queue.sendBatch([])).toEqual([]);
});

test.each([
  ['delay', { delay: '1s' }],
  ['priority', { priority: 1 }],
  ['dedupe', { dedupe: 'x' }],
  ['ttl', { ttl: '1s' }],
] as const)(
  'an engine without %s refuses the option when it is sent',
  async (capability, options) => {
    const { orders } = setUp({ without: [capability] });
    await expect(orders.send({ n: 1 }, options)).rejects.toMatchObject({
      code: 'unsupported',
      engine: 'Memory',
      capability,
    });
  },
);

test.each([
  ['queue', {}],
  ['fifo', { fifo: true }],
  ['priority', { priorities: 3 }],
  ['ttl', { ttl: '1s' }],
  ['limit', { limit: { messages: 1, overflow: 'reject' } }],
  ['drop-lowest-priority', { limit: { messages: 1, overflow: 'drop-lowest-priority' } }],
  ['delay', { requires: ['delay'] }],
] as const)('an engine without %s refuses the queue that needs it', (capability, options) => {
  const mq = createClient(new MemoryDriver({ without: [capability] }));
  expect(() => mq.queue('q', options)).toThrow(
    expect.objectContaining({ code: 'unsupported', capability }),
  );
});

test.each([
  ['priority', { priority: 10 }],
  ['priority', { priority: 0.5 }],
  ['delay', { delay: -1 }],
  ['header', { headers: { a: 1 as unknown as string } }],
  ['polymq-attempts', { headers: { 'polymq-attempts': '9' } }],
  ['timeout', { timeout: 'soon' as never }],
])('a wrong %s is refused, and the error says what to do', async (name, options) => {
  const { orders } = setUp();
  await expect(orders.send({ n: 1 }, options)).rejects.toMatchObject({
    code: 'invalid-argument',
    message: expect.stringContaining(name),
  });
});

test.each([
  [{ retry: { max: -1 } }],
  [{ retry: { max: 1, jitter: 2 } }],
  [{ priorities: 256 }],
  [{ priorities: 2, fifo: true }],
  [{ limit: { overflow: 'reject' } }],
  [{ limit: { messages: 0, overflow: 'reject' } }],
  [{ deadLetter: 'q' }],
  [{ lease: 'long' as never }],
] as const)('queue options %j are refused', (options) => {
  const { mq } = setUp();
  expect(() => mq.queue('q', options)).toThrow(
    expect.objectContaining({ code: 'invalid-argument' }),
  );
});

test('the same name is the same queue; with other options it is an error', () => {
  const { mq } = setUp();
  const queue = mq.queue('q', { retry: { max: 1 } });
  expect(mq.queue('q', { retry: { max: 1 } })).toBe(queue);
  expect(mq.queue('q')).toBe(queue);
  expect(() => mq.queue('q', { retry: { max: 2 } })).toThrow(
    expect.objectContaining({ code: 'declared-otherwise' }),
  );
});

test('a received message is forwarded with its bytes, key, headers and type, and begins a new life', async () => {
  const { mq, orders, driver } = setUp();
  const body = Buffer.from('{ "n":1,   "more": true }');
  await orders.ready();
  await driver.send('orders', [
    {
      id: 'x',
      body,
      contentType: 'application/json',
      type: 't',
      headers: { a: 'b', 'polymq-attempts': '2', 'polymq-version': '3' },
      key: 'k',
      timestampMs: 1,
      correlationId: 'c',
    },
  ]);
  const message = await orders.receive();
  const next = mq.queue('next');
  const { id } = await next.send(message!, { headers: { c: 'd' } });
  const [{ message: forwarded }] = driver.queue('next').entries as [never] as unknown as [
    { message: object },
  ];
  expect(forwarded).toMatchObject({ body, key: 'k', type: 't', correlationId: 'c' });
  expect((forwarded as { headers: object }).headers).toEqual({
    a: 'b',
    c: 'd',
    'polymq-version': '3',
  });
  expect(id).not.toBe('x');
  expect((await next.receive())!.retryCount).toBe(0);
});

test('a full queue that blocks makes senders wait, in their order', async () => {
  const { mq, clock } = setUp();
  const queue = mq.queue<number>('small', { limit: { messages: 1, overflow: 'block' } });
  const sent: number[] = [];
  for (const n of [1, 2, 3]) void queue.send(n).then(() => sent.push(n));
  await settled();
  expect(sent).toEqual([1]);
  for (const n of [1, 2, 3]) {
    const message = await queue.receive({ wait: 0 });
    expect(message?.data).toBe(n);
    await message!.ack();
    await clock.advance('1s');
  }
  expect(sent).toEqual([1, 2, 3]);
});

test('a full queue that blocks ends the wait with a timeout', async () => {
  const { mq, clock } = setUp();
  const queue = mq.queue<number>('small', { limit: { messages: 1, overflow: 'block' } });
  await queue.send(1);
  const sending = expect(queue.send(2, { timeout: '2s' })).rejects.toMatchObject({
    code: 'timeout',
    retryable: true,
  });
  await clock.advance('3s');
  await sending;
});

test('who waits in line behind others gives up by its own timeout, and those behind it keep their order', async () => {
  const { mq, clock } = setUp();
  const queue = mq.queue<number>('small', { limit: { messages: 1, overflow: 'block' } });
  await queue.send(0);
  const ended: string[] = [];
  const sending = ([1, 2, 3] as const).map((n) =>
    queue.send(n, { timeout: n === 2 ? '500ms' : '4s' }).then(
      () => ended.push(`${n} sent`),
      (error: PolymqError) => ended.push(`${n} ${error.code}`),
    ),
  );
  await clock.advance('600ms');
  expect(ended).toEqual(['2 timeout']);
  for (const expected of [0, 1, 3]) {
    const message = (await queue.receive({ wait: 0 }))!;
    expect(message.data).toBe(expected);
    await message.ack();
    await clock.advance('500ms');
  }
  await Promise.all(sending);
  expect(ended).toEqual(['2 timeout', '1 sent', '3 sent']);
  expect(await queue.stats()).toMatchObject({ ready: 0 });
});

test('a timeout covers the wait in an interceptor, and what timed out there is not sent later', async () => {
  const driver = new MemoryDriver();
  const mq = createClient(driver);
  const interceptors = [rateLimit({ perSecond: 1, burst: 1, clock: driver.clock })];
  const queue = mq.queue<number>('q', { interceptors });
  await queue.send(1, { timeout: '500ms' });
  const late = expect(queue.send(2, { timeout: '500ms' })).rejects.toMatchObject({
    code: 'timeout',
    message: expect.stringContaining('it is not sent'),
  });
  await driver.clock.advance('500ms');
  await late;
  await driver.clock.advance('10s');
  expect(await queue.stats()).toMatchObject({ ready: 1 });
});

test('a send that is not answered in time is a timeout', async () => {
  const { driver, clock, orders } = setUp();
  await orders.ready();
  driver.send = () => new Promise(() => {});
  const sending = expect(orders.send({ n: 1 }, { timeout: '2s' })).rejects.toMatchObject({
    code: 'timeout',
  });
  await clock.advance('3s');
  await sending;
});

test('close waits for what is being sent', async () => {
  const { driver, orders, mq } = setUp();
  await orders.ready();
  let stored: () => void = () => {};
  driver.send = () =>
    new Promise((resolve) => {
      stored = () => resolve(undefined);
    });
  const sending = orders.send({ n: 1 });
  await settled();
  const closing = mq.close();
  await settled();
  expect(driver.closed).toBe(false);
  stored();
  await sending;
  await closing;
  expect(driver.closed).toBe(true);
});

test('a contract checks what is sent and brings what comes up to date', async () => {
  const { mq, driver } = setUp();
  const queue = mq.queue<Order>('q', { contract: OrderContract });
  await expect(queue.send({ n: -1 })).rejects.toMatchObject({ code: 'invalid-message' });
  await queue.send({ n: 7 });
  const message = await queue.receive();
  expect(message).toMatchObject({ type: 'order', data: { n: 7 } });
  const old = {
    id: 'o',
    body: Buffer.from('{"count":8}'),
    contentType: 'application/json',
    type: 'order',
    headers: { 'polymq-version': '1' },
    timestampMs: 1,
  };
  await driver.send('q', [old]);
  expect((await queue.receive())!.data).toEqual({ n: 8 });
});

test.each([
  ['of an unknown type', 'other', '{"n":1}', 'no contract for a message of type "other"'],
  ['without a type', undefined, '{"n":1}', 'no contract for a message without a type'],
  ['that is not valid', 'order', '{"n":0}', 'n must be positive'],
])(
  'a message %s is a dead letter with the reason, and the error is reported',
  async (_name, type, text, reason) => {
    const { mq, driver, errors } = setUp();
    const queue = mq.queue<Order>('q', { contract: OrderContract });
    await queue.ready();
    const headers = { 'polymq-version': '2' };
    await driver.send('q', [
      {
        id: 'o',
        body: Buffer.from(text),
        contentType: 'application/json',
        type,
        headers,
        timestampMs: 1,
      },
    ]);
    expect(await queue.receive()).toBeUndefined();
    const [letter] = await queue.deadLetters.list();
    expect(letter!.reason).toContain(reason);
    expect(letter!.data).toBeUndefined();
    expect(errors).toMatchObject([{ code: 'invalid-message' }]);
  },
);

test('with several contracts the type chooses', async () => {
  const { mq } = setUp();
  const Other: MessageContract<Order> = { ...OrderContract, name: 'other' };
  const queue = mq.queue<Order>('q', { contract: [OrderContract, Other] });
  await expect(queue.send({ n: 1 })).rejects.toMatchObject({
    message: expect.stringContaining('give `type`'),
  });
  await queue.send({ n: 1 }, { type: 'other' });
  expect((await queue.receive())!.type).toBe('other');
  expect(() => mq.queue('r', { contract: [OrderContract, OrderContract] })).toThrow(/same name/);
});

test('interceptors are asked in their order when a message leaves and backwards when one comes', async () => {
  const log: string[] = [];
  const interceptor = (name: string): Interceptor => ({
    name,
    outgoing: (message) => {
      log.push(`${name} out`);
      return { ...message, body: Buffer.from(`${name}(${Buffer.from(message.body).toString()})`) };
    },
    incoming: async (message) => {
      log.push(`${name} in`);
      const text = Buffer.from(message.body).toString();
      return { ...message, body: Buffer.from(text.slice(name.length + 1, -1)) };
    },
    send: async (messages, place, next) => {
      log.push(`${name} send ${messages.length} ${place.kind} ${place.name}`);
      return next();
    },
    process: async (message, _place, next) => {
      log.push(`${name} process ${(message.data as Order).n}`);
      await next();
      log.push(`${name} processed`);
    },
    settled: (_message, _place, outcome) => void log.push(`${name} ${outcome}`),
  });
  const { mq } = setUp();
  mq.use(interceptor('a'));
  const queue = mq.queue<Order>('q', { interceptors: [interceptor('b')] });
  await queue.send({ n: 1 });
  queue.consume(() => void log.push('handler'));
  await settled();
  expect(log).toEqual([
    'a out',
    'b out',
    'a send 1 queue q',
    'b send 1 queue q',
    'b in',
    'a in',
    'a process 1',
    'b process 1',
    'handler',
    'b processed',
    'a processed',
    'a ack',
    'b ack',
  ]);
});

test('what an interceptor cannot read is a dead letter; what it refuses to send is not sent', async () => {
  const { mq } = setUp();
  const failing: Interceptor = {
    name: 'x',
    incoming: () => {
      throw new PolymqError('decryption-failed', 'unknown key');
    },
    outgoing: (message) => {
      if (message.key === 'secret') throw new PolymqError('invalid-argument', 'no key');
      return message;
    },
  };
  const queue = mq.queue<Order>('q', { interceptors: [failing] });
  await expect(queue.send({ n: 1 }, { key: 'secret' })).rejects.toMatchObject({
    message: 'no key',
  });
  await queue.send({ n: 1 });
  expect(await queue.receive()).toBeUndefined();
  expect((await queue.deadLetters.list())[0]!.reason).toContain('unknown key');
});

test('reply goes to whoever waits, with the correlation id', async () => {
  const { orders, driver } = setUp();
  const replies: object[] = [];
  const { address } = await driver.requests.openReplies((reply) => replies.push(reply));
  await orders.send({ n: 1 }, { id: 'q1', replyTo: address });
  await (await orders.receive())!.reply({ ok: true });
  await settled();
  expect(replies).toMatchObject([{ correlationId: 'q1', body: Buffer.from('{"ok":true}') }]);
  await orders.send({ n: 2 });
  await expect((await orders.receive())!.reply(1)).rejects.toMatchObject({
    code: 'invalid-argument',
  });
});

test('tools can listen to what is sent, received and settled', async () => {
  const { orders } = setUp();
  const log: string[] = [];
  const listeners = ['send', 'receive', 'settle'].map((name) => {
    const listener = (event: unknown): void => {
      const { place, outcome } = event as { place: { name: string }; outcome?: string };
      log.push(`${name} ${place.name} ${outcome ?? ''}`.trim());
    };
    subscribe(`polymq:${name}`, listener);
    return () => unsubscribe(`polymq:${name}`, listener);
  });
  await orders.send({ n: 1 });
  await (await orders.receive())!.ack();
  for (const stop of listeners) stop();
  await orders.send({ n: 2 });
  expect(log).toEqual(['send orders', 'receive orders', 'settle orders ack']);
});

test('a received message is forwarded by a batch as by a send', async () => {
  const { mq, orders } = setUp();
  await orders.send({ n: 1 }, { key: 'k', headers: { a: 'b' }, type: 't' });
  const received = (await orders.receive())!;
  const next = mq.queue<Order>('next');
  await next.sendBatch([{ data: received, delay: 0 }, { data: { n: 2 } }]);
  const [forwarded, plain] = await next.receiveBatch({ max: 2 });
  expect(forwarded).toMatchObject({ data: { n: 1 }, key: 'k', headers: { a: 'b' }, type: 't' });
  expect(plain).toMatchObject({ data: { n: 2 }, key: undefined });
});

test.each(['effectively-once', { mode: 'effectively-once' }, 'sometimes', null])(
  'the delivery %j is refused when the queue is made, and the error says what there is',
  (delivery) => {
    const { mq } = setUp();
    expect(() => mq.queue('q', { delivery: delivery as never })).toThrow(
      expect.objectContaining({
        code: 'invalid-argument',
        message: expect.stringContaining("{ mode: 'effectively-once', once }"),
      }),
    );
  },
);
