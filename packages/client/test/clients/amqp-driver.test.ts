/** What the contract of drivers does not ask: how messages look to other clients of AMQP, what errors say, and brokers that die. */
import amqplib from 'amqplib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createClient } from '../../src/client/create-client.ts';
import type { Driver, OpenDriver, QueueSpec } from '../../src/driver/driver.ts';
import { delayLevelMs } from '../../src/drivers/amqp/delays.ts';
import { open as openAmqp } from '../../src/drivers/amqp/index.ts';
import { DELAY_PREFIX, dueQueue, serviceQueue } from '../../src/drivers/amqp/names.ts';
import { open as openPolymq } from '../../src/drivers/polymq/index.ts';
import { systemClock } from '../../src/lib/clock.ts';
import type { Delivery, OutgoingMessage } from '../../src/message/wire-message.ts';
import { service } from '../../src/patterns/service/service.ts';
import { eventually, inTime, uniqueName } from '../contract/stage.ts';
import {
  type Engine,
  rabbitmqMissing,
  startPolymqEngine,
  startRabbitmqEngine,
} from '../support/engines.ts';

function spec(name: string, more: Partial<QueueSpec> = {}): QueueSpec {
  return { name, durable: true, fifo: false, priorityMax: 9, leaseMs: 30_000, ...more };
}

function text(id: string, more: Partial<OutgoingMessage> = {}): OutgoingMessage {
  const body = Buffer.from(id);
  return { id, body, contentType: 'text/plain', headers: {}, timestampMs: Date.now(), ...more };
}

function openDriver<Options>(
  open: OpenDriver<Options | undefined>,
  url: string,
  states: string[] = [],
  timeoutMs = 20_000,
): Promise<Driver> {
  return open(new URL(url), undefined, {
    clock: systemClock,
    timeoutMs,
    clientName: 'test',
    onConnection: (state) => void states.push(state),
  });
}

const errorOf = (promise: Promise<unknown>): Promise<{ code: string; message: string }> =>
  promise.then(
    () => {
      throw new Error('it was not refused');
    },
    (error: { code: string; message: string }) => error,
  );

