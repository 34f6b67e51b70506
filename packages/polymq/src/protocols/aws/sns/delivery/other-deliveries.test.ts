/** Deliveries to functions, phones and mailboxes. */
import { afterEach, describe, expect, it } from 'vitest';
import type { Failure } from './delivery.ts';
import { functionUrl } from './send/lambda.ts';
import { type Kit, type KitOptions, openKit, REDRIVE, TOPIC_ARN } from './testing/kit.ts';
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

const FUNCTION = 'arn:aws:lambda:us-east-1:000000000000:function:greet';
const ATTRIBUTES = JSON.stringify({
  color: { DataType: 'String', StringValue: 'red' },
  bytes: { DataType: 'Binary', BinaryValue: 'AAE=' },
});

/** Options for a function at the receiver, to which no other private address matters. */
function functionAt(url: string): KitOptions {
  return { sns: { lambdaEndpoints: new Map([['greet', url]]), privateTargets: [] } };
}

describe('a lambda subscription', () => {
  it('invokes the function with the event of SNS', async () => {
    const { url, until } = await receive();
    const news = await open(functionAt(url));
    const subscription = await news.subscribe('lambda', FUNCTION);
    news.publish(subscription, 'hello', { attributes: ATTRIBUTES });
    const [request] = await until(1);
    expect(request!.url).toBe('/2015-03-31/functions/greet/invocations');
    expect(request!.headers['content-type']).toBe('application/json');
    const { Records } = JSON.parse(request!.body) as { Records: object[] };
    expect(Records).toHaveLength(1);
    expect(Records[0]).toMatchObject({
      EventSource: 'aws:sns',
      EventVersion: '1.0',
      EventSubscriptionArn: subscription.arn,
      Sns: {
        Type: 'Notification',
        TopicArn: TOPIC_ARN,
        Subject: null,
        Message: 'hello',
        Signature: 'signature-2',
        SigningCertUrl: 'http://broker:9324/SimpleNotificationService-test.pem',
        UnsubscribeUrl: `http://broker:9324/?Action=Unsubscribe&SubscriptionArn=${subscription.arn}`,
        MessageAttributes: {
          color: { Type: 'String', Value: 'red' },
          bytes: { Type: 'Binary', Value: 'AAE=' },
        },
      },
    });
    await news.until(() => news.count('lambda', 'delivered') === 1);
  });

  it.each<[string, Answer]>([
    [
      'a header',
      (response) => response.writeHead(200, { 'x-amz-function-error': 'Unhandled' }).end('{}'),
    ],
    [
      'an error report alone',
      (response) => response.end('{"errorType":"TypeError","errorMessage":"no","trace":[]}'),
    ],
    ['its status', (response) => response.writeHead(502).end()],
  ])('invokes the function again that says by %s that it has failed', async (_, answer) => {
    const { url, until } = await receive((response, index, request) => {
      if (index === 0) answer(response, index, request);
      else response.end('{"fine":true}');
    });
    const news = await open(functionAt(url));
    const subscription = await news.subscribe('lambda', FUNCTION);
    news.publish(subscription, 'hello');
    // The first retries come without delay.
    await until(2);
    await news.until(() => news.count('lambda', 'delivered') === 1);
    expect(news.count('lambda', 'retried')).toBe(1);
  });

  it('gives up at once where no endpoint is configured any more', async () => {
    const news = await open();
    const subscription = await news.subscribe('lambda', FUNCTION, { RedrivePolicy: REDRIVE });
    news.publish(subscription, 'hello');
    await news.until(() => news.count('lambda', 'dead-lettered') === 1);
    const [dead] = await news.deadLetters();
    expect(dead!.attributes['ErrorMessage']).toContain('sns.lambdaEndpoints');
    expect(JSON.parse(dead!.body)).toHaveProperty('Records');
  });
});

describe('the URL of a function', () => {
  const endpoints = new Map([
    ['greet', 'http://10.0.0.1:8080'],
    ['rie', 'http://10.0.0.2:8080/2015-03-31/functions/function/invocations'],
  ]);

  it.each([
    ['greet', 'http://10.0.0.1:8080/2015-03-31/functions/greet/invocations'],
    ['greet:live', 'http://10.0.0.1:8080/2015-03-31/functions/greet/invocations?Qualifier=live'],
    ['rie', 'http://10.0.0.2:8080/2015-03-31/functions/function/invocations'],
    ['other', undefined],
  ])('of %s is %s', (name, url) => {
    expect(functionUrl(endpoints, `arn:aws:lambda:us-east-1:0:function:${name}`)).toBe(url);
  });

  it('is that for all functions where there is none for it', () => {
    const all = new Map([...endpoints, ['*', 'http://10.0.0.3/']]);
    expect(functionUrl(all, 'arn:aws:lambda:us-east-1:0:function:other')).toBe(
      'http://10.0.0.3/2015-03-31/functions/other/invocations',
    );
    expect(functionUrl(all, 'arn:aws:sqs:us-east-1:0:other')).toBeUndefined();
  });
});

