/** Queues and topics of one load, made before and deleted afterwards. */
import { AwsClient, element } from '../../packages/polymq/test/support/aws-client.ts';
import type { Target } from '../lib/targets.ts';

let made = 0;

export interface Topology {
  readonly queueUrls: readonly string[];
  /** If the load publishes. */
  readonly topicArn: string;
}

export async function makeTopology(
  client: AwsClient,
  what: { queues: number; fifo: boolean; topic: boolean },
): Promise<Topology> {
  const suffix = what.fifo ? '.fifo' : '';
  const attributes = what.fifo ? { Attributes: { FifoQueue: 'true' } } : {};
  const names = Array.from({ length: what.queues }, () => {
    made += 1;
    return `bench-${process.pid}-${made}${suffix}`;
  });
  const queueUrls: string[] = [];
  for (const QueueName of names) {
    const { QueueUrl } = await client.sqs<{ QueueUrl: string }>('CreateQueue', {
      QueueName,
      ...attributes,
    });
    queueUrls.push(QueueUrl);
  }
  if (!what.topic) return { queueUrls, topicArn: '' };
  const topicArn = element(await client.sns('CreateTopic', { Name: names[0]! }), 'TopicArn')!;
  for (const queueUrl of queueUrls) await subscribe(client, topicArn, queueUrl);
  return { queueUrls, topicArn };
}

export async function deleteTopology(client: AwsClient, topology: Topology): Promise<void> {
  if (topology.topicArn !== '') await client.sns('DeleteTopic', { TopicArn: topology.topicArn });
  for (const QueueUrl of topology.queueUrls) await client.sqs('DeleteQueue', { QueueUrl });
}

/** Messages that a queue says it has. */
export async function messageCount(client: AwsClient, QueueUrl: string): Promise<number> {
  const answer = await client.sqs<{ Attributes?: Record<string, string> }>('GetQueueAttributes', {
    QueueUrl,
    AttributeNames: ['ApproximateNumberOfMessages'],
  });
  return Number(answer.Attributes?.['ApproximateNumberOfMessages']);
}

export function connectTo({ host, port }: Target): Promise<AwsClient> {
  return AwsClient.connect({ host, port });
}

async function subscribe(client: AwsClient, TopicArn: string, QueueUrl: string): Promise<void> {
  const { Attributes } = await client.sqs<{ Attributes: Record<string, string> }>(
    'GetQueueAttributes',
    { QueueUrl, AttributeNames: ['QueueArn'] },
  );
  const Endpoint = Attributes['QueueArn']!;
  await client.sns('Subscribe', { TopicArn, Protocol: 'sqs', Endpoint });
}