// Skipped without RabbitMQ: Debian's package rabbitmq-server.
describe.skipIf(rabbitmqMissing() !== undefined)('the AMQP driver on RabbitMQ', () => {
  let rabbitmq: Engine;
  let driver: Driver;
  let url: string;

  beforeAll(async () => {
    rabbitmq = await startRabbitmqEngine();
    url = `amqp://guest:guest@127.0.0.1:${rabbitmq.port('amqp')}`;
    driver = await openDriver(openAmqp, url);
  });

  afterAll(async () => {
    await driver?.close();
    await rabbitmq?.stop();
  });

  async function declared(more: Partial<QueueSpec> = {}): Promise<string> {
    const name = uniqueName('queue');
    await driver.queues!.declareQueue(spec(name, more));
    return name;
  }

  async function take(queue: string): Promise<Delivery> {
    const [delivery] = await driver.queues!.receive(queue, {
      max: 1,
      waitMs: 20_000,
      leaseMs: 30_000,
    });
    if (delivery === undefined) throw new Error('nothing came');
    return delivery;
  }

  it('writes the properties of AMQP', async () => {
    const queue = await declared();
    const timestampMs = 1_700_000_000_123;
    await driver.queues!.send(queue, [
      text('an-id', {
        type: 'T',
        key: 'k',
        headers: { mine: 'yes' },
        correlationId: 'c',
        replyTo: 'r',
        priority: 4,
        ttlMs: 60_000,
        timestampMs,
      }),
    ]);
    const connection = await amqplib.connect(url);
    const channel = await connection.createChannel();
    const message = await channel.get(queue, { noAck: true });
    await connection.close();
    if (message === false) throw new Error('nothing came');
    expect(message.properties).toMatchObject({
      messageId: 'an-id',
      contentType: 'text/plain',
      type: 'T',
      correlationId: 'c',
      replyTo: 'r',
      priority: 4,
      expiration: '60000',
      deliveryMode: 2,
      timestamp: 1_700_000_000,
      headers: { mine: 'yes', 'polymq-key': 'k' },
    });
  });

  it('shows headers of others as text, whatever they hold', async () => {
    const queue = await declared();
    const connection = await amqplib.connect(url);
    const channel = await connection.createConfirmChannel();
    channel.sendToQueue(queue, Buffer.from('hello'), {
      headers: {
        number: 5,
        big: 2 ** 40,
        half: 0.5,
        yes: true,
        nothing: null,
        list: [1, 'two'],
        table: { a: 1 },
        bytes: Buffer.from('bytes'),
        raw: Buffer.from([0xff]),
        time: { '!': 'timestamp', value: 1_700_000_000 },
      },
    });
    await channel.waitForConfirms();
    await connection.close();
    const delivery = await take(queue);
    expect(delivery.headers).toEqual({
      number: '5',
      big: '1099511627776',
      half: '0.5',
      yes: 'true',
      nothing: '',
      list: '[1,"two"]',
      table: '{"a":1}',
      bytes: 'bytes',
      raw: '/w==',
      time: '2023-11-14T22:13:20.000Z',
    });
    expect(delivery).toMatchObject({ contentType: '', type: undefined, key: undefined });
    expect(delivery.id).not.toBe('');
    await driver.queues!.ack(delivery);
  });

  it('says of what expired where, why and when', async () => {
    const letters = await declared();
    const queue = await declared({ deadLetter: letters });
    const sentMs = Date.now();
    await driver.queues!.send(queue, [text('stale', { ttlMs: 30 })]);
    const { headers } = await take(letters);
    expect(headers['polymq-dead-queue']).toBe(queue);
    expect(headers['polymq-dead-reason']).toMatch(/expired/);
    expect(Number(headers['polymq-dead-at'])).toBeGreaterThanOrEqual(sentMs);
  });

  it('says what differs when a queue was declared otherwise', async () => {
    const queue = await declared({ priorityMax: 9 });
    const error = await errorOf(driver.queues!.declareQueue(spec(queue, { priorityMax: 5 })));
    expect(error.code).toBe('declared-otherwise');
    expect(error.message).toContain('x-max-priority is 9, not 5');
  });

  it('refuses to send to, receive from, look into and bind what is not there', async () => {
    const queues = driver.queues!;
    const request = { max: 1, waitMs: 0, leaseMs: 1000 };
    const calls: (() => Promise<unknown>)[] = [
      () => queues.send('nowhere', [text('a')]),
      () => queues.send('nowhere', [text('a'), text('b')]),
      () => queues.receive('nowhere', request),
      () => queues.peek('nowhere', 1),
      () => queues.queueStats('nowhere'),
      () => driver.topics!.bindQueue!('nowhere', 'nowhere'),
      () => driver.topics!.publish('nowhere', [text('a')]),
    ];
    for (const call of calls) expect((await errorOf(call())).code).toBe('not-found');
    const queue = await declared();
    await queues.send(queue, [text('still works')]);
    expect((await take(queue)).id).toBe('still works');
  });

  it('refuses what does not fit into AMQP, alone', async () => {
    const queue = await declared();
    const long = 'x'.repeat(300);
    const outcomes = await driver.queues!.send(queue, [
      text('first'),
      text(long),
      text('cc', { headers: { CC: 'elsewhere' } }),
      text('last'),
    ]);
    const codes = outcomes?.map((outcome) => ('error' in outcome ? outcome.error.code : 'stored'));
    expect(codes).toEqual(['stored', 'invalid-argument', 'invalid-argument', 'stored']);
    expect([(await take(queue)).id, (await take(queue)).id]).toEqual(['first', 'last']);
  });

  it('tells at once that credentials or virtual hosts are wrong', async () => {
    const wrong = new URL(url);
    wrong.password = 'wrong';
    expect((await errorOf(openDriver(openAmqp, wrong.href))).code).toBe('access-refused');
    const host = await errorOf(openDriver(openAmqp, `${url}/nowhere`));
    expect(host.code).toBe('access-refused');
  });

  it('gives up after its time when nobody listens', async () => {
    const error = await errorOf(openDriver(openAmqp, 'amqp://127.0.0.1:1', [], 300));
    expect(error.code).toBe('disconnected');
    expect(error.message).toContain('127.0.0.1:1');
  });

  it('counts a redelivery once, and none for a look or what nobody has touched', async () => {
    const queue = await declared();
    const queues = driver.queues!;
    await queues.send(queue, [text('a')]);
    await queues.peek(queue, 5);
    const first = await take(queue);
    expect(first.redeliveries).toBe(0);
    await queues.release(first, 0, true);
    const second = await take(queue);
    expect(second.redeliveries).toBe(0);
    await queues.release(second, 0);
    const third = await take(queue);
    expect(third.redeliveries).toBe(1);
    await queues.ack(third);
  });

  it('leaves nothing behind in receivers that stop waiting', async () => {
    const queue = await declared();
    const got: string[] = [];
    let sending = true;
    const receivers = Array.from({ length: 4 }, async (_, index) => {
      while (sending || got.length < 200) {
        const request = { max: 3, waitMs: 1 + index, leaseMs: 1000 };
        for (const delivery of await driver.queues!.receive(queue, request)) {
          got.push(delivery.id);
          await driver.queues!.ack(delivery);
        }
      }
    });
    for (let n = 0; n < 200; n += 1) await driver.queues!.send(queue, [text(`${n}`)]);
    sending = false;
    await inTime('all messages', Promise.all(receivers));
    expect(new Set(got).size).toBe(200);
    expect(got.length).toBe(200);
  });

  it('refuses a delay together with a time to live, which RabbitMQ would apply to the delay', async () => {
    const queue = await declared();
    const sent = driver.queues!.send(queue, [text('a', { delayMs: 100, ttlMs: 100 })]);
    expect((await errorOf(sent)).code).toBe('unsupported');
  });

  it('serves again when the queue of a service was deleted', async () => {
    const own = await openDriver(openAmqp, url);
    const errors: unknown[] = [];
    const mq = createClient(own, { onError: (error) => errors.push(error) });
    const name = uniqueName('service');
    const echo = service(mq, name).handle('echo', (data) => data);
    await echo.ready();
    expect(await echo.request('echo', 1)).toBe(1);
    await driver.queues!.deleteQueue(serviceQueue(name));
    await eventually('it serves again', () =>
      echo.request('echo', 2).then(
        (answer) => answer === 2,
        ({ code }: { code: string }) => code !== 'no-responder',
      ),
    );
    expect(errors).toMatchObject([{ code: 'not-found' }]);
    await mq.close();
  });

  it('keeps what comes out of a delay until its full queue has room', async () => {
    await keepsDelayedForFullQueue(driver, async () => {
      const delays = `${DELAY_PREFIX}${delayLevelMs(DELAY_MS)}`;
      const stats = await driver.queues!.queueStats(delays);
      return stats.ready === 0;
    });
  });

  it('sends a request nobody serves back at once', async () => {
    const requests = driver.requests!;
    const { address } = await requests.openReplies(() => undefined);
    expect(await requests.request('nobody', text('q', { replyTo: address }))).toBe('no-responder');
  });

  it('ends subscriptions of a queue that is deleted', async () => {
    const queue = await declared();
    const ended = new Promise<{ code: string }>((resolve) => {
      const sink = { deliver: () => {}, lost: () => {}, ended: resolve };
      void driver.queues!.subscribeQueue(queue, { prefetch: 1, leaseMs: 1000 }, sink);
    });
    await eventually('it consumes', async () => {
      return (await driver.queues!.queueStats(queue)).consumers === 1;
    });
    await driver.queues!.deleteQueue(queue);
    expect((await inTime('the end', ended)).code).toBe('not-found');
  });
});

