/**
 * What one protocol's clients publish, the other's receive: kafkajs and amqplib on one broker, unmodified. The table of
 * what becomes what is docs/reference/crossing.md.
 */
import type { ConfirmChannel } from 'amqplib';
import type { Kafka } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePort } from '../support/apache-kafka.ts';
import { type Polymq, startPolymq } from '../support/polymq.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { AMQP_PEER_IS_POLYMQ, type AmqpPeer } from './amqp-peer.ts';
import { collect as consume, openConfirmChannel, text, untilReady } from './amqplib-client.ts';
import { kafkaJs, newTopic, readAll, sendAll } from './kafkajs-client.ts';
import { eventually, PEER_KIND, uniqueName } from './peer.ts';

// RabbitMQ and Apache Kafka share no messages: only a broker that speaks both protocols can be asked.
const OURS = AMQP_PEER_IS_POLYMQ && PEER_KIND === 'polymq';
const FIRST = { 'x-stream-offset': 'first' };

/** Both listeners of one broker, the same after a restart. */
class TwoProtocols {
  readonly folder = temporaryFolder('polymq-crossing-');
  readonly amqpPort: number;
  readonly kafkaPort: number;
  #broker: Polymq | undefined;

  private constructor(amqpPort: number, kafkaPort: number) {
    this.amqpPort = amqpPort;
    this.kafkaPort = kafkaPort;
  }

  static async start(): Promise<TwoProtocols> {
    const both = new TwoProtocols(await freePort(), await freePort());
    await both.#start();
    return both;
  }

  async #start(): Promise<void> {
    const { amqpPort, kafkaPort } = this;
    const listen = [`kafka://127.0.0.1:${kafkaPort}`, `amqp://127.0.0.1:${amqpPort}`];
    this.#broker = await startPolymq({ data: this.folder.path, listen });
  }

  async crashAndRestart(): Promise<void> {
    await this.#broker!.kill9();
    await this.#start();
  }

  async stop(): Promise<void> {
    if (this.#broker?.running) await this.#broker.stop();
    this.folder.remove();
  }

  get amqp(): AmqpPeer {
    const { amqpPort: port } = this;
    return {
      url: `amqp://guest:guest@127.0.0.1:${port}`,
      host: '127.0.0.1',
      port,
      crashAndRestart: () => this.crashAndRestart(),
      stop: () => this.stop(),
    };
  }
}

let both: TwoProtocols;
let kafka: Kafka;

beforeAll(async () => {
  if (!OURS) return;
  both = await TwoProtocols.start();
  kafka = kafkaJs({ address: `127.0.0.1:${both.kafkaPort}` } as Parameters<typeof kafkaJs>[0]);
});
afterAll(() => both?.stop());

/** A durable queue that gets the records of a stream. */
async function boundQueue(
  channel: ConfirmChannel,
  topic: string,
  args: Record<string, unknown> = {},
): Promise<string> {
  const { queue } = await channel.assertQueue(uniqueName('from-kafka'), { durable: true });
  await channel.bindQueue(queue, `stream:${topic}`, '', args);
  return queue;
}

/** A fan-out exchange that publishes into a stream. */
async function exchangeInto(channel: ConfirmChannel, topic: string): Promise<string> {
  const { exchange } = await channel.assertExchange(uniqueName('to-kafka'), 'fanout');
  await channel.bindQueue(topic, exchange, '');
  return exchange;
}

const confirmed = (channel: ConfirmChannel): Promise<void> => channel.waitForConfirms();