describe('an sms subscription', () => {
  it('posts to the webhook', async () => {
    const { url, until } = await receive(status(500, 202));
    const news = await open({ sns: { smsWebhook: `${url}/sms`, privateTargets: [] } });
    const subscription = await news.subscribe('sms', '+4915112345678');
    const structure = JSON.stringify({ default: 'long', sms: 'short' });
    const messageId = '0a0a0a0a-1111-4222-8333-444444444444';
    news.publish(subscription, 'long', { structure, attributes: ATTRIBUTES, messageId });
    await until(1);
    await news.until(() => news.count('sms', 'retried') === 1);
    await news.pass(12_000);
    const [, request] = await until(2);
    expect(request!.url).toBe('/sms');
    expect(JSON.parse(request!.body)).toEqual({
      phoneNumber: '+4915112345678',
      message: 'short',
      messageId,
      attributes: JSON.parse(ATTRIBUTES),
    });
    await news.until(() => news.count('sms', 'delivered') === 1);
  });

  it('is not needed to send one', async () => {
    const { url, received } = await receive(status(200, 500));
    const news = await open({ sns: { smsWebhook: url } });
    const message = { properties: { messageId: 'id' }, body: 'hi', publishedMs: 0 };
    await news.workers.sendSms('+491', message);
    expect(JSON.parse(received[0]!.body)).toMatchObject({ phoneNumber: '+491', message: 'hi' });
    await expect(news.workers.sendSms('+491', message)).rejects.toThrow('status 500');
  });
});

describe('an email subscription', () => {
  it('gets the text and a link to end it, in the name of the topic', async () => {
    const news = await open();
    news.topicAttributes['DisplayName'] = 'The News';
    const subscription = await news.subscribe('email', 'reader@example.com');
    news.publish(subscription, 'all is well', { subject: 'Today' });
    await news.until(() => news.count('email', 'delivered') === 1);
    expect(news.mails).toEqual([
      {
        to: 'reader@example.com',
        fromName: 'The News',
        fromAddress: 'news@example.com',
        subject: 'Today',
        text: expect.stringMatching(
          /^all is well\n[\s\S]*\nhttp:\/\/broker:9324\/\?Action=Unsubscribe&/,
        ),
      },
    ]);
  });

  it('of kind email-json gets the envelope', async () => {
    const news = await open();
    const subscription = await news.subscribe('email-json', 'robot@example.com');
    news.publish(subscription, 'all is well');
    await news.until(() => news.count('email-json', 'delivered') === 1);
    expect(JSON.parse(news.mails[0]!.text)).toMatchObject({ Message: 'all is well' });
    expect(news.mails[0]).toMatchObject({ fromName: 'news', subject: 'AWS Notification Message' });
  });

  it('is asked to confirm by a mail with a link', async () => {
    const news = await open();
    const subscription = await news.subscribe('email', 'reader@example.com');
    news.workers.confirm(subscription, 'the-token');
    await news.until(() => news.mails.length === 1);
    expect(news.mails[0]!.text).toContain('/?Action=ConfirmSubscription&');
    expect(news.mails[0]!.text).toContain('Token=the-token');
  });

  it('waits for a mail server that is away, and not for an address that is refused', async () => {
    const failures: Failure[] = [
      { retry: true, code: 'ECONNREFUSED', message: 'away' },
      { retry: false, code: '550', message: 'the mail server answered 550' },
    ];
    const news = await open({ mailFailure: () => failures.shift() });
    const subscription = await news.subscribe('email', 'reader@example.com', {
      RedrivePolicy: REDRIVE,
    });
    news.publish(subscription, 'all is well');
    await news.until(() => news.count('email', 'retried') === 1);
    await news.pass(12_000);
    await news.until(() => news.count('email', 'dead-lettered') === 1);
    const [dead] = await news.deadLetters();
    expect(dead!.attributes['ErrorCode']).toBe('550');
  });
});
