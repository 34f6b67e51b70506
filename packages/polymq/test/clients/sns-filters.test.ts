/** Filter policies: each operator as AWS documents it, on attributes and on bodies. */
import type { MessageAttributeValue } from '@aws-sdk/client-sns';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import {
  arnOf,
  bodiesOf,
  drainQueue,
  newQueue,
  refusal,
  snsClient,
  sqsClient,
} from './aws-client.ts';
import { type AwsPeer, lacksIt, PEER_LACKS_SNS, startAwsPeer } from './aws-peer.ts';
import { uniqueName } from './peer.ts';

let peer: AwsPeer;

beforeAll(async () => {
  if (!PEER_LACKS_SNS) peer = await startAwsPeer();
});
afterAll(() => peer?.stop());

type Attributes = Record<string, MessageAttributeValue>;

const text = (StringValue: string): MessageAttributeValue => ({ DataType: 'String', StringValue });
const number = (value: number): MessageAttributeValue => ({
  DataType: 'Number',
  StringValue: `${value}`,
});
const list = (...values: unknown[]): MessageAttributeValue => ({
  DataType: 'String.Array',
  StringValue: JSON.stringify(values),
});

/** Which of the messages a queue with this policy gets. A second one gets them all, which tells when they have come. */
async function passing<T>(
  policy: object,
  scope: 'MessageAttributes' | 'MessageBody',
  messages: readonly T[],
  publishAs: (message: T, index: number) => { Message: string; MessageAttributes?: Attributes },
): Promise<number[]> {
  const sns = snsClient(peer);
  const sqs = sqsClient(peer);
  const { TopicArn } = await sns.createTopic({ Name: uniqueName('topic') });
  onTestFinished(async () => void (await sns.deleteTopic({ TopicArn })));
  const subscribe = async (more: Record<string, string>): Promise<string> => {
    const queue = await newQueue(sqs);
    await sns.subscribe({
      TopicArn,
      Protocol: 'sqs',
      Endpoint: await arnOf(sqs, queue),
      Attributes: { RawMessageDelivery: 'true', ...more },
    });
    return queue;
  };
  const all = await subscribe({});
  const filtered = await subscribe({
    FilterPolicy: JSON.stringify(policy),
    FilterPolicyScope: scope,
  });
  const sent = messages.map(publishAs);
  for (const message of sent) await sns.publish({ TopicArn, ...message });
  await drainQueue(sqs, all, messages.length);
  const { Messages = [] } = await sqs.receiveMessage({
    QueueUrl: filtered,
    MaxNumberOfMessages: 10,
  });
  const got = new Set(bodiesOf(Messages));
  return sent.flatMap(({ Message }, index) => (got.has(Message) ? [index] : []));
}

const ON_ATTRIBUTES: [
  operator: string,
  policy: object,
  messages: Attributes[],
  passing: number[],
][] = [
  [
    'exact values',
    { kind: ['a', 'b'] },
    [{ kind: text('a') }, { kind: text('c') }, {}, { kind: list('x', 'b') }],
    [0, 3],
  ],
  [
    'two names, both of which must match',
    { kind: ['a'], stage: ['x'] },
    [{ kind: text('a'), stage: text('x') }, { kind: text('a') }],
    [0],
  ],
  ['prefix', { kind: [{ prefix: 'or' }] }, [{ kind: text('order') }, { kind: text('for') }], [0]],
  ['suffix', { kind: [{ suffix: 'er' }] }, [{ kind: text('order') }, { kind: text('era') }], [0]],
  [
    'equals-ignore-case',
    { kind: [{ 'equals-ignore-case': 'Order' }] },
    [{ kind: text('ORDER') }, { kind: text('orders') }],
    [0],
  ],
  [
    'wildcard',
    { kind: [{ wildcard: 'a*c*e' }] },
    [{ kind: text('abcde') }, { kind: text('ace') }, { kind: text('abde') }],
    [0, 1],
  ],
  [
    'anything-but',
    { kind: [{ 'anything-but': ['a', 'b'] }] },
    [{ kind: text('a') }, { kind: text('c') }, {}],
    [1],
  ],
  [
    'anything-but prefix',
    { kind: [{ 'anything-but': { prefix: 'or' } }] },
    [{ kind: text('order') }, { kind: text('invoice') }],
    [1],
  ],
  ['exists', { kind: [{ exists: true }] }, [{ kind: text('x') }, {}], [0]],
  ['not exists', { kind: [{ exists: false }] }, [{ kind: text('x') }, { other: text('x') }], [1]],
  [
    'numeric range',
    { total: [{ numeric: ['>', 0, '<=', 100] }] },
    [{ total: number(0) }, { total: number(0.5) }, { total: number(100) }, { total: number(101) }],
    [1, 2],
  ],
  [
    'numeric equality',
    { total: [{ numeric: ['=', 5] }] },
    [{ total: number(5) }, { total: number(6) }, { total: text('5') }],
    [0],
  ],
  [
    'cidr',
    { ip: [{ cidr: '10.0.0.0/24' }] },
    [{ ip: text('10.0.0.255') }, { ip: text('10.0.1.0') }],
    [0],
  ],
  [
    '$or',
    { $or: [{ kind: ['a'] }, { total: [{ numeric: ['>', 10] }] }] },
    [{ kind: text('a') }, { total: number(11) }, { kind: text('b'), total: number(1) }],
    [0, 1],
  ],
];

