/** Deliveries to real HTTP servers on this machine. */
import { afterEach, describe, expect, it } from 'vitest';
import {
  DEAD_LETTERS,
  type Kit,
  type KitOptions,
  openKit,
  REDRIVE,
  TOPIC_ARN,
} from './testing/kit.ts';
import { type Answer, type Receiver, startReceiver, status } from './testing/receiver.ts';

let kit: Kit | undefined;
const receivers: Receiver[] = [];

afterEach(async () => {
  for (const receiver of receivers.splice(0)) await receiver.close();
  await kit?.destroy();
  kit = undefined;
});

async function open(options?: KitOptions): Promise<Kit> {
  kit = await openKit(options);
  return kit;
}

async function receive(answer?: Answer): Promise<Receiver> {
  const receiver = await startReceiver(answer);
  receivers.push(receiver);
  return receiver;
}

function retries(change: object): Record<string, string> {
  const policy = { minDelayTarget: 20, maxDelayTarget: 20, numRetries: 3, ...change };
  return { DeliveryPolicy: JSON.stringify({ healthyRetryPolicy: policy }) };
}

describe('an http subscription', () => {
  it('gets the envelope with the headers of SNS, and the message is gone then', async () => {
    const news = await open();
    const { url, until } = await receive();
    const subscription = await news.subscribe('http', `${url}/hook?a=b`);
    news.publish(subscription, 'héllo', { subject: 'Greeting' });
    const [request] = await until(1);
    expect(request!.url).toBe('/hook?a=b');
    const envelope = JSON.parse(request!.body) as Record<string, string>;
    expect(envelope).toMatchObject({
      Type: 'Notification',
      TopicArn: TOPIC_ARN,
      Subject: 'Greeting',
      Message: 'héllo',
      SignatureVersion: '2',
      Signature: 'signature-2',
      SigningCertURL: 'http://broker:9324/SimpleNotificationService-test.pem',
    });
    expect(request!.headers).toMatchObject({
      'content-type': 'text/plain; charset=UTF-8',
      'user-agent': 'Amazon Simple Notification Service Agent',
      'x-amz-sns-message-type': 'Notification',
      'x-amz-sns-message-id': envelope['MessageId'],
      'x-amz-sns-topic-arn': TOPIC_ARN,
      'x-amz-sns-subscription-arn': subscription.arn,
    });
    expect(request!.headers['x-amz-sns-rawdelivery']).toBeUndefined();
    await news.until(() => news.count('http', 'delivered') === 1);
    expect(news.store.rows.count).toBe(0);
  });

  it('that is raw gets the body alone', async () => {
    const news = await open();
    const { url, until } = await receive();
    const subscription = await news.subscribe('http', url, {
      RawMessageDelivery: 'true',
      DeliveryPolicy: '{"requestPolicy":{"headerContentType":"application/json"}}',
    });
    news.publish(subscription, '{"a":1}');
    const [request] = await until(1);
    expect(request!.body).toBe('{"a":1}');
    expect(request!.headers).toMatchObject({
      'content-type': 'application/json',
      'x-amz-sns-rawdelivery': 'true',
    });
  });

  it('gets what another protocol has published to the topic, under one id each time', async () => {
    const news = await open();
    const { url, until } = await receive(status(500, 200));
    const policy = retries({ numRetries: 1, numNoDelayRetries: 1 });
    const subscription = await news.subscribe('http', url, policy);
    const headers = [{ name: 'color', value: 'red' }];
    news.publishForeign(subscription, Buffer.from('from afar'), { headers });
    const envelopes = (await until(2)).map(({ body }) => JSON.parse(body) as object);
    expect(envelopes[0]).toMatchObject({
      TopicArn: TOPIC_ARN,
      Message: 'from afar',
      MessageAttributes: { color: { Type: 'String', Value: 'red' } },
    });
    expect(envelopes[1]).toEqual(envelopes[0]);
  });

  it('gets the body meant for http', async () => {
    const news = await open();
    const { url, until } = await receive();
    const subscription = await news.subscribe('http', url, { RawMessageDelivery: 'true' });
    const structure = JSON.stringify({ default: 'for all', http: 'for http' });
    news.publish(subscription, 'for all', { structure });
    const [request] = await until(1);
    expect(request!.body).toBe('for http');
  });

  it('that fails gets the message again after the delay', async () => {
    const news = await open();
    const { url, received, until } = await receive(status(500, 503, 429, 200));
    const subscription = await news.subscribe('http', url);
    news.publish(subscription, 'again');
    for (const count of [1, 2, 3]) {
      await until(count);
      await news.until(() => news.queueOf(subscription).delayedCount === 1);
      await news.pass(19_000);
      expect(received).toHaveLength(count);
      // In small steps: what is left of one counts towards the next delay.
      while (news.queueOf(subscription).delayedCount === 1) await news.pass(100);
    }
    await until(4);
    await news.until(() => news.count('http', 'delivered') === 1);
    expect(news.count('http', 'retried')).toBe(3);
    expect(new Set(received.map(({ body }) => body)).size).toBe(1);
    expect(news.store.rows.count).toBe(0);
  });

  it('that always fails loses the message to the dead-letter queue, with the reason', async () => {
    const news = await open();
    const { url, received, until } = await receive(status(500));
    const subscription = await news.subscribe('http', url, {
      RedrivePolicy: REDRIVE,
      ...retries({ numRetries: 2, numNoDelayRetries: 1 }),
    });
    news.publish(subscription, 'never');
    await until(2);
    await news.until(() => news.queueOf(subscription).delayedCount === 1);
    await news.pass(25_000);
    await until(3);
    await news.until(() => news.count('http', 'dead-lettered') === 1);
    const [dead, ...others] = await news.deadLetters();
    expect(others).toEqual([]);
    expect(dead!.body).toBe(received[2]!.body);
    expect(dead!.attributes).toMatchObject({
      ErrorCode: '500',
      ErrorMessage: 'the endpoint answered with status 500',
    });
    expect(dead!.attributes['RequestID']).toMatch(/^[0-9a-f-]{36}$/);
    expect(dead!.properties.published).toBeUndefined();
    expect(news.store.rows.count).toBe(1);
  });

  it.each([404, 400, 301, 302])('that answers %i is not tried again', async (code) => {
    const news = await open();
    const elsewhere = await receive();
    const { url, received } = await receive((response) => {
      response.writeHead(code, { location: elsewhere.url }).end();
    });
    const subscription = await news.subscribe('http', url, {
      RedrivePolicy: REDRIVE,
      RawMessageDelivery: 'true',
    });
    const attributes = JSON.stringify({ own: { DataType: 'String', StringValue: 'kept' } });
    news.publish(subscription, 'once', { attributes });
    await news.until(() => news.count('http', 'dead-lettered') === 1);
    expect(received).toHaveLength(1);
    expect(elsewhere.received).toHaveLength(0);
    const [dead] = await news.deadLetters();
    expect(dead).toMatchObject({
      body: 'once',
      attributes: { ErrorCode: String(code), own: 'kept' },
    });
  });

  it('without a dead-letter queue loses what cannot be delivered, with a line in the log', async () => {
    const news = await open();
    const { url } = await receive(status(403));
    const subscription = await news.subscribe('http', url);
    news.publish(subscription, 'secret');
    await news.until(() => news.count('http', 'dropped') === 1);
    expect(news.store.rows.count).toBe(0);
    expect(news.logged).toHaveLength(1);
    expect(news.logged[0]!.fields).toMatchObject({ subscription: subscription.arn, code: '403' });
    expect(JSON.stringify(news.logged)).not.toContain('secret');
  });

  it('whose dead-letter queue is gone loses it too', async () => {
    const news = await open();
    const { url } = await receive(status(403));
    const subscription = await news.subscribe('http', url, { RedrivePolicy: REDRIVE });
    await news.queues.delete(news.queues.get('', DEAD_LETTERS)!);
    news.publish(subscription, 'lost');
    await news.until(() => news.count('http', 'dropped') === 1);
    expect(news.logged[0]!.fields).toMatchObject({
      reason: `the dead-letter queue "${DEAD_LETTERS}" does not exist`,
    });
  });

  it('on a private address is refused unless that is allowed', async () => {
    const news = await open({ sns: { privateTargets: [] } });
    const { url, received } = await receive();
    const subscription = await news.subscribe('http', url, { RedrivePolicy: REDRIVE });
    news.publish(subscription, 'inside');
    await news.until(() => news.count('http', 'dead-lettered') === 1);
    expect(received).toHaveLength(0);
    const [dead] = await news.deadLetters();
    expect(dead!.attributes['ErrorMessage']).toContain('sns.privateTargets');
  });

  it('that is not there is tried again', async () => {
    const news = await open();
    const gone = await receive();
    await gone.close();
    const subscription = await news.subscribe('http', gone.url);
    news.publish(subscription, 'wait');
    await news.until(() => news.count('http', 'retried') === 1);
    expect(news.queueOf(subscription).delayedCount).toBe(1);
  });

  it('is done when it has said 200, however much it says besides', async () => {
    const news = await open();
    const { url } = await receive((response) => {
      response.writeHead(200);
      const more = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(64 * 1024)));
        if (!response.destroyed) response.once('drain', more);
      };
      more();
    });
    const subscription = await news.subscribe('http', url);
    news.publish(subscription, 'short');
    await news.until(() => news.count('http', 'delivered') === 1);
    expect(news.store.rows.count).toBe(0);
  });

  it('gets at most eight messages at the same time', async () => {
    const news = await open();
    const gate = new Gate();
    const { url, open: requests, until } = await receive(gate.answer);
    const subscription = await news.subscribe('http', url);
    for (let index = 0; index < 40; index++) news.publish(subscription, `m${index}`);
    await news.until(() => requests.now === 8);
    expect(news.queueOf(subscription).leasedCount).toBe(8);
    gate.open();
    await until(40);
    expect(requests.most).toBe(8);
    await news.until(() => news.count('http', 'delivered') === 40);
  });

  it('shares fifty deliveries at the same time with all others', async () => {
    const news = await open();
    const gate = new Gate();
    const targets: Receiver[] = [];
    let most = 0;
    const running = (): number => {
      const sum = targets.reduce((count, { open: requests }) => count + requests.now, 0);
      most = Math.max(most, sum);
      return sum;
    };
    // The outbound client bounds what one target gets, too.
    for (let index = 0; index < 9; index++) {
      const receiver = await receive((...answered) => {
        running();
        gate.answer(...answered);
      });
      targets.push(receiver);
      const subscription = await news.subscribe('http', receiver.url, {}, { id: idOf(index) });
      for (let count = 0; count < 20; count++) news.publish(subscription, `m${count}`);
    }
    await news.until(() => running() === 50);
    gate.open();
    await news.until(() => news.count('http', 'delivered') === 180);
    expect(most).toBe(50);
    for (const { received } of targets) expect(received).toHaveLength(20);
  });

  it('gets no more a second than its policy says', async () => {
    const news = await open();
    const { url, received, until } = await receive();
    const subscription = await news.subscribe('http', url, {
      DeliveryPolicy: '{"throttlePolicy":{"maxReceivesPerSecond":2}}',
    });
    for (let index = 0; index < 6; index++) news.publish(subscription, `m${index}`);
    await until(1);
    for (const count of [2, 3, 4, 5, 6]) {
      await news.until(() => news.count('http', 'delivered') === count - 1);
      news.core.clock.advance(480);
      expect(received).toHaveLength(count - 1);
      news.core.clock.advance(20);
      await until(count);
    }
  });

  it('follows the topic’s policy as soon as it is set', async () => {
    const news = await open();
    const { url, received, until } = await receive(status(500));
    const subscription = await news.subscribe('http', url, { RedrivePolicy: REDRIVE });
    const policy = { minDelayTarget: 1, maxDelayTarget: 1, numRetries: 0 };
    news.topicAttributes['DeliveryPolicy'] = JSON.stringify({
      http: { defaultHealthyRetryPolicy: policy },
    });
    news.publish(subscription, 'once');
    await until(1);
    await news.until(() => news.count('http', 'dead-lettered') === 1);
    expect(received).toHaveLength(1);
  });

  it('that has ended gets nothing more', async () => {
    const news = await open();
    const { url, received } = await receive();
    const subscription = await news.subscribe('http', url);
    news.workers.stop(subscription.id);
    news.publish(subscription, 'late');
    await news.pass(1_000);
    expect(received).toHaveLength(0);
    await news.queues.delete(news.queueOf(subscription));
  });

  it('may end while a delivery is under way', async () => {
    const news = await open();
    let answer = (): void => undefined;
    const { url, until } = await receive((response) => {
      answer = () => response.writeHead(500).end();
    });
    const subscription = await news.subscribe('http', url);
    news.publish(subscription, 'late');
    await until(1);
    news.workers.stop(subscription.id);
    await news.queues.delete(news.queueOf(subscription));
    answer();
    await news.workers.close();
    expect(news.count('http', 'retried')).toBe(0);
    expect(news.store.rows.count).toBe(0);
  });
});

