/**
 * Acceptance of the crossing of Redis Pub/Sub, MQTT and STOMP with AMQP and Kafka, with the libraries as they are: one
 * message each way, its trace header with it wherever the protocol has headers. The mapping is docs/reference/crossing.md.
 */
import { createRequire } from 'node:module';
import { type ChannelModel, type ConfirmChannel, type ConsumeMessage, connect } from 'amqplib';
import { Kafka, logLevel } from 'kafkajs';
import { connectAsync, type IPublishPacket, type MqttClient } from 'mqtt';
import { createClient } from 'redis';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { type Polymq, startPolymq } from '../support/polymq.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { uniqueName } from './peer.ts';

const TRACE = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

const POLL = { timeout: 20_000 };

/** stompit has no types of its own. */
interface StompMessage {
  headers: Record<string, string>;
  readString(encoding: 'utf-8', done: (error: Error | null, body: string) => void): void;
}
interface StompClient {
  subscribe(headers: object, onMessage: (error: Error | null, message: StompMessage) => void): void;
  send(headers: object, options?: { onReceipt?: () => void }): { end(body: string): void };
  destroy(): void;
}
const stompit = createRequire(import.meta.url)('stompit') as {
  connect(options: object, done: (error: Error | null, client: StompClient) => void): void;
};

let broker: Polymq;
let channel: ConfirmChannel;
let connection: ChannelModel;
const folder = temporaryFolder('polymq-live-crossing-');

beforeAll(async () => {
  broker = await startPolymq({ data: folder.path });
  connection = await connect(`amqp://guest:guest@127.0.0.1:${broker.port('amqp')}`);
  channel = await connection.createConfirmChannel();
});

afterAll(async () => {
  await connection?.close();
  await broker?.stop();
  folder.remove();
});

async function mqttClient(): Promise<MqttClient> {
  const url = `mqtt://127.0.0.1:${broker.port('mqtt')}`;
  const client = await connectAsync(url, { protocolVersion: 5 });
  onTestFinished(() => client.endAsync(true));
  return client;
}

interface MqttSeen {
  topic: string;
  text: string;
  packet: IPublishPacket;
}

async function mqttSubscriber(filter: string): Promise<MqttSeen[]> {
  const client = await mqttClient();
  const seen: MqttSeen[] = [];
  client.on('message', (topic, payload, packet) => {
    seen.push({ topic, text: payload.toString(), packet });
  });
  await client.subscribeAsync(filter, { qos: 1 });
  return seen;
}

async function redisClient(): Promise<ReturnType<typeof createClient>> {
  const client = createClient({ url: `redis://127.0.0.1:${broker.port('redis')}` });
  await client.connect();
  onTestFinished(() => client.destroy());
  return client as ReturnType<typeof createClient>;
}

async function stompClient(): Promise<StompClient> {
  const options = {
    host: '127.0.0.1',
    port: broker.port('stomp'),
    connectHeaders: { host: '/', login: 'guest', passcode: 'guest', 'heart-beat': '0,0' },
  };
  const client = await new Promise<StompClient>((resolve, reject) => {
    stompit.connect(options, (error, connected) => (error ? reject(error) : resolve(connected)));
  });
  onTestFinished(() => client.destroy());
  return client;
}

interface StompSeen {
  headers: Record<string, string>;
  body: string;
}

/** Resolves once the subscription is there. */
async function stompSubscriber(destination: string): Promise<StompSeen[]> {
  const client = await stompClient();
  const seen: StompSeen[] = [];
  client.subscribe({ destination, ack: 'auto' }, (error, message) => {
    if (error) return;
    message.readString('utf-8', (_failure, body) => {
      seen.push({ headers: { ...message.headers }, body });
    });
  });
  // Frames of a connection are handled in order, so the receipt of a later one says that it is there.
  await stompSend(client, '/queue/barrier', 'there');
  return seen;
}

function stompSend(
  client: StompClient,
  destination: string,
  body: string,
  headers: Record<string, string> = {},
): Promise<void> {
  return new Promise((resolve) => {
    client.send({ destination, ...headers }, { onReceipt: resolve }).end(body);
  });
}

async function queueOf(exchange: string, key: string): Promise<ConsumeMessage[]> {
  const { queue } = await channel.assertQueue(uniqueName('live'), { durable: true });
  await channel.bindQueue(queue, exchange, key);
  const seen: ConsumeMessage[] = [];
  await channel.consume(queue, (message) => message && seen.push(message), { noAck: true });
  return seen;
}

async function topicBoundTo(exchange: string, key: string): Promise<object[]> {
  const kafka = new Kafka({
    brokers: [`127.0.0.1:${broker.port('kafka')}`],
    logLevel: logLevel.NOTHING,
  });
  const topic = uniqueName('live');
  const admin = kafka.admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic, numPartitions: 1 }] });
  await admin.disconnect();
  await channel.bindQueue(topic, exchange, key);
  const records: object[] = [];
  const consumer = kafka.consumer({ groupId: uniqueName('live') });
  onTestFinished(() => consumer.disconnect());
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await consumer.run({
    eachMessage: async ({ message }) => {
      const { traceparent } = message.headers ?? {};
      records.push({ value: String(message.value), trace: traceparent && String(traceparent) });
    },
  });
  return records;
}

