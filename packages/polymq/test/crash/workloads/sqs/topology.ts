/** The queues and topics of the workload, and where a message goes. */
import type { QueueHistory } from '../../../checker/queue-history.ts';
import type { AwsClient } from '../../../support/aws-client.ts';

/** Where producers send to: a queue, or a topic that many queues subscribe to. */
export interface Route {
  queue?: string;
  topic?: string;
  /** All that a message must reach. */
  queues: readonly string[];
}

/** Received from while the broker is killed. */
export const WORK_QUEUES = ['crash-work', 'crash-fan-1', 'crash-fan-2'] as const;
export const FIFO_QUEUES = ['crash-work.fifo', 'crash-fan.fifo'] as const;
/** Not looked at before the end. */
export const KEPT_QUEUE = 'crash-kept';
const KEPT_FIFO_QUEUE = 'crash-kept.fifo';
/** Its messages are received and never deleted, so that they move to the other one. */
export const POISON_QUEUE = 'crash-poison';
const DEAD_QUEUE = 'crash-dead';
const RECEIVES_MAX = 3;

const TOPIC = 'crash-topic';
const FIFO_TOPIC = 'crash-topic.fifo';

export const ROUTES: readonly Route[] = [
  { queue: 'crash-work', queues: ['crash-work'] },
  { queue: KEPT_QUEUE, queues: [KEPT_QUEUE] },
  { queue: POISON_QUEUE, queues: [POISON_QUEUE] },
  { topic: TOPIC, queues: ['crash-fan-1', 'crash-fan-2'] },
];
export const FIFO_ROUTES: readonly Route[] = [
  { queue: 'crash-work.fifo', queues: ['crash-work.fifo'] },
  { queue: KEPT_FIFO_QUEUE, queues: [KEPT_FIFO_QUEUE] },
  { topic: FIFO_TOPIC, queues: ['crash-fan.fifo'] },
];

export const ALL_QUEUES: readonly string[] = [
  ...WORK_QUEUES,
  ...FIFO_QUEUES,
  KEPT_QUEUE,
  KEPT_FIFO_QUEUE,
  POISON_QUEUE,
  DEAD_QUEUE,
];

const ARN_OF_QUEUE = 'arn:aws:sqs:us-east-1:000000000000:';
const ARN_OF_TOPIC = 'arn:aws:sns:us-east-1:000000000000:';

export function queueUrl(client: AwsClient, queue: string): string {
  return `http://${client.host}/000000000000/${queue}`;
}

export function topicArn(topic: string): string {
  return `${ARN_OF_TOPIC}${topic}`;
}

export async function makeTopology(client: AwsClient, history: QueueHistory): Promise<void> {
  // The dead-letter queue first: queues that name it need it.
  for (const QueueName of [...ALL_QUEUES].reverse()) {
    await client.sqs('CreateQueue', { QueueName, Attributes: attributesOf(QueueName) });
    history.declared(QueueName, QueueName === POISON_QUEUE ? DEAD_QUEUE : undefined);
  }
  for (const { topic, queues } of [...ROUTES, ...FIFO_ROUTES]) {
    if (topic === undefined) continue;
    const fifo = topic.endsWith('.fifo');
    const attributes = fifo
      ? { 'Attributes.entry.1.key': 'FifoTopic', 'Attributes.entry.1.value': 'true' }
      : {};
    await client.sns('CreateTopic', { Name: topic, ...attributes });
    for (const queue of queues) {
      await client.sns('Subscribe', {
        TopicArn: topicArn(topic),
        Protocol: 'sqs',
        Endpoint: `${ARN_OF_QUEUE}${queue}`,
        // Bodies then are what was published.
        'Attributes.entry.1.key': 'RawMessageDelivery',
        'Attributes.entry.1.value': 'true',
      });
    }
  }
}

/** What is missing of queues and subscriptions. */
export async function missingOf(client: AwsClient): Promise<string[]> {
  const missing: string[] = [];
  for (const QueueName of ALL_QUEUES) {
    try {
      const QueueUrl = queueUrl(client, QueueName);
      const { Attributes } = await client.sqs<{ Attributes: Record<string, string> }>(
        'GetQueueAttributes',
        { QueueUrl, AttributeNames: ['All'] },
      );
      for (const [name, value] of Object.entries(attributesOf(QueueName))) {
        if (name !== 'RedrivePolicy' && Attributes[name] !== value) {
          missing.push(`${name} of ${QueueName} is ${Attributes[name]}`);
        }
      }
    } catch (error) {
      missing.push(`${QueueName}: ${error}`);
    }
  }
  for (const { topic, queues } of [...ROUTES, ...FIFO_ROUTES]) {
    if (topic === undefined) continue;
    const list = await client.sns('ListSubscriptionsByTopic', { TopicArn: topicArn(topic) });
    const count = list.split('<SubscriptionArn>').length - 1;
    if (count !== queues.length) missing.push(`${topic} has ${count} subscriptions`);
  }
  return missing;
}

function attributesOf(queue: string): Record<string, string> {
  if (queue.endsWith('.fifo')) return { FifoQueue: 'true', VisibilityTimeout: '5' };
  if (queue !== POISON_QUEUE) return { VisibilityTimeout: '5' };
  const deadLetterTargetArn = `${ARN_OF_QUEUE}${DEAD_QUEUE}`;
  const policy = { deadLetterTargetArn, maxReceiveCount: RECEIVES_MAX };
  return { VisibilityTimeout: '1', RedrivePolicy: JSON.stringify(policy) };
}
