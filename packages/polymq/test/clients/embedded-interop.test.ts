/** One embedded broker, and programs of other protocols that reach it by listeners: each reads what the others have written. */
import {
  CreateQueueCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { type ChannelModel, connect } from 'amqplib';
import { type EmbeddedClient, embed } from 'polymq';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

let mq: EmbeddedClient;
let amqp: ChannelModel;
let sqs: SQSClient;

beforeAll(async () => {
  mq = await embed({ data: 'memory:', listen: ['amqp://127.0.0.1:0', 'aws://127.0.0.1:0'] });
  const { port } = mq.broker.listener('amqp');
  amqp = await connect(`amqp://127.0.0.1:${port}`);
  sqs = new SQSClient({
    endpoint: `http://127.0.0.1:${mq.broker.listener('aws').port}`,
    region: 'us-east-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  });
});

afterAll(async () => {
  sqs.destroy();
  await amqp.close();
  await mq.close();
});

describe('an embedded queue', () => {
  it('shows AMQP clients what the SDK sent', async () => {
    const queue = mq.queue('to-amqp', { retry: false });
    await queue.send(
      { n: 1 },
      { id: 'm1', key: 'k', type: 'order', priority: 4, correlationId: 'c', headers: { a: 'ä' } },
    );
    const channel = await amqp.createChannel();
    const message = await channel.get('to-amqp', { noAck: true });
    if (message === false) throw new Error('nothing came');
    expect(JSON.parse(message.content.toString())).toEqual({ n: 1 });
    expect(message.properties).toMatchObject({
      messageId: 'm1',
      contentType: 'application/json',
      type: 'order',
      priority: 4,
      correlationId: 'c',
      deliveryMode: 2,
    });
    expect(message.properties.headers).toMatchObject({ a: 'ä', 'polymq-key': 'k' });
    await channel.close();
  });

  it('brings the SDK what AMQP clients published', async () => {
    const queue = mq.queue('from-amqp');
    await queue.ready();
    const channel = await amqp.createConfirmChannel();
    const headers = { a: 'text', count: 3, 'polymq-key': 'k' };
    const properties = { contentType: 'application/json', messageId: 'm2', type: 'order', headers };
    channel.sendToQueue('from-amqp', Buffer.from('{"n":2}'), { ...properties, replyTo: 'back' });
    await channel.waitForConfirms();
    const message = await queue.receive({ wait: '5s' });
    expect(message).toMatchObject({ id: 'm2', data: { n: 2 }, type: 'order', key: 'k' });
    expect(message).toMatchObject({ headers: { a: 'text', count: '3' }, replyTo: 'back' });
    await message!.ack();
    await channel.close();
  });

  it('is a queue of SQS, too, in both directions', async () => {
    const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: 'both' }));
    const queue = mq.queue('both', { declare: false });
    await queue.send({ n: 3 });
    const received = await sqs.send(new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 5 }));
    expect(received.Messages?.[0]?.Body).toBe('{"n":3}');
    await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: '{"n":4}' }));
    expect((await queue.receive({ wait: '5s' }))?.data).toEqual({ n: 4 });
  });
});