describe('a message of a FIFO topic', () => {
  it('waits for the one before it in its group, also while that one is tried again', async () => {
    const news = await open();
    const { url, received, until } = await receive((response, index) => {
      response.writeHead(index === 0 ? 500 : 200).end();
    });
    const subscription = await news.subscribe(
      'http',
      url,
      { RawMessageDelivery: 'true', ...retries({}) },
      { fifo: true },
    );
    for (const body of ['a1', 'a2', 'a3']) news.publish(subscription, body, { groupId: 'a' });
    await until(1);
    await news.until(() => news.queueOf(subscription).delayedCount === 1);
    for (const body of ['b1', 'b2']) news.publish(subscription, body, { groupId: 'b' });
    await until(3);
    await news.pass(23_000);
    await until(6);
    expect(received.map(({ body }) => body)).toEqual(['a1', 'b1', 'b2', 'a1', 'a2', 'a3']);
  });

  it('keeps its group in the dead-letter queue', async () => {
    const news = await open();
    const { url } = await receive(status(400));
    const subscription = await news.subscribe(
      'http',
      url,
      { RedrivePolicy: REDRIVE },
      { fifo: true },
    );
    news.publish(subscription, 'a1', { groupId: 'a', deduplicationId: 'd1' });
    await news.until(() => news.count('http', 'dead-lettered') === 1);
    const [dead] = await news.deadLetters();
    expect(dead!.properties).toMatchObject({
      groupId: 'a',
      deduplicationId: 'd1',
      sequenceNumber: '00000000000000000001',
    });
  });
});