// What crosses between protocols exists here only.
describe.skipIf(!OURS)('from Kafka to AMQP', () => {
  test('a record of a stream bound to a queue is consumed and acknowledged once', async () => {
    const topic = await newTopic(kafka, 'orders');
    const channel = await openConfirmChannel(both.amqp);
    const queue = await boundQueue(channel, topic);
    const timestamp = '1700000000123';
    await sendAll(kafka, topic, [
      {
        key: 'order-1',
        value: JSON.stringify({ amount: 100 }),
        headers: { trace: 'abc', raw: Buffer.of(0xff, 0) },
        timestamp,
      },
    ]);
    const collector = await consume(channel, queue);
    const [message] = await collector.waitFor(1);
    expect(JSON.parse(text(message!))).toEqual({ amount: 100 });
    expect(message!.fields).toMatchObject({
      exchange: `stream:${topic}`,
      routingKey: 'order-1',
      redelivered: false,
    });
    expect(message!.properties.headers).toMatchObject({ trace: 'abc', raw: Buffer.of(0xff, 0) });
    expect(message!.properties.timestamp).toBe(Math.floor(Number(timestamp) / 1000));
    expect(message!.properties.deliveryMode).toBe(2);
    channel.ack(message!);
    await channel.cancel(collector.consumerTag);
    // Acknowledged: not in the queue, and the cursor does not come back to it.
    expect(await channel.checkQueue(queue)).toMatchObject({ messageCount: 0, consumerCount: 0 });
    expect(collector.messages).toHaveLength(1);
  });

  test('compressed batches, null keys and null values arrive', async () => {
    const topic = await newTopic(kafka, 'gzip');
    const channel = await openConfirmChannel(both.amqp);
    const queue = await boundQueue(channel, topic);
    await sendAll(
      kafka,
      topic,
      [
        { key: null, value: 'v' },
        { key: 'gone', value: null },
      ],
      {
        compression: 1,
      },
    );
    const [first, second] = await (await consume(channel, queue)).waitFor(2);
    expect([first!.fields.routingKey, text(first!)]).toEqual(['', 'v']);
    expect([second!.fields.routingKey, text(second!)]).toEqual(['gone', '']);
    expect(second!.properties.headers).toMatchObject({ 'polymq-null-value': true });
  });

  test('a binding starts at the beginning of the stream where it is told to', async () => {
    const topic = await newTopic(kafka, 'old');
    await sendAll(kafka, topic, [{ value: 'before' }]);
    const channel = await openConfirmChannel(both.amqp);
    const [all, later] = [
      await boundQueue(channel, topic, FIRST),
      await boundQueue(channel, topic),
    ];
    await sendAll(kafka, topic, [{ value: 'after' }]);
    await untilReady(channel, all, 2);
    await untilReady(channel, later, 1);
  });

  test('an unbound stream gives no more', async () => {
    const topic = await newTopic(kafka, 'unbound');
    const channel = await openConfirmChannel(both.amqp);
    const queue = await boundQueue(channel, topic);
    const other = await boundQueue(channel, topic);
    await channel.unbindQueue(queue, `stream:${topic}`, '');
    await sendAll(kafka, topic, [{ value: 'v' }]);
    await untilReady(channel, other, 1);
    expect(await channel.checkQueue(queue)).toMatchObject({ messageCount: 0 });
  });

  test('a topic is consumed as a stream queue', async () => {
    const topic = await newTopic(kafka, 'stream');
    await sendAll(kafka, topic, [{ key: 'k', value: 'v', headers: { h: 'x' } }]);
    const channel = await openConfirmChannel(both.amqp);
    await channel.prefetch(10);
    const collector = await consume(channel, topic, { arguments: FIRST });
    const [message] = await collector.waitFor(1);
    expect([message!.fields.routingKey, text(message!)]).toEqual(['k', 'v']);
    expect(message!.properties.headers).toMatchObject({ h: 'x', 'x-stream-offset': 0 });
    channel.ack(message!);
  });
});

