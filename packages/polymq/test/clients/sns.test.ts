/** Topics and their subscriptions to queues, through @aws-sdk v3. */
import type { SNS } from '@aws-sdk/client-sns';
import type { Message, SQS } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import {
  arnOf,
  bodiesOf,
  drainQueue,
  newFifoQueue,
  newQueue,
  receive,
  receiveUntil,
  refusal,
  refusedWith,
  snsClient,
  sqsClient,
} from './aws-client.ts';
import { type Envelope, signatureIsRight } from './aws-endpoint.ts';
import { type AwsPeer, lacksIt, PEER_LACKS_SNS, startAwsPeer } from './aws-peer.ts';
import { validatesForItsUsers } from './aws-sns-validator.ts';
import { uniqueName } from './peer.ts';

let peer: AwsPeer;

beforeAll(async () => {
  if (!PEER_LACKS_SNS) peer = await startAwsPeer();
});
afterAll(() => peer?.stop());

interface Fixture {
  sns: SNS;
  sqs: SQS;
  topic: string;
}

async function newTopic(attributes: Record<string, string> = {}): Promise<Fixture> {
  const sns = snsClient(peer);
  const suffix = attributes['FifoTopic'] === 'true' ? '.fifo' : '';
  const { TopicArn } = await sns.createTopic({
    Name: uniqueName('topic') + suffix,
    Attributes: attributes,
  });
  onTestFinished(async () => void (await sns.deleteTopic({ TopicArn })));
  return { sns, sqs: sqsClient(peer), topic: TopicArn! };
}

async function subscribe(
  { sns, sqs, topic }: Fixture,
  queue: string,
  attributes: Record<string, string> = {},
): Promise<string> {
  const { SubscriptionArn } = await sns.subscribe({
    TopicArn: topic,
    Protocol: 'sqs',
    Endpoint: await arnOf(sqs, queue),
    Attributes: attributes,
    ReturnSubscriptionArn: true,
  });
  return SubscriptionArn!;
}

const envelopeOf = (message: Message): Envelope => JSON.parse(message.Body!);
const RAW = { RawMessageDelivery: 'true' };