describe('a restart in the middle of retries', () => {
  it.each([
    ['in order', false],
    ['after a crash', true],
  ])('goes on where they were, %s', async (_, crash) => {
    const before = await open({ engine: 'file' });
    const { url, received, until } = await receive(status(500));
    const attributes = { RedrivePolicy: REDRIVE, ...retries({ numRetries: 2 }) };
    const subscription = await before.subscribe('http', url, attributes);
    before.publish(subscription, 'durable');
    await until(1);
    await before.until(() => before.queueOf(subscription).delayedCount === 1);
    await before.pass(1_000);
    kit = await before.restart({ crash });
    const after = kit;
    await after.subscribe('http', url, attributes);
    expect(after.queueOf(subscription).delayedCount).toBe(1);
    await after.pass(25_000);
    await until(2);
    await after.until(() => after.queueOf(subscription).delayedCount === 1);
    await after.pass(25_000);
    await until(3);
    await after.until(() => after.count('http', 'dead-lettered') === 1);
    expect(received).toHaveLength(3);
    expect(await after.deadLetters()).toHaveLength(1);
    // In one commit it came there and left the queue it was in.
    kit = await after.restart({ crash });
    await kit.subscribe('http', url, attributes);
    expect(await kit.deadLetters()).toHaveLength(1);
    expect(kit.store.rows.count).toBe(1);
  });

  it('delivers what was under way once more', async () => {
    const before = await open({ engine: 'file' });
    const { url, received, until } = await receive((response, index) => {
      if (index > 0) response.writeHead(200).end();
    });
    const subscription = await before.subscribe('http', url);
    before.publish(subscription, 'durable');
    await until(1);
    kit = await before.restart({ crash: true });
    await kit.subscribe('http', url);
    await until(2);
    await kit.until(() => kit!.count('http', 'delivered') === 1);
    expect(received[1]!.body).toBe(received[0]!.body);
  });
});

