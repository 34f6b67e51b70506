/** What the tests with Amazon's SDKs have in common: clients that end with the test, queues, and waiting. */
import { createHash } from 'node:crypto';
import { SNS } from '@aws-sdk/client-sns';
import { type Message, type MessageAttributeValue, SQS } from '@aws-sdk/client-sqs';
import { onTestFinished } from 'vitest';
import { type AwsPeer, REGION } from './aws-peer.ts';
import { eventually, uniqueName } from './peer.ts';

/** Anything will do where the broker has no credentials configured. */
export const ANY_KEYS = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret' };

type Where = Pick<AwsPeer, 'endpoint'>;

/** A client of @aws-sdk v3 that is closed when the test is over. Errors come at once: nothing is tried again. */
export function sqsClient({ endpoint }: Where, credentials = ANY_KEYS): SQS {
  const client = new SQS({ endpoint, region: REGION, credentials, maxAttempts: 1 });
  onTestFinished(() => client.destroy());
  return client;
}

export function snsClient({ endpoint }: Where, credentials = ANY_KEYS): SNS {
  const client = new SNS({ endpoint, region: REGION, credentials, maxAttempts: 1 });
  onTestFinished(() => client.destroy());
  return client;
}

/** A fresh queue, deleted when the test is over. Returns its URL. */
export async function newQueue(
  sqs: SQS,
  attributes: Record<string, string> = {},
  name = uniqueName('queue'),
): Promise<string> {
  const { QueueUrl } = await sqs.createQueue({ QueueName: name, Attributes: attributes });
  // Waited for, so that it is not counted among the requests of the next test.
  onTestFinished(() =>
    sqs.deleteQueue({ QueueUrl }).then(
      () => undefined,
      () => undefined,
    ),
  );
  return QueueUrl!;
}

export function newFifoQueue(sqs: SQS, attributes: Record<string, string> = {}): Promise<string> {
  return newQueue(sqs, { FifoQueue: 'true', ...attributes }, `${uniqueName('queue')}.fifo`);
}

export async function arnOf(sqs: SQS, queueUrl: string): Promise<string> {
  return (await attributesOf(sqs, queueUrl, 'QueueArn'))['QueueArn']!;
}

type QueueAttribute = NonNullable<
  Parameters<SQS['getQueueAttributes']>[0]['AttributeNames']
>[number];

export async function attributesOf(
  sqs: SQS,
  queueUrl: string,
  ...names: readonly QueueAttribute[]
): Promise<Partial<Record<string, string>>> {
  const AttributeNames = names.length === 0 ? (['All'] as const) : names;
  const answer = await sqs.getQueueAttributes({
    QueueUrl: queueUrl,
    AttributeNames: [...AttributeNames],
  });
  return answer.Attributes ?? {};
}

type ReceiveOptions = Omit<Parameters<SQS['receiveMessage']>[0], 'QueueUrl'>;

/** One poll; an answer without messages is an empty list here. */
export async function receive(
  sqs: SQS,
  queueUrl: string,
  options: ReceiveOptions = {},
): Promise<Message[]> {
  const answer = await sqs.receiveMessage({
    QueueUrl: queueUrl,
    MaxNumberOfMessages: 10,
    MessageSystemAttributeNames: ['All'],
    MessageAttributeNames: ['All'],
    ...options,
  });
  return answer.Messages ?? [];
}

/** Polls until there are `count`; what is received stays in flight. */
export async function receiveUntil(
  sqs: SQS,
  queueUrl: string,
  count: number,
  options: ReceiveOptions = {},
): Promise<Message[]> {
  const messages: Message[] = [];
  return eventually(`${count} messages are received`, async () => {
    messages.push(...(await receive(sqs, queueUrl, { WaitTimeSeconds: 1, ...options })));
    return messages.length >= count ? messages : undefined;
  });
}

/** Receives and deletes until `count` messages came; returns them. */
export async function drainQueue(sqs: SQS, queueUrl: string, count: number): Promise<Message[]> {
  const messages: Message[] = [];
  return eventually(`${count} messages are taken`, async () => {
    const some = await receive(sqs, queueUrl, { WaitTimeSeconds: 1 });
    for (const message of some) await remove(sqs, queueUrl, message);
    messages.push(...some);
    return messages.length >= count ? messages : undefined;
  });
}

export async function remove(sqs: SQS, queueUrl: string, message: Message): Promise<void> {
  await sqs.deleteMessage({ QueueUrl: queueUrl, ReceiptHandle: message.ReceiptHandle });
}

/** Back into the queue at once. */
export async function release(sqs: SQS, queueUrl: string, message: Message): Promise<void> {
  await sqs.changeMessageVisibility({
    QueueUrl: queueUrl,
    ReceiptHandle: message.ReceiptHandle,
    VisibilityTimeout: 0,
  });
}

export function bodiesOf(messages: readonly Message[]): (string | undefined)[] {
  return messages.map(({ Body }) => Body);
}

/** What an action is refused with: the error's code (as the SDK names it) and the status. */
export async function refusal(
  call: Promise<unknown>,
): Promise<{ name: string; status: number | undefined; fault: string; message: string }> {
  const error = (await call.then(
    () => new Error('it was not refused'),
    (reason: unknown) => reason,
  )) as Error & { $metadata?: { httpStatusCode?: number }; $fault?: string };
  return {
    name: error.name,
    status: error.$metadata?.httpStatusCode,
    fault: error.$fault ?? '',
    message: error.message,
  };
}

export async function refusedWith(call: Promise<unknown>): Promise<string> {
  return (await refusal(call)).name;
}

export function md5(content: string | Uint8Array): string {
  return createHash('md5').update(content).digest('hex');
}

/**
 * The digest of message attributes as AWS documents it ("Calculating the MD5 message digest for message attributes"):
 * sorted by name; length and bytes of name and of data type, one byte for the kind of value, length and bytes of the value.
 */
export function md5OfAttributes(
  attributes: Readonly<Record<string, MessageAttributeValue>>,
): string {
  const parts: Uint8Array[] = [];
  const add = (content: string | Uint8Array): void => {
    const bytes = Buffer.from(content as string);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    parts.push(length, bytes);
  };
  for (const name of Object.keys(attributes).sort()) {
    const { DataType, StringValue, BinaryValue } = attributes[name]!;
    add(name);
    add(DataType!);
    parts.push(Buffer.of(BinaryValue === undefined ? 1 : 2));
    add(BinaryValue ?? StringValue!);
  }
  return md5(Buffer.concat(parts));
}