// ElasticMQ has no SNS.
describe.skipIf(PEER_LACKS_SNS)('delivery to queues', () => {
  test('a message comes in an envelope whose signature is right', async () => {
    const fixture = await newTopic();
    const { sns, sqs, topic } = fixture;
    const queue = await newQueue(sqs);
    await subscribe(fixture, queue);
    const { MessageId } = await sns.publish({
      TopicArn: topic,
      Message: 'hello "ü" \n',
      Subject: 'a subject',
      MessageAttributes: {
        text: { DataType: 'String', StringValue: 'x' },
        raw: { DataType: 'Binary', BinaryValue: Buffer.of(0, 255) },
      },
    });
    const [message] = await receiveUntil(sqs, queue, 1);
    expect(message).not.toHaveProperty('MessageAttributes');
    const envelope = envelopeOf(message!);
    expect(envelope).toMatchObject({
      Type: 'Notification',
      MessageId,
      TopicArn: topic,
      Message: 'hello "ü" \n',
      Subject: 'a subject',
      Timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      UnsubscribeURL: expect.stringContaining('Action=Unsubscribe&SubscriptionArn='),
      MessageAttributes: {
        text: { Type: 'String', Value: 'x' },
        raw: { Type: 'Binary', Value: Buffer.of(0, 255).toString('base64') },
      },
    });
    // moto's signatures are made up.
    if (lacksIt('moto')) return;
    expect(envelope.SigningCertURL.startsWith(`${peer.endpoint}/SimpleNotificationService-`)).toBe(
      true,
    );
    expect(await signatureIsRight(envelope)).toBe(true);
    expect(await signatureIsRight({ ...envelope, Message: 'forged' })).toBe(false);
    expect(await validatesForItsUsers(envelope)).toBe(true);
    expect(await validatesForItsUsers({ ...envelope, Subject: 'forged' })).toBe(false);
  });

  // moto's signatures are made up.
  test.skipIf(lacksIt('moto')).each(['1', '2'])(
    'signature version %s is right too',
    async (version) => {
      const fixture = await newTopic({ SignatureVersion: version });
      const { sns, sqs, topic } = fixture;
      const queue = await newQueue(sqs);
      await subscribe(fixture, queue);
      await sns.publish({ TopicArn: topic, Message: 'no subject' });
      const envelope = envelopeOf((await receiveUntil(sqs, queue, 1))[0]!);
      expect(envelope.SignatureVersion).toBe(version);
      expect(envelope).not.toHaveProperty('Subject');
      expect(await signatureIsRight(envelope)).toBe(true);
    },
  );

  // moto drops what has a binary attribute.
  test.skipIf(lacksIt('moto'))(
    'a raw subscription gets the body and the attributes alone',
    async () => {
      const fixture = await newTopic();
      const { sns, sqs, topic } = fixture;
      const queue = await newQueue(sqs);
      await subscribe(fixture, queue, RAW);
      const attributes = {
        text: { DataType: 'String', StringValue: 'x' },
        raw: { DataType: 'Binary', BinaryValue: Buffer.of(0, 255) },
      };
      await sns.publish({ TopicArn: topic, Message: 'plain', MessageAttributes: attributes });
      const [message] = await receiveUntil(sqs, queue, 1);
      expect(message!.Body).toBe('plain');
      expect(message!.MessageAttributes).toMatchObject({ text: attributes.text });
      expect(Buffer.from(message!.MessageAttributes!['raw']!.BinaryValue!)).toEqual(
        attributes.raw.BinaryValue,
      );
    },
  );

  // moto has another word for what it refuses.
  test.skipIf(lacksIt('moto'))('a message may have a text for each protocol', async () => {
    const fixture = await newTopic();
    const { sns, sqs, topic } = fixture;
    const queue = await newQueue(sqs);
    await subscribe(fixture, queue, RAW);
    const publish = (texts: object) =>
      sns.publish({ TopicArn: topic, Message: JSON.stringify(texts), MessageStructure: 'json' });
    await publish({ default: 'for all', sqs: 'for queues', http: 'for others' });
    await publish({ default: 'for all' });
    expect(bodiesOf(await drainQueue(sqs, queue, 2)).sort()).toEqual(['for all', 'for queues']);
    expect(await refusal(publish({ sqs: 'no default' }))).toMatchObject({
      name: 'InvalidParameterException',
      status: 400,
    });
  });

  test('a batch is published as a whole or refused as a whole', async () => {
    const fixture = await newTopic();
    const { sns, sqs, topic } = fixture;
    const queue = await newQueue(sqs);
    await subscribe(fixture, queue, RAW);
    const publish = (
      entries: readonly { Id: string; Message: string; MessageStructure?: string }[],
    ) => sns.publishBatch({ TopicArn: topic, PublishBatchRequestEntries: [...entries] });
    const answer = await publish([
      { Id: 'a', Message: '1' },
      { Id: 'b', Message: '{"default":"2"}', MessageStructure: 'json' },
    ]);
    expect(answer.Successful!.map(({ Id }) => Id)).toEqual(['a', 'b']);
    expect(answer.Failed ?? []).toEqual([]);
    expect(bodiesOf(await drainQueue(sqs, queue, 2)).sort()).toEqual(['1', '2']);
    const messages = (...Ids: string[]) => Ids.map((Id) => ({ Id, Message: 'x' }));
    // moto has other words for it.
    if (lacksIt('moto')) return;
    expect(await refusedWith(publish(messages()))).toBe('EmptyBatchRequestException');
    expect(await refusedWith(publish(messages('a', 'a')))).toBe(
      'BatchEntryIdsNotDistinctException',
    );
    expect(await refusedWith(publish(messages(...'abcdefghijk')))).toBe(
      'TooManyEntriesInBatchRequestException',
    );
    expect(await receive(sqs, queue)).toEqual([]);
  });

  test('queues that were subscribed later or not any more get nothing', async () => {
    const fixture = await newTopic();
    const { sns, sqs, topic } = fixture;
    const [early, late] = [await newQueue(sqs), await newQueue(sqs)];
    const subscription = await subscribe(fixture, early, RAW);
    await sns.publish({ TopicArn: topic, Message: '1' });
    expect(bodiesOf(await drainQueue(sqs, early, 1))).toEqual(['1']);
    await subscribe(fixture, late, RAW);
    await sns.unsubscribe({ SubscriptionArn: subscription });
    await sns.publish({ TopicArn: topic, Message: '2' });
    expect(bodiesOf(await drainQueue(sqs, late, 1))).toEqual(['2']);
    expect(await receive(sqs, early)).toEqual([]);
  });

  test('messages that wait stay raw when their subscription or their topic ends', async () => {
    const fixture = await newTopic();
    const { sns, sqs, topic } = fixture;
    const [one, other] = [await newQueue(sqs), await newQueue(sqs)];
    const SubscriptionArn = await subscribe(fixture, one, RAW);
    await subscribe(fixture, other, RAW);
    await sns.publish({ TopicArn: topic, Message: 'raw' });
    await sns.unsubscribe({ SubscriptionArn });
    expect(bodiesOf(await drainQueue(sqs, one, 1))).toEqual(['raw']);
    await sns.deleteTopic({ TopicArn: topic });
    expect(bodiesOf(await drainQueue(sqs, other, 1))).toEqual(['raw']);
  });
});

