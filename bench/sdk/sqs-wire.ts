/**
 * The SDK over SQS beside the bare @aws-sdk/client-sqs, in the same run and against the same server: a PolyMQ of its own, or `TEST_SQS=http://HOST:PORT`.
 *
 *   npx tsx --conditions=@polymq/source bench/sdk/sqs-wire.ts [messages per round] [rounds]
 *
 * Both send bodies of about 100 bytes in batches of ten with as many requests in flight, and receive and delete in batches of ten. Rounds
 * alternate, so that both see the same moods of the machine; the medians are compared.
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
import { startPolymq } from '../../packages/polymq/test/support/polymq.ts';

const COUNT = Number(process.argv[2] ?? 5_000);
const ROUNDS = Number(process.argv[3] ?? 3);
/** Requests in flight of the bare client, as many as the driver has at most. */
const IN_FLIGHT = 16;
const POLLS = 8;
const PAYLOAD = { order: 'order-123', action: 'process', note: 'x'.repeat(60) };

interface Round {
  send: number;
  receive: number;
}

async function main(): Promise<void> {
  const given = process.env['TEST_SQS'];
  const server =
    given === undefined ? await startPolymq({ listen: ['aws://127.0.0.1:0'] }) : undefined;
  const endpoint = given ?? `http://127.0.0.1:${server!.port('aws')}`;
  const bare = new SQSClient({
    endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
  });
  const mq = await connect(endpoint);
  try {
    const rounds: { bare: Round; sdk: Round }[] = [];
    await bareRound(bare, 500);
    await sdkRound(mq, 500);
    for (let round = 0; round < ROUNDS; round++) {
      const both = { bare: await bareRound(bare, COUNT), sdk: await sdkRound(mq, COUNT) };
      rounds.push(both);
      process.stdout.write(`${JSON.stringify(both)}\n`);
    }
    report(rounds);
  } finally {
    await mq.close();
    bare.destroy();
    await server?.stop();
  }
}

async function bareRound(sqs: SQSClient, count: number): Promise<Round> {
  const created = await sqs.send(new CreateQueueCommand({ QueueName: `bare-${randomUUID()}` }));
  const QueueUrl = created.QueueUrl!;
  let sent = 0;
  const send = async (): Promise<void> => {
    while (sent < count) {
      sent += 10;
      const Entries = Array.from({ length: 10 }, (_, index) => ({
        Id: `${index}`,
        MessageBody: JSON.stringify(PAYLOAD),
        MessageAttributes: { id: { DataType: 'String', StringValue: randomUUID() } },
      }));
      await sqs.send(new SendMessageBatchCommand({ QueueUrl, Entries }));
    }
  };
  const sendRate = await rate(count, () => inParallel(IN_FLIGHT, send));
  let received = 0;
  const receive = async (): Promise<void> => {
    while (received < count) {
      const { Messages = [] } = await sqs.send(
        new ReceiveMessageCommand({
          QueueUrl,
          MaxNumberOfMessages: 10,
          WaitTimeSeconds: received === 0 ? 1 : 0,
          MessageAttributeNames: ['All'],
        }),
      );
      received += Messages.length;
      for (const { Body } of Messages) JSON.parse(Body ?? '');
      const Entries = Messages.map(({ ReceiptHandle }, index) => ({
        Id: `${index}`,
        ReceiptHandle,
      }));
      if (Entries.length > 0) await sqs.send(new DeleteMessageBatchCommand({ QueueUrl, Entries }));
    }
  };
  return { send: sendRate, receive: await rate(count, () => inParallel(POLLS, receive)) };
}

async function sdkRound(mq: Client, count: number): Promise<Round> {
  const queue = mq.queue<typeof PAYLOAD>(`sdk-${randomUUID()}`);
  await queue.ready();
  const batch = Array.from({ length: IN_FLIGHT * 10 }, () => ({ data: PAYLOAD }));
  let sent = 0;
  const send = async (): Promise<void> => {
    while (sent < count) {
      sent += batch.length;
      await queue.sendBatch(batch);
    }
  };
  const sendRate = await rate(count, () => inParallel(2, send));
  const receiveRate = await rate(count, async () => {
    let received = 0;
    let done: () => void = () => {};
    const all = new Promise<void>((resolve) => {
      done = resolve;
    });
    const consumer = queue.consume(
      () => {
        received += 1;
        if (received === count) done();
      },
      { concurrency: 80, prefetch: 80 },
    );
    await all;
    await consumer.close();
  });
  return { send: sendRate, receive: receiveRate };
}

/** Per second. */
async function rate(count: number, run: () => Promise<void>): Promise<number> {
  const startMs = performance.now();
  await run();
  return Math.round((count * 1000) / (performance.now() - startMs));
}

async function inParallel(lanes: number, run: () => Promise<void>): Promise<void> {
  await Promise.all(Array.from({ length: lanes }, run));
}

function report(rounds: readonly { bare: Round; sdk: Round }[]): void {
  for (const what of ['send', 'receive'] as const) {
    const bare = median(rounds.map((round) => round.bare[what]));
    const sdk = median(rounds.map((round) => round.sdk[what]));
    const share = Math.round((sdk / bare) * 100);
    process.stdout.write(`${what}: bare ${bare}/s, SDK ${sdk}/s, ${share} %\n`);
  }
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  process.exitCode = 1;
});
