/** What attackers send to the AWS listener. All of it is about one queue, one topic and few names, so that state stays small. */
import type { SeededRandom } from '../crash/random.ts';
import { AwsClient, formBody, requestBytes } from '../support/aws-client.ts';
import { mutate } from './mutate.ts';

type Attack = (random: SeededRandom) => Buffer;

const HOST = '127.0.0.1:9324';
const QUEUE = 'attacked';
const QueueUrl = `http://${HOST}/000000000000/${QUEUE}`;
const FIFO_URL = `${QueueUrl}.fifo`;
const TopicArn = `arn:aws:sns:us-east-1:000000000000:${QUEUE}`;
const QUEUE_ARN = `arn:aws:sqs:us-east-1:000000000000:${QUEUE}`;
const SQS_VERSION = '2012-11-05';
const DEPTH = 50_000;
const PARAMETERS = 20_000;
const MIB = 2 ** 20;
const RETENTION_SECONDS = '60';

/** Actions with inputs that are right, to be mutated and mixed. */
const INPUTS: readonly (readonly [action: string, input: Record<string, unknown>])[] = [
  ['SendMessage', { QueueUrl, MessageBody: 'hello', DelaySeconds: 1 }],
  [
    'SendMessage',
    {
      QueueUrl,
      MessageBody: 'hello',
      MessageAttributes: {
        number: { DataType: 'Number', StringValue: '12.5' },
        binary: { DataType: 'Binary.png', BinaryValue: 'AAECAw==' },
      },
      MessageSystemAttributes: {
        AWSTraceHeader: {
          DataType: 'String',
          StringValue: 'Root=1-5759e988-bd862e3fe1be46a994272793',
        },
      },
    },
  ],
  [
    'SendMessage',
    {
      QueueUrl: FIFO_URL,
      MessageBody: 'hello',
      MessageGroupId: 'g',
      MessageDeduplicationId: 'd',
    },
  ],
  [
    'SendMessageBatch',
    {
      QueueUrl,
      Entries: [
        { Id: 'a', MessageBody: 'one' },
        { Id: 'b', MessageBody: 'two' },
      ],
    },
  ],
  ['ReceiveMessage', { QueueUrl, MaxNumberOfMessages: 10, AttributeNames: ['All'] }],
  ['ReceiveMessage', { QueueUrl: FIFO_URL, ReceiveRequestAttemptId: 'a', VisibilityTimeout: 1 }],
  ['DeleteMessage', { QueueUrl, ReceiptHandle: 'AVWlwKoAAAAGAAAAYwAAAAAABgABAaIB5ulnUjfYnA==' }],
  ['DeleteMessageBatch', { QueueUrl, Entries: [{ Id: 'a', ReceiptHandle: 'x' }] }],
  ['ChangeMessageVisibility', { QueueUrl, ReceiptHandle: 'x', VisibilityTimeout: 5 }],
  ['CreateQueue', { QueueName: QUEUE, Attributes: { MessageRetentionPeriod: RETENTION_SECONDS } }],
  ['CreateQueue', { QueueName: `${QUEUE}.fifo`, Attributes: { FifoQueue: 'true' } }],
  ['SetQueueAttributes', { QueueUrl, Attributes: { DelaySeconds: '0', Policy: '{"Version":1}' } }],
  ['GetQueueAttributes', { QueueUrl, AttributeNames: ['All'] }],
  ['ListQueues', { QueueNamePrefix: 'a', MaxResults: 3, NextToken: 'AAAA' }],
  ['TagQueue', { QueueUrl, Tags: { key: 'value' } }],
  ['PurgeQueue', { QueueUrl }],
  ['StartMessageMoveTask', { SourceArn: QUEUE_ARN, MaxNumberOfMessagesPerSecond: 5 }],
  ['AddPermission', { QueueUrl, Label: 'l', AWSAccountIds: ['000000000000'], Actions: ['*'] }],
];