// ElasticMQ has no SNS.
describe.skipIf(PEER_LACKS_SNS)('topics and subscriptions', () => {
  test('a topic is created once, has attributes and tags, and is gone when deleted', async () => {
    const sns = snsClient(peer);
    const Name = uniqueName('topic');
    const { TopicArn } = await sns.createTopic({
      Name,
      Attributes: { DisplayName: 'Orders' },
      Tags: [{ Key: 'team', Value: 'a' }],
    });
    expect(TopicArn).toMatch(new RegExp(`^arn:aws:sns:[a-z0-9-]+:\\d{12}:${Name}$`));
    expect((await sns.createTopic({ Name })).TopicArn).toBe(TopicArn);
    await sns.setTopicAttributes({
      TopicArn,
      AttributeName: 'DisplayName',
      AttributeValue: 'All orders',
    });
    const { Attributes } = await sns.getTopicAttributes({ TopicArn });
    expect(Attributes).toMatchObject({
      TopicArn,
      DisplayName: 'All orders',
      SubscriptionsConfirmed: '0',
      SubscriptionsPending: '0',
    });
    await sns.tagResource({ ResourceArn: TopicArn, Tags: [{ Key: 'stage', Value: 'test' }] });
    await sns.untagResource({ ResourceArn: TopicArn, TagKeys: ['team'] });
    expect((await sns.listTagsForResource({ ResourceArn: TopicArn })).Tags).toEqual([
      { Key: 'stage', Value: 'test' },
    ]);
    const listed = async () => {
      const arns: (string | undefined)[] = [];
      let token: string | undefined;
      do {
        const page = await sns.listTopics({ NextToken: token });
        arns.push(...(page.Topics ?? []).map((topic) => topic.TopicArn));
        token = page.NextToken;
      } while (token !== undefined);
      return arns;
    };
    expect(await listed()).toContain(TopicArn);
    await sns.deleteTopic({ TopicArn });
    expect(await listed()).not.toContain(TopicArn);
    expect(await refusal(sns.publish({ TopicArn, Message: 'x' }))).toMatchObject({
      name: 'NotFoundException',
      status: 404,
    });
  });

  test('subscribing again is answered with the same subscription if nothing differs', async () => {
    const fixture = await newTopic();
    const { sns, sqs, topic } = fixture;
    const queue = await newQueue(sqs);
    const first = await subscribe(fixture, queue, RAW);
    expect(await subscribe(fixture, queue, RAW)).toBe(first);
    expect(await subscribe(fixture, queue)).toBe(first);
    const { Subscriptions } = await sns.listSubscriptionsByTopic({ TopicArn: topic });
    expect(Subscriptions).toMatchObject([
      { SubscriptionArn: first, Protocol: 'sqs', Endpoint: await arnOf(sqs, queue) },
    ]);
    // moto does not compare.
    if (lacksIt('moto')) return;
    expect(await refusedWith(subscribe(fixture, queue, { RawMessageDelivery: 'false' }))).toBe(
      'InvalidParameterException',
    );
  });

  test('attributes of a subscription are read and changed', async () => {
    const fixture = await newTopic();
    const { sns, sqs, topic } = fixture;
    const queue = await newQueue(sqs);
    const SubscriptionArn = await subscribe(fixture, queue);
    const attributes = async () =>
      (await sns.getSubscriptionAttributes({ SubscriptionArn })).Attributes!;
    expect(await attributes()).toMatchObject({
      SubscriptionArn,
      TopicArn: topic,
      Protocol: 'sqs',
      Endpoint: await arnOf(sqs, queue),
      RawMessageDelivery: 'false',
      PendingConfirmation: 'false',
    });
    await sns.setSubscriptionAttributes({
      SubscriptionArn,
      AttributeName: 'RawMessageDelivery',
      AttributeValue: 'true',
    });
    expect(await attributes()).toMatchObject({ RawMessageDelivery: 'true' });
    await sns.publish({ TopicArn: topic, Message: 'raw now' });
    expect(bodiesOf(await drainQueue(sqs, queue, 1))).toEqual(['raw now']);
    const wrong = sns.setSubscriptionAttributes({
      SubscriptionArn,
      AttributeName: 'Colour',
      AttributeValue: 'red',
    });
    expect(await refusedWith(wrong)).toBe('InvalidParameterException');
  });

  // moto takes any protocol and endpoint.
  test.skipIf(lacksIt('moto'))('what cannot be delivered to is refused at once', async () => {
    const { sns, sqs, topic } = await newTopic();
    const to = (Protocol: string, Endpoint: string) =>
      refusedWith(sns.subscribe({ TopicArn: topic, Protocol, Endpoint }));
    expect(await to('pigeon', 'coop')).toBe('InvalidParameterException');
    expect(await to('http', 'ftp://somewhere')).toBe('InvalidParameterException');
    expect(await to('sqs', 'no arn')).toBe('InvalidParameterException');
    const fifo = await arnOf(sqs, await newFifoQueue(sqs));
    expect(await to('sqs', fifo)).toBe('InvalidParameterException');
    expect(await to('email', 'a@example.com')).toBe('InvalidParameterException');
  });
});

