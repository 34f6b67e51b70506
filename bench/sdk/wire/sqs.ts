/**
 * Sent in batches of ten, received and deleted in batches of ten, with as many requests in flight: @aws-sdk/client-sqs, and the client
 * on it.
 */
import { randomUUID } from 'node:crypto';
import {
  CreateQueueCommand,
  DeleteMessageBatchCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { type Client, connect } from '@polymq/client';
import { startPolymq } from '../../../packages/polymq/test/support/polymq.ts';
import { type Contest, countdown, perSecond, type Rates } from './contest.ts';

const COUNT = 8_000;
/** Requests in flight, as many as the driver has at most. */
const SENDERS = 16;
const POLLS = 8;
const PAYLOAD = { order: 'order-123', action: 'process', note: 'x'.repeat(60) };

export const SQS: readonly Contest[] = [
  {
    wire: 'sqs',
    broker: 'PolyMQ',
    async start() {
      const server = await startPolymq({ listen: ['aws://127.0.0.1:0'] });
      const endpoint = `http://127.0.0.1:${server.port('aws')}`;
      const credentials = { accessKeyId: 'a', secretAccessKey: 'b' };
      const client = new SQSClient({ endpoint, region: 'us-east-1', credentials });
      const mq = await connect(endpoint);
      return {
        bare: () => bare(client),
        sdk: () => sdk(mq),
        async stop() {
          await mq.close();
          client.destroy();
          await server.stop();
        },
      };
    },
  },
];

async function bare(sqs: SQSClient): Promise<Rates> {
  const created = await sqs.send(new CreateQueueCommand({ QueueName: `bare-${randomUUID()}` }));
  const QueueUrl = created.QueueUrl!;
  let sent = 0;
  const sender = async (): Promise<void> => {
    while (sent < COUNT) {
      sent += 10;
      await sqs.send(new SendMessageBatchCommand({ QueueUrl, Entries: tenEntries() }));
    }
  };
  const send = await perSecond(COUNT, () => inParallel(SENDERS, sender));
  let received = 0;
  const receiver = async (): Promise<void> => {
    while (received < COUNT) {
      const count = await receiveTen(sqs, QueueUrl);
      received += count;
    }
  };
  const receive = await perSecond(COUNT, () => inParallel(POLLS, receiver));
  return { send, receive };
}

function tenEntries() {
  return Array.from({ length: 10 }, (_, index) => ({
    Id: `${index}`,
    MessageBody: JSON.stringify(PAYLOAD),
    MessageAttributes: { id: { DataType: 'String', StringValue: randomUUID() } },
  }));
}

async function receiveTen(sqs: SQSClient, QueueUrl: string): Promise<number> {
  const { Messages = [] } = await sqs.send(
    new ReceiveMessageCommand({
      QueueUrl,
      MaxNumberOfMessages: 10,
      MessageAttributeNames: ['All'],
    }),
  );
  if (Messages.length === 0) return 0;
  for (const { Body } of Messages) JSON.parse(Body ?? '');
  const Entries = Messages.map(({ ReceiptHandle }, index) => ({ Id: `${index}`, ReceiptHandle }));
  await sqs.send(new DeleteMessageBatchCommand({ QueueUrl, Entries }));
  return Messages.length;
}

async function sdk(mq: Client): Promise<Rates> {
  const queue = mq.queue<typeof PAYLOAD>(`sdk-${randomUUID()}`);
  await queue.ready();
  const batch = Array.from({ length: SENDERS * 10 }, () => ({ data: PAYLOAD }));
  let sent = 0;
  const sender = async (): Promise<void> => {
    while (sent < COUNT) {
      sent += batch.length;
      await queue.sendBatch(batch);
    }
  };
  const send = await perSecond(COUNT, () => inParallel(2, sender));
  const { arrive, done } = countdown(COUNT);
  let consumer: { close(): Promise<void> } | undefined;
  const receive = await perSecond(COUNT, () => {
    consumer = queue.consume(arrive, { concurrency: POLLS * 10, prefetch: POLLS * 10 });
    return done;
  });
  await consumer?.close();
  return { send, receive };
}

async function inParallel(lanes: number, run: () => Promise<void>): Promise<void> {
  await Promise.all(Array.from({ length: lanes }, run));
}