// What crosses between protocols exists here only.
describe.skipIf(!OURS)('from AMQP to Kafka', () => {
  test('a message published to an exchange bound to a stream is read by a group', async () => {
    const topic = await newTopic(kafka, 'events');
    const channel = await openConfirmChannel(both.amqp);
    const exchange = await exchangeInto(channel, topic);
    channel.publish(exchange, 'user.created', Buffer.from('{"id":7}'), {
      headers: { trace: 'abc', retries: 3, nested: { a: [1, 'b'] } },
      contentType: 'application/json',
      correlationId: 'c-1',
      persistent: true,
      timestamp: 1_700_000_000,
    });
    await confirmed(channel);
    const [received] = await readAll(kafka, topic, 1, { groupId: uniqueName('group') });
    const { key, value, headers, timestamp } = received!.message;
    expect([key?.toString(), value?.toString()]).toEqual(['user.created', '{"id":7}']);
    expect(timestamp).toBe('1700000000000');
    expect(Object.fromEntries(Object.entries(headers!).map(([k, v]) => [k, String(v)]))).toEqual({
      trace: 'abc',
      retries: '3',
      nested: '{"a":[1,"b"]}',
      'polymq-header-types': '{"retries":"number","nested":"json"}',
      'polymq-exchange': exchange,
      'polymq-content-type': 'application/json',
      'polymq-correlation-id': 'c-1',
    });
  });

  test('a message published to a stream queue by name is a record without a key', async () => {
    const channel = await openConfirmChannel(both.amqp);
    const topic = uniqueName('declared-by-amqp');
    await channel.assertQueue(topic, { arguments: { 'x-queue-type': 'stream' } });
    channel.sendToQueue(topic, Buffer.from('v'));
    await confirmed(channel);
    const [received] = await readAll(kafka, topic, 1);
    expect([received!.message.key, received!.message.value?.toString()]).toEqual([null, 'v']);
  });

  test('keys choose the partitions that kafkajs chooses', async () => {
    const topic = await newTopic(kafka, 'keys', 5);
    const channel = await openConfirmChannel(both.amqp);
    const exchange = await exchangeInto(channel, topic);
    const keys = Array.from({ length: 20 }, (_, index) => `key-${index}`);
    for (const key of keys) channel.publish(exchange, key, Buffer.from('amqp'));
    await confirmed(channel);
    await sendAll(
      kafka,
      topic,
      keys.map((key) => ({ key, value: 'kafka' })),
    );
    const partitions = new Map<string, Set<number>>();
    for (const { partition, message } of await readAll(kafka, topic, 40)) {
      const key = String(message.key);
      partitions.set(key, (partitions.get(key) ?? new Set()).add(partition));
    }
    expect(partitions.size).toBe(20);
    expect(new Set([...partitions.values()].flatMap((set) => [...set])).size).toBe(5);
    expect([...partitions.values()].every((set) => set.size === 1)).toBe(true);
  });

  test('a message is not confirmed when its stream does not take it', async () => {
    const topic = await newTopic(kafka, 'small', 1, [{ name: 'max.message.bytes', value: '500' }]);
    const channel = await openConfirmChannel(both.amqp);
    const exchange = await exchangeInto(channel, topic);
    const publish = (bytes: number): Promise<unknown> =>
      new Promise((resolve) => {
        channel.publish(exchange, 'k', Buffer.alloc(bytes), {}, (error) => resolve(error));
      });
    expect(await publish(100)).toBeNull();
    expect(await publish(1000)).toBeInstanceOf(Error);
  });
});

// What crosses between protocols exists here only.
describe.skipIf(!OURS)('both ways', () => {
  test('a message comes back from a stream as it was', async () => {
    const topic = await newTopic(kafka, 'there-and-back');
    const channel = await openConfirmChannel(both.amqp);
    const exchange = await exchangeInto(channel, topic);
    const queue = await boundQueue(channel, topic);
    const sent = {
      headers: { n: 1.5, yes: true, none: null, list: [1, { a: 'b' }], text: 'ü' },
      contentType: 'text/plain',
      contentEncoding: 'utf-8',
      correlationId: 'c',
      replyTo: 'r',
      messageId: 'm',
      timestamp: 1_700_000_000,
      type: 't',
      userId: 'guest',
      appId: 'a',
      priority: 4,
      deliveryMode: 2,
    };
    channel.publish(exchange, 'the.key', Buffer.from('body'), sent);
    await confirmed(channel);
    const [message] = await (await consume(channel, queue)).waitFor(1);
    expect(message!.fields).toMatchObject({ exchange, routingKey: 'the.key' });
    expect(message!.properties).toMatchObject(sent);
    expect(text(message!)).toBe('body');
  });

  test('nothing is lost or doubled over kill -9 while records flow into a queue', async () => {
    const topic = await newTopic(kafka, 'crash', 3);
    const setUp = await openConfirmChannel(both.amqp);
    const count = 40_000;
    const values = Array.from({ length: count }, (_, index) => ({ value: `${index}`.padEnd(200) }));
    for (let at = 0; at < count; at += 10_000) {
      await sendAll(kafka, topic, values.slice(at, at + 10_000));
    }
    // The cursor has all of them before it when it starts.
    const queue = await boundQueue(setUp, topic, FIRST);
    await both.crashAndRestart();
    await sendAll(kafka, topic, [{ value: 'last' }]);
    const channel = await openConfirmChannel(both.amqp);
    await eventually(
      'the queue has everything',
      async () => (await channel.checkQueue(queue)).messageCount >= count + 1 || undefined,
      30_000,
    );
    await channel.prefetch(1000);
    const seen = new Map<string, number>();
    await channel.consume(queue, (message) => {
      const body = text(message!).trim();
      seen.set(body, (seen.get(body) ?? 0) + 1);
      channel.ack(message!);
    });
    await eventually('all messages came', () => seen.size > count || undefined, 30_000);
    expect([...seen.values()].filter((times) => times !== 1)).toEqual([]);
    expect(await channel.checkQueue(queue)).toMatchObject({ messageCount: 0 });
  });
});