const FORMS: readonly string[] = [
  formBody('Publish', { TopicArn, Message: 'hello', Subject: 'subject' }),
  formBody('Publish', {
    TopicArn,
    Message: '{"default":"a","sqs":"b"}',
    MessageStructure: 'json',
    'MessageAttributes.entry.1.Name': 'kind',
    'MessageAttributes.entry.1.Value.DataType': 'String.Array',
    'MessageAttributes.entry.1.Value.StringValue': '["a",1,null]',
  }),
  formBody('PublishBatch', {
    TopicArn,
    'PublishBatchRequestEntries.member.1.Id': 'a',
    'PublishBatchRequestEntries.member.1.Message': 'one',
    'PublishBatchRequestEntries.member.2.Id': 'b',
    'PublishBatchRequestEntries.member.2.Message': 'two',
  }),
  formBody('CreateTopic', { Name: QUEUE, 'Tags.member.1.Key': 'k', 'Tags.member.1.Value': 'v' }),
  formBody('ListSubscriptionsByTopic', { TopicArn, NextToken: 'AAAA' }),
  formBody('Subscribe', { TopicArn, Protocol: 'http', Endpoint: 'http://127.0.0.1:1/' }),
  formBody('ConfirmSubscription', { TopicArn, Token: '0'.repeat(64) }),
  formBody('SetTopicAttributes', {
    TopicArn,
    AttributeName: 'DeliveryPolicy',
    AttributeValue: '{}',
  }),
  form({ Action: 'SendMessage', Version: SQS_VERSION, QueueUrl, MessageBody: 'hello' }),
  form({
    Action: 'SendMessageBatch',
    Version: SQS_VERSION,
    QueueUrl,
    'SendMessageBatchRequestEntry.1.Id': 'a',
    'SendMessageBatchRequestEntry.1.MessageBody': 'one',
    'SendMessageBatchRequestEntry.1.MessageAttribute.1.Name': 'n',
    'SendMessageBatchRequestEntry.1.MessageAttribute.1.Value.DataType': 'Number',
    'SendMessageBatchRequestEntry.1.MessageAttribute.1.Value.StringValue': '1',
  }),
  form({ Action: 'ReceiveMessage', Version: SQS_VERSION, QueueUrl, 'AttributeName.1': 'All' }),
];

/** Queue and topic as attackers use them, subscribed so that what is published is filtered and stored. */
export async function setUp(port: number): Promise<void> {
  const client = await AwsClient.connect({ port });
  for (const [action, input] of INPUTS) {
    if (action === 'CreateQueue') await client.sqs(action, input);
  }
  await client.sns('CreateTopic', { Name: QUEUE });
  await client.sns('Subscribe', { TopicArn, Protocol: 'sqs', Endpoint: QUEUE_ARN });
  client.destroy();
}

export function longPoll(): Buffer {
  return json('ReceiveMessage', JSON.stringify({ QueueUrl: FIFO_URL, WaitTimeSeconds: 20 }));
}

export function poll(): Buffer {
  const input = { QueueUrl, MaxNumberOfMessages: 10, VisibilityTimeout: 0 };
  return json('ReceiveMessage', JSON.stringify(input));
}

