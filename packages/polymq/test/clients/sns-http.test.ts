/** Subscriptions over HTTP: confirmation, deliveries, retries and dead letters. */
import { Agent, get } from 'node:http';
import type { SNS } from '@aws-sdk/client-sns';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import {
  arnOf,
  bodiesOf,
  newQueue,
  receiveUntil,
  refusal,
  snsClient,
  sqsClient,
} from './aws-client.ts';
import {
  type Delivery,
  type Envelope,
  type HttpEndpoint,
  signatureIsRight,
  startEndpoint,
} from './aws-endpoint.ts';
import {
  AWS_PEER_IS_POLYMQ,
  type AwsPeer,
  lacksIt,
  PEER_LACKS_SNS,
  startAwsPeer,
} from './aws-peer.ts';
import { validatesForItsUsers } from './aws-sns-validator.ts';
import { eventually, uniqueName } from './peer.ts';

let peer: AwsPeer;

beforeAll(async () => {
  if (PEER_LACKS_SNS) return;
  peer = await startAwsPeer({ env: { POLYMQ_SNS__PRIVATE_TARGETS: '127.0.0.1/32' } });
});
afterAll(() => peer?.stop());

interface Fixture {
  sns: SNS;
  topic: string;
  endpoint: HttpEndpoint;
}

async function newFixture(): Promise<Fixture> {
  const sns = snsClient(peer);
  const endpoint = await startEndpoint();
  const { TopicArn } = await sns.createTopic({ Name: uniqueName('topic') });
  onTestFinished(async () => {
    await sns.deleteTopic({ TopicArn });
    await endpoint.close();
  });
  return { sns, topic: TopicArn!, endpoint };
}

const envelopeOf = ({ body }: Delivery): Envelope => JSON.parse(body);

async function confirmed(
  { sns, topic, endpoint }: Fixture,
  attributes: Record<string, string> = {},
): Promise<string> {
  await sns.subscribe({
    TopicArn: topic,
    Protocol: 'http',
    Endpoint: endpoint.url,
    Attributes: attributes,
  });
  const [confirmation] = await endpoint.waitFor(1);
  const { Token } = envelopeOf(confirmation!);
  const { SubscriptionArn } = await sns.confirmSubscription({ TopicArn: topic, Token });
  endpoint.deliveries.length = 0;
  return SubscriptionArn!;
}

/** As a browser visits a link. */
function visit(url: string): Promise<number> {
  return new Promise((resolve, reject) => {
    get(url, { agent: new Agent() }, (answer) => {
      answer.resume().on('end', () => resolve(answer.statusCode ?? 0));
    }).on('error', reject);
  });
}

// ElasticMQ has no SNS.
describe.skipIf(PEER_LACKS_SNS)('confirmation', () => {
  // moto asks nobody.
  test.skipIf(lacksIt('moto'))(
    'an endpoint is asked, and gets messages after its answer alone',
    async () => {
      const { sns, topic, endpoint } = await newFixture();
      const pending = await sns.subscribe({
        TopicArn: topic,
        Protocol: 'http',
        Endpoint: endpoint.url,
      });
      expect(pending.SubscriptionArn).toBe('pending confirmation');
      const [asked] = await endpoint.waitFor(1);
      expect(asked).toMatchObject({
        method: 'POST',
        path: '/deliveries',
        headers: {
          'x-amz-sns-message-type': 'SubscriptionConfirmation',
          'x-amz-sns-topic-arn': topic,
          'content-type': 'text/plain; charset=UTF-8',
        },
      });
      const envelope = envelopeOf(asked!);
      expect(envelope).toMatchObject({ Type: 'SubscriptionConfirmation', TopicArn: topic });
      expect(await signatureIsRight(envelope)).toBe(true);
      expect(await validatesForItsUsers(envelope)).toBe(true);
      await sns.publish({ TopicArn: topic, Message: 'too early' });
      const { Attributes } = await sns.getTopicAttributes({ TopicArn: topic });
      expect(Attributes).toMatchObject({ SubscriptionsPending: '1', SubscriptionsConfirmed: '0' });
      expect(await visit(envelope.SubscribeURL!)).toBe(200);
      const { MessageId } = await sns.publish({ TopicArn: topic, Message: 'hello', Subject: 's' });
      const [, delivery] = await endpoint.waitFor(2);
      expect(delivery!.headers).toMatchObject({
        'x-amz-sns-message-type': 'Notification',
        'x-amz-sns-message-id': MessageId,
        'x-amz-sns-topic-arn': topic,
      });
      const notification = envelopeOf(delivery!);
      expect(notification).toMatchObject({ Message: 'hello', Subject: 's', MessageId });
      expect(await signatureIsRight(notification)).toBe(true);
    },
  );

  // moto does it otherwise than AWS.
  test.skipIf(lacksIt('moto'))('a token that is none confirms nothing', async () => {
    const { sns, topic, endpoint } = await newFixture();
    await sns.subscribe({ TopicArn: topic, Protocol: 'http', Endpoint: endpoint.url });
    const confirm = sns.confirmSubscription({ TopicArn: topic, Token: 'x'.repeat(64) });
    expect(await refusal(confirm)).toMatchObject({
      name: 'InvalidParameterException',
      status: 400,
    });
    const { Attributes } = await sns.getTopicAttributes({ TopicArn: topic });
    expect(Attributes).toMatchObject({ SubscriptionsPending: '1' });
  });
});