describe('a notice', () => {
  it('asks an endpoint to confirm, again if it fails, until the subscription is confirmed', async () => {
    const news = await open();
    const { url, received, until } = await receive(status(500));
    const subscription = await news.subscribe('http', url);
    news.workers.confirm(subscription, 'the-token');
    const [request] = await until(1);
    expect(request!.headers).toMatchObject({
      'content-type': 'text/plain; charset=UTF-8',
      'x-amz-sns-message-type': 'SubscriptionConfirmation',
      'x-amz-sns-topic-arn': TOPIC_ARN,
    });
    expect(request!.headers['x-amz-sns-subscription-arn']).toBeUndefined();
    expect(JSON.parse(request!.body)).toMatchObject({
      Type: 'SubscriptionConfirmation',
      Token: 'the-token',
      SubscribeURL: `http://broker:9324/?Action=ConfirmSubscription&TopicArn=${TOPIC_ARN}&Token=the-token`,
    });
    await news.pass(23_000);
    await until(2);
    news.workers.start(subscription);
    await news.pass(120_000);
    expect(received).toHaveLength(2);
  });

  it('is given up after the retries', async () => {
    const news = await open();
    const { url, received, until } = await receive(status(500));
    const subscription = await news.subscribe('http', url);
    news.workers.confirm(subscription, 'token');
    for (const count of [1, 2, 3, 4]) {
      await until(count);
      await news.pass(23_000);
    }
    await news.pass(60_000);
    expect(received).toHaveLength(4);
    expect(news.logged.map(({ message }) => message)).toEqual([
      'an endpoint could not be told of its subscription',
    ]);
  });

  it('tells an endpoint that its subscription has ended', async () => {
    const news = await open();
    const { url, until } = await receive();
    const subscription = await news.subscribe('http', url);
    news.workers.stop(subscription.id);
    news.workers.ended(subscription, 'restores');
    const [request] = await until(1);
    expect(request!.headers).toMatchObject({
      'x-amz-sns-message-type': 'UnsubscribeConfirmation',
      'x-amz-sns-subscription-arn': subscription.arn,
    });
    expect(JSON.parse(request!.body)).toMatchObject({ Token: 'restores' });
  });
});

/** Holds answers back until it is opened. */
class Gate {
  #held: (() => void)[] | undefined = [];

  readonly answer: Answer = (response) => {
    const say = (): void => void response.writeHead(200).end();
    if (this.#held === undefined) say();
    else this.#held.push(say);
  };

  open(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const say of held) say();
  }
}

function idOf(index: number): string {
  return `11111111-2222-4333-8444-55555555555${index}`;
}
