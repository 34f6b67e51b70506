/**
 * An SQS queue is an AMQP queue, an SNS topic is an exchange: what one protocol sends, the other receives. The table of what
 * becomes what is docs/reference/crossing.md.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AmqpPeer } from './amqp-peer.ts';
import { AMQP_PEER_IS_POLYMQ } from './amqp-peer.ts';
import {
  collect,
  drain,
  openChannel,
  openConfirmChannel,
  text,
  untilReady,
} from './amqplib-client.ts';
import {
  arnOf,
  attributesOf,
  bodiesOf,
  drainQueue,
  newFifoQueue,
  newQueue,
  receive,
  receiveUntil,
  release,
  snsClient,
  sqsClient,
} from './aws-client.ts';
import { AWS_PEER_IS_POLYMQ, type AwsPeer, startAwsPeer } from './aws-peer.ts';
import { kafkaJs, newTopic, readAll } from './kafkajs-client.ts';
import { eventually, uniqueName } from './peer.ts';

// No other broker speaks both.
const OURS = AWS_PEER_IS_POLYMQ && AMQP_PEER_IS_POLYMQ;

let peer: AwsPeer;
let amqp: AmqpPeer;

beforeAll(async () => {
  if (!OURS) return;
  peer = await startAwsPeer();
  const { host, amqpPort: port } = peer;
  const url = `amqp://guest:guest@${host}:${port}`;
  amqp = { url, host, port, crashAndRestart: peer.crashAndRestart, stop: peer.stop };
});
afterAll(() => peer?.stop());

const nameOf = (queueUrl: string): string => queueUrl.split('/').at(-1)!;

// What crosses between protocols exists here only.
describe.skipIf(!OURS)('from SQS to AMQP', () => {
  test('a message with its attributes is consumed with headers', async () => {
    const sqs = sqsClient(peer);
    const queue = await newQueue(sqs);
    const { MessageId } = await sqs.sendMessage({
      QueueUrl: queue,
      MessageBody: 'hello ü',
      MessageAttributes: {
        trace: { DataType: 'String', StringValue: 'abc' },
        retries: { DataType: 'Number', StringValue: '3' },
        raw: { DataType: 'Binary', BinaryValue: Buffer.of(0, 255) },
        price: { DataType: 'Number.float', StringValue: '1.5' },
      },
    });
    const channel = await openChannel(amqp);
    const [message] = await (await collect(channel, nameOf(queue))).waitFor(1);
    expect(text(message!)).toBe('hello ü');
    expect(message!.properties.messageId).toBe(MessageId);
    expect(message!.properties.headers).toMatchObject({
      trace: 'abc',
      retries: 3,
      raw: Buffer.of(0, 255),
      price: 1.5,
      'aws-type-price': 'Number.float',
    });
    // With a consumer it is in flight; acknowledged it is gone.
    expect(await attributesOf(sqs, queue)).toMatchObject({
      ApproximateNumberOfMessages: '0',
      ApproximateNumberOfMessagesNotVisible: '1',
    });
    channel.ack(message!);
    await eventually('it is gone', async () => {
      const { ApproximateNumberOfMessagesNotVisible } = await attributesOf(sqs, queue);
      return ApproximateNumberOfMessagesNotVisible === '0' || undefined;
    });
  });

  test('a topic reaches AMQP queues that are bound to it as an exchange', async () => {
    const sns = snsClient(peer);
    const name = uniqueName('topic');
    const { TopicArn } = await sns.createTopic({ Name: name });
    const channel = await openChannel(amqp);
    const { queue } = await channel.assertQueue('', { exclusive: true });
    await channel.bindQueue(queue, name, '');
    const collector = await collect(channel, queue, { noAck: true });
    await sns.publish({
      TopicArn,
      Message: 'published',
      MessageAttributes: { kind: { DataType: 'String', StringValue: 'order' } },
    });
    const [message] = await collector.waitFor(1);
    expect(text(message!)).toBe('published');
    expect(message!.fields.exchange).toBe(name);
    expect(message!.properties.headers).toMatchObject({ kind: 'order', 'aws-topic-arn': TopicArn });
    await sns.deleteTopic({ TopicArn });
  });

  test('a topic is subscribed to by queues and exchanges of AMQP and topics of Kafka', async () => {
    const sns = snsClient(peer);
    const { TopicArn } = await sns.createTopic({ Name: uniqueName('topic') });
    const kafka = kafkaJs({ address: `127.0.0.1:${peer.kafkaPort}` } as Parameters<
      typeof kafkaJs
    >[0]);
    const stream = await newTopic(kafka, 'events');
    const channel = await openChannel(amqp);
    const { queue } = await channel.assertQueue(uniqueName('subscribed'));
    const { exchange } = await channel.assertExchange(uniqueName('exchange'), 'headers');
    const { queue: behind } = await channel.assertQueue(uniqueName('behind'));
    await channel.bindQueue(behind, exchange, '', { kind: 'order' });
    const subscribe = (Protocol: string, Endpoint: string, FilterPolicy?: string) =>
      sns.subscribe({
        TopicArn,
        Protocol,
        Endpoint,
        Attributes: FilterPolicy === undefined ? {} : { FilterPolicy },
      });
    await subscribe('kafka', stream);
    await subscribe('amqp', queue, '{"kind":["order"]}');
    await subscribe('amqp', `exchange:${exchange}`);
    for (const kind of ['invoice', 'order']) {
      const MessageAttributes = { kind: { DataType: 'String', StringValue: kind } };
      await sns.publish({ TopicArn, Message: kind, MessageAttributes });
    }
    const records = await readAll(kafka, stream, 2);
    expect(records.map(({ message }) => String(message.value))).toEqual(['invoice', 'order']);
    expect(String(records[0]!.message.headers!['kind'])).toBe('invoice');
    await untilReady(channel, queue, 1);
    await untilReady(channel, behind, 1);
    expect((await drain(channel, queue)).map(text)).toEqual(['order']);
    expect((await drain(channel, behind)).map(text)).toEqual(['order']);
    await sns.deleteTopic({ TopicArn });
  });

  test('groups of a FIFO queue hold for AMQP consumers too', async () => {
    const sqs = sqsClient(peer);
    const queue = await newFifoQueue(sqs, { ContentBasedDeduplication: 'true' });
    for (const [MessageBody, MessageGroupId] of [
      ['a1', 'a'],
      ['a2', 'a'],
      ['b1', 'b'],
    ]) {
      await sqs.sendMessage({ QueueUrl: queue, MessageBody, MessageGroupId });
    }
    const held = await receive(sqs, queue, { MaxNumberOfMessages: 1 });
    expect(bodiesOf(held)).toEqual(['a1']);
    const channel = await openChannel(amqp);
    const collector = await collect(channel, nameOf(queue));
    const [first] = await collector.waitFor(1);
    expect(text(first!)).toBe('b1');
    expect(first!.properties.headers).toMatchObject({ 'aws-message-group-id': 'b' });
    await sqs.deleteMessage({ QueueUrl: queue, ReceiptHandle: held[0]!.ReceiptHandle });
    expect((await collector.waitFor(2)).map(text)).toEqual(['b1', 'a2']);
  });
});

// What crosses between protocols exists here only.
describe.skipIf(!OURS)('from AMQP to SQS', () => {
  test('a message with headers is received with attributes', async () => {
    const sqs = sqsClient(peer);
    const queue = await newQueue(sqs);
    const channel = await openConfirmChannel(amqp);
    channel.sendToQueue(nameOf(queue), Buffer.from('{"a":1}'), {
      persistent: true,
      contentType: 'application/json',
      correlationId: 'c-1',
      headers: { trace: 'abc', retries: 3, raw: Buffer.of(0, 255), nested: { a: [1] } },
    });
    await channel.waitForConfirms();
    const [message] = await receiveUntil(sqs, queue, 1);
    expect(message!.Body).toBe('{"a":1}');
    const { raw, ...attributes } = message!.MessageAttributes!;
    expect(attributes).toMatchObject({
      trace: { DataType: 'String', StringValue: 'abc' },
      retries: { DataType: 'Number', StringValue: '3' },
      nested: { DataType: 'String', StringValue: '{"a":[1]}' },
      contentType: { DataType: 'String', StringValue: 'application/json' },
      correlationId: { DataType: 'String', StringValue: 'c-1' },
    });
    expect(Buffer.from(raw!.BinaryValue!)).toEqual(Buffer.of(0, 255));
    await release(sqs, queue, message!);
    const [again] = await receiveUntil(sqs, queue, 1);
    expect(again!.MessageId).toBe(message!.MessageId);
    await sqs.deleteMessage({ QueueUrl: queue, ReceiptHandle: again!.ReceiptHandle });
    expect(await channel.checkQueue(nameOf(queue))).toMatchObject({ messageCount: 0 });
  });

  test('bytes that are no text come as base64 and say so', async () => {
    const sqs = sqsClient(peer);
    const queue = await newQueue(sqs);
    const channel = await openConfirmChannel(amqp);
    channel.sendToQueue(nameOf(queue), Buffer.of(0xff, 0xfe, 0));
    await channel.waitForConfirms();
    const [message] = await receiveUntil(sqs, queue, 1);
    expect(message!.Body).toBe(Buffer.of(0xff, 0xfe, 0).toString('base64'));
    expect(message!.MessageAttributes).toMatchObject({
      'polymq-body-encoding': { DataType: 'String', StringValue: 'base64' },
    });
  });

  test('a queue declared over AMQP is listed, described and used over SQS', async () => {
    const sqs = sqsClient(peer);
    const name = uniqueName('declared');
    const channel = await openConfirmChannel(amqp);
    await channel.assertQueue(name, { durable: true });
    const { QueueUrl } = await sqs.getQueueUrl({ QueueName: name });
    expect((await sqs.listQueues({ QueueNamePrefix: name })).QueueUrls).toEqual([QueueUrl]);
    expect(await attributesOf(sqs, QueueUrl!)).toMatchObject({ VisibilityTimeout: '30' });
    await sqs.sendMessage({ QueueUrl, MessageBody: 'over SQS' });
    const message = await eventually(
      'it is there',
      async () => (await channel.get(name)) || undefined,
    );
    expect(text(message)).toBe('over SQS');
    await sqs.deleteQueue({ QueueUrl });
  });

  test('a poll that waits gets what AMQP publishes', async () => {
    const sqs = sqsClient(peer);
    const queue = await newQueue(sqs);
    const polling = receive(sqs, queue, { WaitTimeSeconds: 20 });
    await new Promise((resolve) => setTimeout(resolve, 300));
    const channel = await openConfirmChannel(amqp);
    channel.sendToQueue(nameOf(queue), Buffer.from('now'));
    expect(bodiesOf(await polling)).toEqual(['now']);
  });

  test('a message published to the exchange of a topic comes in an envelope, filtered by its headers', async () => {
    const sqs = sqsClient(peer);
    const sns = snsClient(peer);
    const name = uniqueName('topic');
    const { TopicArn } = await sns.createTopic({ Name: name });
    const subscribed = async (Attributes: Record<string, string>) => {
      const queue = await newQueue(sqs);
      await sns.subscribe({
        TopicArn,
        Protocol: 'sqs',
        Endpoint: await arnOf(sqs, queue),
        Attributes,
      });
      return queue;
    };
    const enveloped = await subscribed({});
    const filtered = await subscribed({
      RawMessageDelivery: 'true',
      FilterPolicy: '{"kind":["order"]}',
    });
    const channel = await openConfirmChannel(amqp);
    for (const kind of ['invoice', 'order']) {
      channel.publish(name, 'key', Buffer.from(kind), { headers: { kind }, persistent: true });
    }
    await channel.waitForConfirms();
    const all = await drainQueue(sqs, enveloped, 2);
    expect(all.map(({ Body }) => JSON.parse(Body!).Message)).toEqual(['invoice', 'order']);
    expect(JSON.parse(all[0]!.Body!)).toMatchObject({
      Type: 'Notification',
      TopicArn,
      MessageAttributes: { kind: { Type: 'String', Value: 'invoice' } },
    });
    expect(bodiesOf(await drainQueue(sqs, filtered, 1))).toEqual(['order']);
    await sns.deleteTopic({ TopicArn });
  });
});

// What crosses between protocols exists here only.
describe.skipIf(!OURS)('dead letters', () => {
  test('what AMQP consumers reject is dead for SQS too', async () => {
    const sqs = sqsClient(peer);
    const dead = await newQueue(sqs);
    const queue = await newQueue(sqs, {
      RedrivePolicy: JSON.stringify({
        deadLetterTargetArn: await arnOf(sqs, dead),
        maxReceiveCount: 5,
      }),
    });
    await sqs.sendMessage({ QueueUrl: queue, MessageBody: 'rejected' });
    const channel = await openChannel(amqp);
    const [message] = await (await collect(channel, nameOf(queue))).waitFor(1);
    channel.reject(message!, false);
    const [letter] = await receiveUntil(sqs, dead, 1);
    expect(letter).toMatchObject({
      Body: 'rejected',
      Attributes: { DeadLetterQueueSourceArn: await arnOf(sqs, queue) },
    });
  });
});