// Only of our broker: the emulators have nothing to compare it with.
describe.skipIf(!AWS_PEER_IS_POLYMQ)('deliveries', () => {
  test('a raw subscription is posted the message itself', async () => {
    const fixture = await newFixture();
    await confirmed(fixture, { RawMessageDelivery: 'true' });
    await fixture.sns.publish({ TopicArn: fixture.topic, Message: '{"a":1}' });
    const [delivery] = await fixture.endpoint.waitFor(1);
    expect(delivery!.body).toBe('{"a":1}');
    expect(delivery!.headers['x-amz-sns-rawdelivery']).toBe('true');
  });

  test('what fails is tried again until it is taken', async () => {
    const fixture = await newFixture();
    const DeliveryPolicy = JSON.stringify({
      healthyRetryPolicy: {
        minDelayTarget: 1,
        maxDelayTarget: 1,
        numRetries: 5,
        numNoDelayRetries: 2,
      },
    });
    await confirmed(fixture, { DeliveryPolicy });
    fixture.endpoint.statuses = [500, 503, 200];
    await fixture.sns.publish({ TopicArn: fixture.topic, Message: 'again' });
    const deliveries = await fixture.endpoint.waitFor(3);
    const ids = deliveries.map(({ headers }) => headers['x-amz-sns-message-id']);
    expect(new Set(ids).size).toBe(1);
    await fixture.sns.publish({ TopicArn: fixture.topic, Message: 'next' });
    expect(envelopeOf((await fixture.endpoint.waitFor(4))[3]!).Message).toBe('next');
  });

  test('what is refused for good goes to the dead-letter queue with the reason', async () => {
    const fixture = await newFixture();
    const sqs = sqsClient(peer);
    const dead = await newQueue(sqs);
    await confirmed(fixture, {
      RedrivePolicy: JSON.stringify({ deadLetterTargetArn: await arnOf(sqs, dead) }),
    });
    fixture.endpoint.statuses = [404];
    await fixture.sns.publish({ TopicArn: fixture.topic, Message: 'nobody there' });
    const [letter] = await receiveUntil(sqs, dead, 1);
    expect(letter!.MessageAttributes).toMatchObject({ ErrorCode: { StringValue: '404' } });
    expect(JSON.parse(letter!.Body!).Message).toBe('nobody there');
  });

  test('messages that were not delivered yet are after a crash', async () => {
    const fixture = await newFixture();
    const DeliveryPolicy = JSON.stringify({
      healthyRetryPolicy: { minDelayTarget: 1, maxDelayTarget: 1, numRetries: 50 },
    });
    await confirmed(fixture, { DeliveryPolicy });
    fixture.endpoint.statuses = [500];
    for (const Message of ['1', '2', '3']) {
      await fixture.sns.publish({ TopicArn: fixture.topic, Message });
    }
    await peer.crashAndRestart();
    fixture.endpoint.statuses = [200];
    await eventually('all are delivered', () => {
      const got = new Set(
        fixture.endpoint.deliveries.map((delivery) => envelopeOf(delivery).Message),
      );
      return got.size === 3 || undefined;
    });
  });

  test('an unsubscribe link ends deliveries', async () => {
    const fixture = await newFixture();
    const queue = await newQueue(sqsClient(peer));
    const sqs = sqsClient(peer);
    await confirmed(fixture);
    await fixture.sns.subscribe({
      TopicArn: fixture.topic,
      Protocol: 'sqs',
      Endpoint: await arnOf(sqs, queue),
      Attributes: { RawMessageDelivery: 'true' },
    });
    await fixture.sns.publish({ TopicArn: fixture.topic, Message: '1' });
    const [delivery] = await fixture.endpoint.waitFor(1);
    expect(await visit(envelopeOf(delivery!).UnsubscribeURL!)).toBe(200);
    await fixture.sns.publish({ TopicArn: fixture.topic, Message: '2' });
    expect(bodiesOf(await receiveUntil(sqs, queue, 2)).sort()).toEqual(['1', '2']);
    // The last thing that may come is the farewell.
    const types = fixture.endpoint.deliveries.map(
      ({ headers }) => headers['x-amz-sns-message-type'],
    );
    expect(types.filter((type) => type === 'Notification')).toHaveLength(1);
  });

  test('addresses that are not allowed are refused, with the setting that allows them', async () => {
    const { sns, topic } = await newFixture();
    const subscribe = sns.subscribe({
      TopicArn: topic,
      Protocol: 'http',
      Endpoint: 'http://10.1.2.3/hook',
    });
    const { name, message } = await refusal(subscribe);
    expect(name).toBe('InvalidParameterException');
    expect(message).toContain('sns.privateTargets');
  });
});