export const ATTACKS: Readonly<Record<string, Attack>> = {
  noise: (random) => noise(random),
  'mutated HTTP': (random) => mutate(anyRequest(random), anyRequest(random), random),
  'mutated JSON': (random) => {
    const [action, input] = random.pick(INPUTS);
    const other = Buffer.from(JSON.stringify(random.pick(INPUTS)[1]));
    const body = mutate(Buffer.from(JSON.stringify(input)), other, random);
    return json(action, body.toString('latin1'));
  },
  'wrong types': (random) => {
    const [action, input] = random.pick(INPUTS);
    return json(action, JSON.stringify(confused(input, random)));
  },
  'mutated form': (random) => {
    const other = Buffer.from(random.pick(FORMS));
    const body = mutate(Buffer.from(random.pick(FORMS)), other, random);
    return requestBytes({ service: 'sns', host: HOST }, body.toString('latin1'));
  },
  'many at once': (random) =>
    Buffer.concat(Array.from({ length: random.between(2, 60) }, () => anyRequest(random))),
  'lying length': (random) => {
    const length = random.pick(['99999999999999999999', '-1', '4294967297', '2147483648', '0x10']);
    const request = anyRequest(random).toString('latin1');
    return Buffer.from(request.replace(/content-length: \d+/, `content-length: ${length}`));
  },
  'two lengths': (random) => {
    const more = random.pick(['content-length: 3', 'transfer-encoding: chunked', 'content-length']);
    const request = anyRequest(random).toString('latin1');
    return Buffer.from(request.replace('\r\n', `\r\n${more}\r\n`));
  },
  chunks: (random) => {
    const head = anyRequest(random).toString('latin1').split('content-length')[0];
    const size = random.pick(['5', 'ffffffffffffffff', '-5', '5;a=b', '', 'fffffff', '0']);
    const whole = `${head}transfer-encoding: chunked\r\n\r\n${size}\r\nhello\r\n0\r\n\r\n`;
    return Buffer.from(whole);
  },
  'long head': (random) => {
    const line = random.pick([`x: ${'y'.repeat(100_000)}`, 'x'.repeat(100_000), '\0', ' folded']);
    const lines = Array.from({ length: random.pick([1, 5000]) }, () => line).join('\r\n');
    return Buffer.from(`POST / HTTP/1.1\r\n${lines.slice(0, 2 * MIB)}\r\n\r\n`);
  },
  'JSON in JSON': (random) => {
    const [open, close] = random.pick([
      ['[', ']'],
      ['{"a":', '}'],
    ] as const);
    const deep = `${open.repeat(DEPTH)}1${random.chance(0.5) ? close.repeat(DEPTH) : ''}`;
    return json('SendMessage', random.chance(0.5) ? deep : `{"MessageBody":${deep}}`);
  },
  'many parameters': (random) => {
    const name = random.pick([
      'SendMessageBatchRequestEntry.%.Id',
      'AttributeName.%',
      'MessageAttribute.1.Value.%',
      'a%',
    ]);
    const pairs = Array.from({ length: PARAMETERS }, (_, i) => `${name.replace('%', String(i))}=x`);
    const first = `Action=SendMessageBatch&Version=${SQS_VERSION}&QueueUrl=${QueueUrl}`;
    return requestBytes({ service: 'sqs', host: HOST }, `${first}&${pairs.join('&')}`);
  },
  'far members': (random) => {
    const index = random.pick(['4294967295', '2147483647', '-1', '0', '1e9', '9'.repeat(40)]);
    const body = `Action=SendMessageBatch&Version=${SQS_VERSION}&QueueUrl=${QueueUrl}&SendMessageBatchRequestEntry.${index}.Id=a`;
    return requestBytes({ service: 'sqs', host: HOST }, body);
  },
  'large batch': (random) => {
    const count = random.pick([0, 11, 5000]);
    const Entries = Array.from({ length: count }, (_, i) => ({ Id: `e${i}`, MessageBody: 'x' }));
    return json('SendMessageBatch', JSON.stringify({ QueueUrl, Entries }));
  },
  'large messages': (random) => {
    const size = random.pick([MIB, MIB + 1, MIB / 4]);
    const Entries = Array.from({ length: random.pick([1, 2]) }, (_, i) => ({
      Id: `e${i}`,
      MessageBody: random.pick(['x', '\u0001', '"', 'é']).repeat(size),
    }));
    return json('SendMessageBatch', JSON.stringify({ QueueUrl, Entries }));
  },
  'forged handles': (random) => {
    const ReceiptHandle = Buffer.from(noise(random).subarray(0, 31)).toString('base64');
    const action = random.pick(['DeleteMessage', 'ChangeMessageVisibility']);
    return json(action, JSON.stringify({ QueueUrl, ReceiptHandle, VisibilityTimeout: 1 }));
  },
  'filter bomb': (random) => {
    const values = Array.from({ length: random.pick([5, 150, 2000]) }, (_, i) => `v${i}`);
    const keys = Array.from({ length: random.pick([5, 200]) }, (_, i) => [`k${i}`, values]);
    const nested = `${'{"a":'.repeat(1000)}["b"]${'}'.repeat(1000)}`;
    const policy = random.chance(0.3) ? nested : JSON.stringify(Object.fromEntries(keys));
    const wildcards = JSON.stringify({ kind: [{ wildcard: '*a'.repeat(50) }] });
    return requestBytes(
      { service: 'sns', host: HOST },
      formBody('Subscribe', {
        TopicArn,
        Protocol: 'sqs',
        Endpoint: QUEUE_ARN,
        'Attributes.entry.1.key': 'FilterPolicy',
        'Attributes.entry.1.value': random.chance(0.3) ? wildcards : policy,
      }),
    );
  },
  'queries in URLs': (random) => {
    const query = mutate(Buffer.from(random.pick(FORMS)), Buffer.from('%00%ff%zz&&=='), random);
    const target = query.toString('latin1').replace(/[^!-~]/g, '%');
    const path = random.pick(['/', `/000000000000/${QUEUE}`, '//', '/../..', '*', 'http://a/b']);
    return Buffer.from(`GET ${path}?${target} HTTP/1.1\r\nhost: ${HOST}\r\n\r\n`, 'latin1');
  },
  'wrong targets': (random) => {
    const action = random.pick(['', '.', '__proto__', 'constructor', 'toString', 'x'.repeat(5000)]);
    const input = random.pick(['{"__proto__":{"QueueUrl":1}}', 'null', '[]', '1', '"x"', '']);
    return json(action, input);
  },
};

function json(action: string, body: string): Buffer {
  return requestBytes({ service: 'sqs', host: HOST, action }, body);
}

function form(parameters: Record<string, string>): string {
  return new URLSearchParams(parameters).toString();
}

function anyRequest(random: SeededRandom): Buffer {
  if (random.chance(0.4)) return requestBytes({ service: 'sns', host: HOST }, random.pick(FORMS));
  const [action, input] = random.pick(INPUTS);
  return json(action, JSON.stringify(input));
}

const ODD: readonly unknown[] = [
  null,
  true,
  -1,
  1e308,
  2 ** 53,
  '',
  'x',
  '\ud800',
  '\0',
  [],
  [null],
  {},
  { a: {} },
  { toString: 1 },
];

/** The input with one member, at any depth, of another type. */
function confused(input: unknown, random: SeededRandom): unknown {
  if (typeof input !== 'object' || input === null || random.chance(0.15)) return random.pick(ODD);
  if (Array.isArray(input)) return input.map((each) => confused(each, random));
  const entries = Object.entries(input);
  const chosen = random.between(0, entries.length - 1);
  return Object.fromEntries(
    entries.map(([name, value], i) => [name, i === chosen ? confused(value, random) : value]),
  );
}

function noise(random: SeededRandom): Buffer {
  return Buffer.from(Array.from({ length: random.between(1, 400) }, () => random.between(0, 255)));
}