// moto has no FIFO topics that keep order and duplicates away.
describe.skipIf(PEER_LACKS_SNS || lacksIt('moto'))('FIFO topics', () => {
  test('messages come in order, once, with their group', async () => {
    const fixture = await newTopic({ FifoTopic: 'true' });
    const { sns, sqs, topic } = fixture;
    const queue = await newFifoQueue(sqs);
    await subscribe(fixture, queue, RAW);
    const publish = (Message: string, id: string) =>
      sns.publish({
        TopicArn: topic,
        Message,
        MessageGroupId: 'g',
        MessageDeduplicationId: id,
      });
    const first = await publish('1', 'a');
    const again = await publish('1', 'a');
    await publish('2', 'b');
    expect(first.SequenceNumber).toMatch(/^\d{20}$/);
    expect(again.MessageId).toBe(first.MessageId);
    const messages = await drainQueue(sqs, queue, 2);
    expect(bodiesOf(messages)).toEqual(['1', '2']);
    expect(messages[0]!.Attributes).toMatchObject({
      MessageGroupId: 'g',
      MessageDeduplicationId: 'a',
    });
    expect(await receive(sqs, queue)).toEqual([]);
  });

  test('a group is wanted, and an id where the content is none', async () => {
    const { sns, topic } = await newTopic({ FifoTopic: 'true' });
    const publish = (more: object) =>
      refusedWith(sns.publish({ TopicArn: topic, Message: 'x', ...more }));
    expect(await publish({})).toBe('InvalidParameterException');
    expect(await publish({ MessageGroupId: 'g' })).toBe('InvalidParameterException');
  });
});