// moto lacks operators and their newer forms.
const FEW_OPERATORS = lacksIt('moto');

// ElasticMQ has no SNS.
describe.skipIf(PEER_LACKS_SNS || FEW_OPERATORS)('filters on attributes', () => {
  test.each(ON_ATTRIBUTES)('%s', async (_, policy, messages, expected) => {
    const passed = await passing(policy, 'MessageAttributes', messages, (attributes, index) => ({
      Message: `m${index}`,
      MessageAttributes: attributes,
    }));
    expect(passed).toEqual(expected);
  });
});

// ElasticMQ has no SNS.
describe.skipIf(PEER_LACKS_SNS || FEW_OPERATORS)('filters on bodies', () => {
  test.each<[string, object, unknown[], number[]]>([
    ['top level', { kind: ['a'] }, [{ kind: 'a' }, { kind: 'b' }, 'no object', { n: 1 }], [0]],
    [
      'nested',
      { order: { state: ['paid'] } },
      [{ order: { state: 'paid' } }, { state: 'paid' }],
      [0],
    ],
    [
      'arrays of objects',
      { items: { sku: [{ prefix: 'A' }] } },
      [{ items: [{ sku: 'B1' }, { sku: 'A1' }] }, { items: [{ sku: 'B1' }] }],
      [0],
    ],
    ['booleans and null', { a: [true, null] }, [{ a: true }, { a: null }, { a: 'true' }], [0, 1]],
    ['numbers', { n: [3, { numeric: ['>=', 10] }] }, [{ n: 3 }, { n: 9 }, { n: 10 }], [0, 2]],
    ['exists', { a: { b: [{ exists: false }] } }, [{ a: { c: 1 } }, { a: { b: 1 } }], [0]],
  ])('%s', async (_, policy, bodies, expected) => {
    const passed = await passing(policy, 'MessageBody', bodies, (body) => ({
      Message: typeof body === 'string' ? body : JSON.stringify(body),
    }));
    expect(passed).toEqual(expected);
  });
});

// ElasticMQ has no SNS.
describe.skipIf(PEER_LACKS_SNS)('policies', () => {
  // moto checks little of it.
  test.skipIf(lacksIt('moto')).each([
    ['no JSON', 'no json'],
    ['no object', '["a"]'],
    ['no list of conditions', '{"kind":"a"}'],
    ['an unknown operator', '{"kind":[{"like":"a"}]}'],
    ['half a range', '{"total":[{"numeric":[">"]}]}'],
    [
      'more than five names',
      JSON.stringify(Object.fromEntries([...'abcdef'].map((k) => [k, ['x']]))),
    ],
    [
      'too many combinations',
      JSON.stringify(
        Object.fromEntries([...'abc'].map((k) => [k, Array.from({ length: 6 }, (_, i) => `${i}`)])),
      ),
    ],
  ])('%s is refused and changes nothing', async (_, FilterPolicy) => {
    const sns = snsClient(peer);
    const sqs = sqsClient(peer);
    const { TopicArn } = await sns.createTopic({ Name: uniqueName('topic') });
    const Endpoint = await arnOf(sqs, await newQueue(sqs));
    const subscribe = (Attributes: Record<string, string>) =>
      sns.subscribe({ TopicArn, Protocol: 'sqs', Endpoint, Attributes });
    const wrong = { name: 'InvalidParameterException', status: 400 };
    expect(await refusal(subscribe({ FilterPolicy }))).toMatchObject(wrong);
    expect((await sns.listSubscriptionsByTopic({ TopicArn })).Subscriptions ?? []).toEqual([]);
    const good = '{"kind":["a"]}';
    const { SubscriptionArn } = await subscribe({ FilterPolicy: good });
    const change = sns.setSubscriptionAttributes({
      SubscriptionArn,
      AttributeName: 'FilterPolicy',
      AttributeValue: FilterPolicy,
    });
    expect(await refusal(change)).toMatchObject(wrong);
    const { Attributes } = await sns.getSubscriptionAttributes({ SubscriptionArn });
    expect(Attributes).toMatchObject({ FilterPolicy: good });
    await sns.deleteTopic({ TopicArn });
  });
});