const DELAY_MS = 300;

async function keepsDelayedForFullQueue(
  { queues }: Driver,
  isOver: () => Promise<boolean>,
): Promise<void> {
  const queue = uniqueName('limited');
  const limit = { messages: 1, overflow: 'reject' } as const;
  await queues!.declareQueue(spec(queue, { priorityMax: 0, limit }));
  const take = async (): Promise<Delivery> => {
    const [taken] = await queues!.receive(queue, { max: 1, waitMs: 20_000, leaseMs: 30_000 });
    if (taken === undefined) throw new Error('nothing came');
    return taken;
  };
  await queues!.send(queue, [text('failed')]);
  const failed = await take();
  await queues!.send(queue, [text('other')]);
  await queues!.move(failed, queue, text('failed', { headers: { n: '1' }, delayMs: DELAY_MS }));
  await eventually('its time has come', isOver);
  await new Promise((resolve) => setTimeout(resolve, 300));
  const other = await take();
  expect(other.id).toBe('other');
  await queues!.ack(other);
  const again = await take();
  expect(again).toMatchObject({ id: 'failed', headers: { n: '1' }, redeliveries: 0 });
  await queues!.ack(again);
  await queues!.deleteQueue(queue);
  expect(await errorOf(queues!.queueStats(dueQueue(queue)))).toMatchObject({ code: 'not-found' });
}