describe('what MQTT publishes', () => {
  test('reaches an AMQP queue bound to amq.topic, a STOMP subscriber and a Kafka topic, with its trace', async () => {
    const queued = await queueOf('amq.topic', 'orders.*');
    const stomp = await stompSubscriber('/topic/orders.created');
    const records = await topicBoundTo('amq.topic', 'orders.created');
    const subscribed = await mqttSubscriber('orders/+');
    const publisher = await mqttClient();
    await publisher.publishAsync('orders/created', 'order 1', {
      qos: 1,
      properties: {
        userProperties: { traceparent: TRACE },
        contentType: 'text/plain',
        responseTopic: 'answers/1',
        correlationData: Buffer.from('c-1'),
      },
    });
    const message = await onlyOne(queued);
    expect(message.content.toString()).toBe('order 1');
    expect(message.fields).toMatchObject({ exchange: 'amq.topic', routingKey: 'orders.created' });
    expect(message.properties).toMatchObject({
      headers: { traceparent: TRACE },
      contentType: 'text/plain',
      correlationId: 'c-1',
      replyTo: 'answers.1',
      deliveryMode: 2,
    });
    const frame = await onlyOne(stomp);
    expect(frame.body).toBe('order 1');
    expect(frame.headers).toMatchObject({
      destination: '/topic/orders.created',
      traceparent: TRACE,
      'content-type': 'text/plain',
      'correlation-id': 'c-1',
    });
    const mqtt = await onlyOne(subscribed);
    expect(mqtt.packet).toMatchObject({
      topic: 'orders/created',
      qos: 1,
      properties: { userProperties: { traceparent: TRACE }, responseTopic: 'answers/1' },
    });
    await expect.poll(() => records, POLL).toEqual([{ value: 'order 1', trace: TRACE }]);
  });
});

describe('what AMQP publishes', () => {
  test('reaches MQTT and STOMP subscribers of the topic, with its trace', async () => {
    const stomp = await stompSubscriber('/topic/from.amqp');
    const mqtt = await mqttSubscriber('from/#');
    channel.publish('amq.topic', 'from.amqp', Buffer.from('hello'), {
      persistent: true,
      contentType: 'text/plain',
      headers: { traceparent: TRACE },
    });
    const frame = await onlyOne(stomp);
    expect(frame).toMatchObject({ body: 'hello', headers: { traceparent: TRACE } });
    const seen = await onlyOne(mqtt);
    expect(seen).toMatchObject({ topic: 'from/amqp', text: 'hello' });
    expect(seen.packet).toMatchObject({
      qos: 1,
      properties: { userProperties: { traceparent: TRACE }, contentType: 'text/plain' },
    });
  });

  test('to the exchange redis reaches Redis subscribers of the channel', async () => {
    const subscriber = await redisClient();
    const seen: string[] = [];
    await subscriber.subscribe('from-amqp', (message) => seen.push(message));
    channel.publish('redis', 'from-amqp', Buffer.from('hello'), {
      headers: { traceparent: TRACE },
    });
    await expect.poll(() => seen, POLL).toEqual(['hello']);
  });
});

describe('what STOMP sends', () => {
  test('to a topic reaches AMQP and MQTT, with its trace', async () => {
    const queued = await queueOf('amq.topic', 'from.stomp.#');
    const mqtt = await mqttSubscriber('from/stomp/+');
    const client = await stompClient();
    const headers = { traceparent: TRACE, persistent: 'true', 'content-type': 'text/plain' };
    await stompSend(client, '/topic/from.stomp.1', 'hello', headers);
    const message = await onlyOne(queued);
    expect(message.content.toString()).toBe('hello');
    expect(message.properties).toMatchObject({
      headers: { traceparent: TRACE },
      contentType: 'text/plain',
      deliveryMode: 2,
    });
    const seen = await onlyOne(mqtt);
    expect(seen).toMatchObject({ topic: 'from/stomp/1', text: 'hello' });
    expect(seen.packet.properties?.userProperties).toMatchObject({ traceparent: TRACE });
  });
});

describe('what Redis publishes', () => {
  test('reaches an AMQP queue and a Kafka topic bound to the exchange redis, and stays there', async () => {
    const { queue } = await channel.assertQueue(uniqueName('redis'), { durable: true });
    await channel.bindQueue(queue, 'redis', 'news.*');
    const records = await topicBoundTo('redis', 'news.*');
    const subscriber = await redisClient();
    const seen: string[] = [];
    await subscriber.pSubscribe('news.*', (message) => seen.push(message));
    const publisher = await redisClient();
    // The subscriber, the queue and the topic.
    expect(await publisher.publish('news.today', 'hello')).toBe(3);
    expect(await publisher.publish('other', 'nobody')).toBe(0);
    const message = await channel.get(queue, { noAck: true });
    expect(message).toMatchObject({
      content: Buffer.from('hello'),
      fields: { exchange: 'redis', routingKey: 'news.today' },
    });
    await expect.poll(() => seen, POLL).toEqual(['hello']);
    await expect.poll(() => records, POLL).toEqual([{ value: 'hello', trace: undefined }]);
  });

  test('goes on to MQTT subscribers where the exchange is bound to amq.topic', async () => {
    await channel.bindExchange('amq.topic', 'redis', 'both.*');
    const mqtt = await mqttSubscriber('both/+');
    const publisher = await redisClient();
    await publisher.publish('both.worlds', 'hello');
    const seen = await onlyOne(mqtt);
    expect(seen).toMatchObject({ topic: 'both/worlds', text: 'hello' });
  });
});

/** The first one, once it is there; it must be the only one. */
async function onlyOne<T>(list: readonly T[]): Promise<T> {
  await expect.poll(() => list.length, POLL).toBe(1);
  return list[0]!;
}
