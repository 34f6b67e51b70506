/**
 * A worker of a pool, as a program of its own: `sqs-worker.ts ENDPOINT QUEUE_URL [hang]`.
 * It takes up to five messages at a time and says on standard output what it does; with `hang` it never finishes.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { SQS } from '@aws-sdk/client-sqs';

const [endpoint, queueUrl, mode] = process.argv.slice(2);
if (endpoint === undefined || queueUrl === undefined)
  throw new Error('sqs-worker.ts ENDPOINT QUEUE_URL [hang]');

const sqs = new SQS({
  endpoint,
  region: 'eu-central-1',
  credentials: { accessKeyId: 'worker', secretAccessKey: 'secret' },
});
process.stdout.write('waiting for tasks\n');
for (;;) {
  const { Messages = [] } = await sqs.receiveMessage({
    QueueUrl: queueUrl,
    MaxNumberOfMessages: 5,
    WaitTimeSeconds: 10,
    VisibilityTimeout: 3,
  });
  for (const { Body } of Messages) process.stdout.write(`started ${Body}\n`);
  if (mode === 'hang') {
    if (Messages.length > 0) await sleep(60_000);
    continue;
  }
  for (const { Body, ReceiptHandle } of Messages) {
    await sleep(2);
    await sqs.deleteMessage({ QueueUrl: queueUrl, ReceiptHandle });
    process.stdout.write(`finished ${Body}\n`);
  }
}