describe('the driver of a PolyMQ server that is killed', () => {
  it('loses nothing that was confirmed, and goes on by itself', async () => {
    const broker = await startPolymqEngine(['amqp', 'kafka', 'http']);
    const ports = ['amqp', 'kafka', 'http'].map((name) => `${name}=${broker.port(name)}`);
    const states: string[] = [];
    const driver = await openDriver(openPolymq, `polymq://127.0.0.1?${ports.join('&')}`, states);
    try {
      const queues = driver.queues!;
      const queue = uniqueName('queue');
      await queues.declareQueue(spec(queue));
      const [seen, lost] = [new Set<string>(), [] as Delivery[]];
      await queues.subscribeQueue(
        queue,
        { prefetch: 50, leaseMs: 30_000 },
        {
          deliver: (deliveries) => {
            for (const delivery of deliveries) {
              seen.add(delivery.id);
              // Some stay open, so that there is something to lose.
              if (Number(delivery.id) % 10 !== 0) queues.ack(delivery)?.catch(() => undefined);
            }
          },
          lost: (deliveries) => void lost.push(...deliveries),
          ended: () => undefined,
        },
      );
      const confirmed: string[] = [];
      const sends: Promise<void>[] = [];
      const send = (n: number): Promise<void> =>
        queues.send(queue, [text(`${n}`)]).then(
          () => void confirmed.push(`${n}`),
          (error: { retryable: boolean }) => expect(error.retryable).toBe(true),
        );
      for (let n = 1; n <= 100; n += 1) sends.push(send(n));
      await Promise.all(sends);
      const killed = broker.kill!();
      for (let n = 101; n <= 200; n += 1) sends.push(send(n));
      await killed;
      await inTime('the sends', Promise.all(sends));
      expect(confirmed.length).toBeGreaterThanOrEqual(100);
      await eventually('all that was confirmed has come', () =>
        confirmed.every((id) => seen.has(id)),
      );
      await eventually('it is back', () => states.includes('back'));
      expect(states).toEqual(['lost', 'back']);
      expect(lost.length).toBeGreaterThan(0);
      const late = await errorOf(Promise.resolve(queues.ack(lost[0]!)));
      expect(late.code).toBe('lease-lost');
    } finally {
      await driver.close();
      await broker.stop();
    }
  });

  it('keeps what comes out of a delay until its full queue has room', async () => {
    const broker = await startPolymqEngine(['amqp']);
    const driver = await openDriver(openAmqp, `amqp://127.0.0.1:${broker.port('amqp')}`);
    try {
      const endMs = Date.now() + 2 * DELAY_MS;
      await keepsDelayedForFullQueue(driver, async () => Date.now() > endMs);
    } finally {
      await driver.close();
      await broker.stop();
    }
  });

  it('looks into queues without any effect', async () => {
    const broker = await startPolymqEngine(['amqp', 'http']);
    const url = `polymq://127.0.0.1?amqp=${broker.port('amqp')}&http=${broker.port('http')}`;
    const driver = await openDriver(openPolymq, url);
    try {
      const queues = driver.queues!;
      await queues.declareQueue(spec('dead'));
      await queues.declareQueue(spec('q', { deadLetter: 'dead' }));
      const sentMs = Date.now();
      await queues.send('q', [
        text('3', { ttlMs: 1 }),
        text('1', { key: 'k', headers: { a: 'b' }, type: 'T', timestampMs: sentMs }),
        text('2', { delayMs: 60_000 }),
      ]);
      await eventually('one has expired', async () => (await queues.peek('dead', 1)).length === 1);
      const [letter] = await queues.peek('dead', 1);
      expect(letter?.headers).toMatchObject({ 'polymq-dead-queue': 'q' });
      const peeked = await queues.peek('q', 10);
      expect(peeked).toMatchObject([
        { id: '1', key: 'k', headers: { a: 'b' }, type: 'T', timestampMs: sentMs },
      ]);
      expect(Buffer.from(peeked[0]!.body).toString()).toBe('1');
      expect(await queues.queueStats('q')).toMatchObject({ ready: 1, leased: 0, consumers: 0 });
      const [delivery] = await queues.receive('q', { max: 1, waitMs: 0, leaseMs: 1000 });
      expect(delivery).toMatchObject({ id: '1', redeliveries: 0 });
      expect(await queues.queueStats('q')).toMatchObject({ ready: 0, leased: 1 });
    } finally {
      await driver.close();
      await broker.stop();
    }
  });
});
