/** Takes everything out of the queues, into the history; also what is in flight, once its visibility has ended. */
import type { QueueHistory } from '../../../checker/queue-history.ts';
import { AwsClient } from '../../../support/aws-client.ts';
import { decodeValue } from '../values.ts';
import { ALL_QUEUES, queueUrl } from './topology.ts';

/** How long a queue that says it has more may give nothing: longer than messages were taken for. */
const QUIET_MS_MAX = 15_000;
const COUNTS = [
  'ApproximateNumberOfMessages',
  'ApproximateNumberOfMessagesNotVisible',
  'ApproximateNumberOfMessagesDelayed',
];

/** Resolves with the problems that there were. */
export async function drainQueues(port: number, history: QueueHistory): Promise<string[]> {
  const client = await AwsClient.connect({ port });
  const problems: string[] = [];
  for (const queue of ALL_QUEUES) {
    const values: string[] = [];
    const QueueUrl = queueUrl(client, queue);
    let quietSince = performance.now();
    while (performance.now() - quietSince < QUIET_MS_MAX) {
      const some = await receive(client, QueueUrl);
      for (const { Body, ReceiptHandle } of some) {
        values.push(decodeValue(Body));
        await client.sqs('DeleteMessage', { QueueUrl, ReceiptHandle });
      }
      if (some.length > 0) quietSince = performance.now();
      else if ((await countOf(client, QueueUrl)) === 0) break;
    }
    const left = await countOf(client, QueueUrl);
    if (left !== 0) problems.push(`${queue} still says that it has ${left} messages`);
    history.drained({ queue, values, redelivered: values.map(() => true) });
  }
  client.destroy();
  return problems;
}

async function receive(client: AwsClient, QueueUrl: string) {
  const { Messages } = await client.sqs<{ Messages?: { Body: string; ReceiptHandle: string }[] }>(
    'ReceiveMessage',
    { QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 1, VisibilityTimeout: 600 },
  );
  return Messages ?? [];
}

async function countOf(client: AwsClient, QueueUrl: string): Promise<number> {
  const { Attributes = {} } = await client.sqs<{ Attributes?: Record<string, string> }>(
    'GetQueueAttributes',
    { QueueUrl, AttributeNames: COUNTS },
  );
  return COUNTS.reduce((sum, name) => sum + Number(Attributes[name] ?? 0), 0);
}
