import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ACCOUNT, ORIGIN, queueArn, SnsKit, topicArn } from './testing/kit.ts';

let kit: SnsKit;

const DAY_MS = 86_400_000;

beforeEach(async () => {
  kit = await SnsKit.open({
    lambdaEndpoints: new Map([['resize', 'http://127.0.0.1:1']]),
    smtpUrl: 'smtp://127.0.0.1',
    emailFrom: 'news@example.com',
    smsWebhook: 'http://127.0.0.1:1',
  });
  await kit.topic('news');
});

afterEach(() => kit.destroy());

function inputOf(Protocol: string, Endpoint: string, more: object = {}): object {
  return { TopicArn: topicArn('news'), Protocol, Endpoint, ...more };
}

async function attributesOf(SubscriptionArn: string): Promise<Record<string, string>> {
  return (await kit.call('GetSubscriptionAttributes', { SubscriptionArn })).Attributes;
}

function setAttribute(SubscriptionArn: string, AttributeName: string, AttributeValue: string) {
  const change = { SubscriptionArn, AttributeName, AttributeValue };
  return kit.call('SetSubscriptionAttributes', change);
}

describe('Subscribe', () => {
  it('answers the same ARN for the same endpoint', async () => {
    await kit.createQueue('inbox');
    const raw = { RawMessageDelivery: 'True' };
    const arn = await kit.subscribe('news', 'inbox', raw);
    expect(arn).toMatch(new RegExp(`^${topicArn('news')}:[0-9a-f-]{36}$`));
    for (const attributes of [
      {},
      { RawMessageDelivery: 'true' },
      { ...raw, FilterPolicyScope: 'MessageAttributes' },
    ]) {
      expect(await kit.subscribe('news', 'inbox', attributes)).toBe(arn);
    }
    const other = inputOf('sqs', queueArn('inbox'), {
      Attributes: { RawMessageDelivery: 'false', FilterPolicyScope: 'MessageBody' },
    });
    expect(await kit.refusal('Subscribe', other)).toBe(
      'InvalidParameter: Invalid parameter: Attributes Reason: Subscription already exists with different attributes',
    );
  });

  it('makes one of two that come at once', async () => {
    await kit.createQueue('inbox');
    const arns = await Promise.all([
      kit.subscribe('news', 'inbox'),
      kit.subscribe('news', 'inbox'),
    ]);
    expect(arns[0]).toBe(arns[1]);
  });

  it.each([
    ['test', 'x', 'Amazon SNS does not support this protocol string: test'],
    ['sqs', 'http://broker/queue', 'SQS endpoint ARN'],
    ['sqs', topicArn('news'), 'SQS endpoint ARN'],
    ['sqs', '', 'Endpoint'],
    [
      'sqs',
      queueArn('inbox.fifo'),
      'Invalid parameter: Endpoint Reason: FIFO SQS Queues can not be subscribed to standard SNS topics',
    ],
    ['http', 'https://example.com', 'Endpoint must match the specified protocol'],
    ['https', 'http://example.com', 'Endpoint must match the specified protocol'],
    ['http', 'http://', 'HTTP(S) Endpoint Reason: it is no URL'],
    ['lambda', queueArn('inbox'), 'Lambda endpoint ARN'],
    ['email', 'nobody', 'Email address'],
    ['email-json', 'a@b@c', 'Email address'],
    ['email', 'a@example.com\r\nbcc: b@example.com', 'Email address'],
  ])('refuses %s with the endpoint %j', async (protocol, endpoint, reason) => {
    expect(await kit.refusal('Subscribe', inputOf(protocol, endpoint))).toBe(
      `InvalidParameter: Invalid parameter: ${reason}`,
    );
    expect(kit.broker.documents.list('aws/subscription/')).toEqual([]);
  });

  it.each([
    'invalid-number',
    '+15551234567.',
    '+15--551234567',
    'NAA+15551234567',
    '/+15551234567',
  ])('refuses %s as a phone number', async (endpoint) => {
    expect(await kit.refusal('Subscribe', inputOf('sms', endpoint))).toBe(
      `InvalidParameter: Invalid SMS endpoint: ${endpoint}`,
    );
  });

  it.each([
    ['http', 'http://127.0.0.1:8080/hook', '127.0.0.1 is a loopback address'],
    ['http', 'http://localhost/hook', 'localhost is a loopback address'],
    ['https', 'https://[::1]/hook', '::1 is a loopback address'],
    ['http', 'http://10.1.2.3/', '10.1.2.3 is a private address'],
    ['http', 'http://2130706433/', '127.0.0.1 is a loopback address'],
    ['http', 'http://169.254.169.254/latest', '169.254.169.254 is a link-local address'],
  ])('refuses %s to %s and names the setting', async (protocol, endpoint, reason) => {
    const refusal = await kit.refusal('Subscribe', inputOf(protocol, endpoint));
    expect(refusal).toContain(reason);
    expect(refusal).toContain('sns.privateTargets');
  });

  it('takes private targets that the setting names', async () => {
    await kit.destroy();
    kit = await SnsKit.open({ privateTargets: ['127.0.0.0/8'] });
    await kit.topic('news');
    const input = inputOf('http', 'http://127.0.0.1:8080/hook');
    expect(await kit.call('Subscribe', input)).toEqual({ SubscriptionArn: 'pending confirmation' });
  });

  it.each([
    ['lambda', 'arn:aws:lambda:us-east-1:000000000000:function:other', 'sns.lambdaEndpoints'],
    ['email', 'a@example.com', 'sns.smtpUrl'],
    ['sms', '+15551234567', 'sns.smsWebhook'],
  ])(
    'refuses %s that is not configured, and names the setting',
    async (protocol, endpoint, name) => {
      await kit.destroy();
      kit = await SnsKit.open();
      await kit.topic('news');
      expect(await kit.refusal('Subscribe', inputOf(protocol, endpoint))).toContain(name);
    },
  );

  it.each([
    ['kafka', 'orders', 'there is no stream (Kafka topic) orders'],
    ['amqp', 'orders', 'there is no queue or exchange orders'],
    ['amqp', 'exchange:orders', 'there is no queue or exchange exchange:orders'],
  ])('refuses %s to %s that is not there', async (protocol, endpoint, reason) => {
    expect(await kit.refusal('Subscribe', inputOf(protocol, endpoint))).toContain(reason);
  });

  it('confirms what needs nobody at once', async () => {
    await kit.createQueue('inbox');
    for (const [protocol, endpoint] of [
      ['sqs', queueArn('later')],
      ['lambda', 'arn:aws:lambda:us-east-1:000000000000:function:resize:live'],
      ['sms', '+12/34-567.890'],
      ['amqp', 'inbox'],
    ] as const) {
      const { SubscriptionArn } = await kit.call('Subscribe', inputOf(protocol, endpoint));
      expect(await attributesOf(SubscriptionArn)).toMatchObject({
        PendingConfirmation: 'false',
        ConfirmationWasAuthenticated: 'true',
        Protocol: protocol,
        Endpoint: endpoint,
      });
    }
  });

  it.each([
    [
      'RawMessageDelivery',
      'yes',
      'RawMessageDelivery: Invalid value [yes]. Must be true or false.',
    ],
    ['FilterPolicyScope', 'Body', 'FilterPolicyScope: Invalid value [Body].'],
    ['FilterPolicy', '{', 'FilterPolicy: failed to parse JSON.'],
    ['FilterPolicy', '{"a":{"b":[1]}}', 'does not support nested filter policy'],
    ['RedrivePolicy', '{', 'RedrivePolicy: failed to parse JSON.'],
    ['RedrivePolicy', '{"deadLetterTargetArn":"x"}', 'deadLetterTargetArn is an invalid arn'],
    [
      'RedrivePolicy',
      JSON.stringify({ deadLetterTargetArn: queueArn('none') }),
      'there is no queue none',
    ],
    ['DeliveryPolicy', '{}', 'DeliveryPolicy: for http and https only'],
    ['ReplayPolicy', '{"PointType":"Timestamp"}', 'protocol kafka'],
    ['Colour', 'red', 'Unknown attribute: Colour'],
  ])('refuses the attribute %s %j', async (name, value, reason) => {
    const input = inputOf('sqs', queueArn('inbox'), { Attributes: { [name]: value } });
    const refusal = await kit.refusal('Subscribe', input);
    expect(refusal).toContain('InvalidParameter: Invalid parameter: Attributes Reason: ');
    expect(refusal).toContain(reason);
  });

  it('is for topics that there are', async () => {
    const input = { TopicArn: topicArn('none'), Protocol: 'sqs', Endpoint: queueArn('inbox') };
    expect(await kit.refusal('Subscribe', input)).toBe('NotFound: Topic does not exist');
  });

  it('says so when there are too many', async () => {
    const { documents } = kit.broker;
    const put = documents.put.bind(documents);
    const { BrokerError } = await import('../../../core/errors.ts');
    documents.put = async () => {
      throw new BrokerError('limit-reached', 'there are too many documents');
    };
    expect(await kit.refusal('Subscribe', inputOf('sqs', queueArn('inbox')))).toBe(
      'SubscriptionLimitExceeded: there are too many documents',
    );
    documents.put = put;
  });
});

describe('a subscription that cannot be bound', () => {
  /** Until what it returns is called. */
  function refuseBindings(): () => void {
    const { exchanges } = kit.broker;
    const bind = exchanges.bind.bind(exchanges);
    exchanges.bind = async () => {
      throw new Error('too many bindings');
    };
    return () => {
      exchanges.bind = bind;
    };
  }

  it('is not made', async () => {
    await kit.createQueue('inbox');
    const allow = refuseBindings();
    const subscribing = kit.subscribe('news', 'inbox');
    await expect(subscribing).rejects.toThrow('too many bindings');
    allow();
    expect(kit.broker.documents.list('aws/subscription/')).toEqual([]);
    expect(await kit.call('ListSubscriptions', {})).toEqual({ Subscriptions: [] });
  });

  it('stays as it was', async () => {
    await kit.createQueue('inbox');
    const arn = await kit.subscribe('news', 'inbox');
    const allow = refuseBindings();
    const setting = setAttribute(arn, 'FilterPolicy', '{"kind":["new"]}');
    await expect(setting).rejects.toThrow('too many bindings');
    allow();
    expect(await attributesOf(arn)).not.toHaveProperty('FilterPolicy');
    await kit.publish('news', 'hello');
    expect(await kit.received('inbox')).toEqual(['hello']);
  });

  it('keeps messages from no other', async () => {
    await kit.createQueue('inbox');
    await kit.subscribe('news', 'inbox');
    await kit.subscribe('news', 'later');
    const allow = refuseBindings();
    const flags = { durable: true, autoDelete: false, exclusive: false, declared: {} };
    await kit.broker.queues.declare('', 'later', { ...flags, settings: {} });
    await kit.publish('news', 'hello');
    allow();
    expect(await kit.received('inbox')).toEqual(['hello']);
    expect(kit.logged.map(({ message }) => message)).toContain('cannot bind a subscription');
  });
});

describe('the queue of a delivery', () => {
  it('is made again if somebody has deleted it', async () => {
    const { SubscriptionArn: arn } = await kit.call('Subscribe', inputOf('sms', '+15551234567'));
    const name = `amq.sns.${arn.split(':').at(-1)}`;
    await kit.broker.queues.delete(kit.broker.queues.get('', name)!);
    await kit.settle();
    await kit.publish('news', 'hello');
    expect(kit.waiting(arn)).toBe(1);
    expect(kit.asked.log.at(-1)).toBe('start +15551234567');
  });
});

describe('the attributes of a subscription', () => {
  it('are those of AWS where nothing was set', async () => {
    await kit.createQueue('inbox');
    const arn = await kit.subscribe('news', 'inbox');
    expect(await attributesOf(arn)).toEqual({
      SubscriptionArn: arn,
      TopicArn: topicArn('news'),
      Protocol: 'sqs',
      Endpoint: queueArn('inbox'),
      Owner: ACCOUNT,
      PendingConfirmation: 'false',
      ConfirmationWasAuthenticated: 'true',
      RawMessageDelivery: 'false',
      SubscriptionPrincipal: `arn:aws:iam::${ACCOUNT}:root`,
    });
  });

  it('of http show the policy that holds', async () => {
    await kit.call('SetTopicAttributes', {
      TopicArn: topicArn('news'),
      AttributeName: 'DeliveryPolicy',
      AttributeValue: '{"http":{"defaultThrottlePolicy":{"maxReceivesPerSecond":5}}}',
    });
    const { SubscriptionArn } = await kit.call(
      'Subscribe',
      inputOf('https', 'https://example.com/hook', {
        ReturnSubscriptionArn: true,
        Attributes: { DeliveryPolicy: '{"requestPolicy":{"headerContentType":"text/csv"}}' },
      }),
    );
    const { EffectiveDeliveryPolicy, DeliveryPolicy } = await attributesOf(SubscriptionArn);
    expect(JSON.parse(DeliveryPolicy!)).toMatchObject({ healthyRetryPolicy: null });
    expect(JSON.parse(EffectiveDeliveryPolicy!)).toMatchObject({
      healthyRetryPolicy: { numRetries: 3 },
      throttlePolicy: { maxReceivesPerSecond: 5 },
      requestPolicy: { headerContentType: 'text/csv' },
    });
  });

  it('are set and taken away', async () => {
    await kit.createQueue('inbox');
    const arn = await kit.subscribe('news', 'inbox');
    await setAttribute(arn, 'FilterPolicy', '{"kind":["new"]}');
    expect(await attributesOf(arn)).toMatchObject({
      FilterPolicy: '{"kind":["new"]}',
      FilterPolicyScope: 'MessageAttributes',
    });
    await setAttribute(arn, 'FilterPolicy', '{}');
    expect(await attributesOf(arn)).not.toHaveProperty('FilterPolicy');
  });

  it.each([
    ['Colour', 'red', 'AttributeName'],
    ['constructor', 'x', 'AttributeName'],
    ['RawMessageDelivery', '', 'RawMessageDelivery: Invalid value []. Must be true or false.'],
    [
      'RedrivePolicy',
      '{"deadLetterTargetArn":"x"}',
      'RedrivePolicy: deadLetterTargetArn is an invalid arn',
    ],
  ])('%s cannot be %j', async (AttributeName, AttributeValue, reason) => {
    await kit.createQueue('inbox');
    const SubscriptionArn = await kit.subscribe('news', 'inbox');
    const change = { SubscriptionArn, AttributeName, AttributeValue };
    expect(await kit.refusal('SetSubscriptionAttributes', change)).toBe(
      `InvalidParameter: Invalid parameter: ${reason}`,
    );
  });

  it('take effect without a moment in which nothing is bound', async () => {
    await kit.createQueue('inbox');
    const arn = await kit.subscribe('news', 'inbox');
    const { exchanges } = kit.broker;
    const counts: number[] = [];
    const unbind = exchanges.unbind.bind(exchanges);
    exchanges.unbind = async (binding) => {
      counts.push(exchanges.bindings('').length);
      await unbind(binding);
      counts.push(exchanges.bindings('').length);
    };
    await setAttribute(arn, 'FilterPolicy', '{"kind":["new"]}');
    expect(counts).toEqual([2, 1]);
  });

  it('keep a filter policy from a scope that it does not fit', async () => {
    await kit.createQueue('inbox');
    const SubscriptionArn = await kit.subscribe('news', 'inbox', {
      FilterPolicyScope: 'MessageBody',
      FilterPolicy: '{"a":{"b":["c"]}}',
    });
    const change = {
      SubscriptionArn,
      AttributeName: 'FilterPolicyScope',
      AttributeValue: 'MessageAttributes',
    };
    expect(await kit.refusal('SetSubscriptionAttributes', change)).toContain(
      'nested filter policy',
    );
  });

  it('need a FIFO dead-letter queue in a FIFO topic', async () => {
    await kit.topic('news.fifo');
    await kit.createQueue('inbox.fifo');
    await kit.createQueue('dead');
    const input = {
      TopicArn: topicArn('news.fifo'),
      Protocol: 'sqs',
      Endpoint: queueArn('inbox.fifo'),
      Attributes: { RedrivePolicy: JSON.stringify({ deadLetterTargetArn: queueArn('dead') }) },
    };
    expect(await kit.refusal('Subscribe', input)).toContain(
      'RedrivePolicy: must use a FIFO queue as DLQ for a FIFO Subscription to a FIFO Topic.',
    );
  });

  it('are of subscriptions that there are', async () => {
    const id = '11111111-2222-4333-8444-555555555555';
    for (const [arn, reason] of [
      [`${topicArn('news')}:${id}`, 'NotFound: Subscription does not exist'],
      [topicArn('news'), 'InvalidParameter: Invalid parameter: SubscriptionId'],
      [
        `arn:aws:sns:us-east-1:111111111111:news:${id}`,
        'InvalidParameter: Invalid parameter: SubscriptionArn',
      ],
      [
        'pending confirmation',
        'InvalidParameter: Invalid parameter: SubscriptionArn Reason: An ARN must have at least 6 elements, not 1',
      ],
    ]) {
      const input = { SubscriptionArn: arn, AttributeName: 'FilterPolicy', AttributeValue: '' };
      expect(await kit.refusal('GetSubscriptionAttributes', input)).toBe(reason);
      expect(await kit.refusal('SetSubscriptionAttributes', input)).toBe(reason);
    }
  });
});

describe('subscriptions', () => {
  it('are listed in pages of a hundred, those of a topic apart', async () => {
    await kit.topic('other');
    await kit.createQueue('inbox');
    await kit.subscribe('other', 'inbox');
    for (let index = 0; index < 120; index++) await kit.subscribe('news', `q${index}`);
    const first = await kit.call('ListSubscriptions', {});
    expect(first.Subscriptions).toHaveLength(100);
    const { Subscriptions } = await kit.call('ListSubscriptions', { NextToken: first.NextToken });
    expect(Subscriptions).toHaveLength(21);
    const of = { TopicArn: topicArn('other') };
    expect(await kit.call('ListSubscriptionsByTopic', of)).toEqual({
      Subscriptions: [
        expect.objectContaining({ Endpoint: queueArn('inbox'), Owner: ACCOUNT, Protocol: 'sqs' }),
      ],
    });
    const none = { TopicArn: topicArn('none') };
    expect(await kit.refusal('ListSubscriptionsByTopic', none)).toContain('NotFound: ');
    const { Attributes } = await kit.call('GetTopicAttributes', { TopicArn: topicArn('news') });
    expect(Attributes.SubscriptionsConfirmed).toBe('120');
  });

  it('end by Unsubscribe, and once more without a word', async () => {
    await kit.createQueue('inbox');
    const SubscriptionArn = await kit.subscribe('news', 'inbox');
    await kit.call('Unsubscribe', { SubscriptionArn });
    await kit.call('Unsubscribe', { SubscriptionArn });
    await kit.publish('news', 'hello');
    expect(await kit.received('inbox')).toEqual([]);
    expect(kit.broker.exchanges.bindings('')).toEqual([]);
    expect(await kit.refusal('Unsubscribe', {})).toBe(
      'InvalidParameter: Invalid parameter: SubscriptionArn Reason: no value for required parameter',
    );
  });
});

describe('a subscription that needs to be confirmed', () => {
  const ENDPOINT = 'https://example.com/hook';
  const hook = inputOf('https', ENDPOINT);

  async function pending(): Promise<string> {
    const input = { ...hook, ReturnSubscriptionArn: true };
    return (await kit.call('Subscribe', input)).SubscriptionArn;
  }

  function confirm(more: object = {}): Promise<{ SubscriptionArn: string }> {
    const Token = kit.asked.tokens.at(-1);
    return kit.call('ConfirmSubscription', { TopicArn: topicArn('news'), Token, ...more });
  }

  it('gets messages only afterwards', async () => {
    expect(await kit.call('Subscribe', hook)).toEqual({ SubscriptionArn: 'pending confirmation' });
    expect(kit.asked.log).toEqual([`confirm ${ENDPOINT}`]);
    const arn = await pending();
    const { Subscriptions } = await kit.call('ListSubscriptions', {});
    expect(Subscriptions[0].SubscriptionArn).toBe('PendingConfirmation');
    await kit.publish('news', 'early');
    expect(kit.waiting(arn)).toBe(-1);
    expect(await confirm()).toEqual({ SubscriptionArn: arn });
    expect(kit.asked.log.at(-1)).toBe(`start ${ENDPOINT}`);
    await kit.publish('news', 'hello');
    expect(kit.waiting(arn)).toBe(1);
    expect(await confirm()).toEqual({ SubscriptionArn: arn });
    expect(await attributesOf(arn)).toMatchObject({ PendingConfirmation: 'false' });
  });

  it('has one token, which is of its topic', async () => {
    await pending();
    const [Token] = kit.asked.tokens;
    expect(Token).toMatch(/^[0-9a-f]{288}$/);
    const refusal = (TopicArn: string, token?: string) =>
      kit.refusal('ConfirmSubscription', { TopicArn, Token: token });
    const WRONG = 'InvalidParameter: Invalid parameter: Token';
    expect(await refusal(topicArn('none'), Token)).toBe(WRONG);
    expect(await refusal(topicArn('news'), Token!.replace(/.$/, 'f').replace(/^./, '0'))).toBe(
      WRONG,
    );
    expect(await refusal(topicArn('news'), 'random')).toBe('InvalidParameter: Invalid token');
  });

  it('is forgotten after three days', async () => {
    const arn = await pending();
    kit.core.clock.advance(3 * DAY_MS + 1);
    const Token = kit.asked.tokens.at(-1);
    expect(
      await kit.refusal('ConfirmSubscription', { TopicArn: topicArn('news'), Token }),
    ).toContain('Token');
    const input = { SubscriptionArn: arn };
    expect(await kit.refusal('GetSubscriptionAttributes', input)).toContain('NotFound');
    kit = await kit.restart();
    expect(kit.broker.documents.list('aws/subscription/')).toEqual([]);
  });

  it('is confirmed by the link, without a signature', async () => {
    const arn = await pending();
    const Token = kit.asked.tokens.at(-1);
    const target = `/?Action=ConfirmSubscription&TopicArn=${topicArn('news')}&Token=${Token}`;
    const answer = await kit.get(target);
    expect(answer!.status).toBe(200);
    expect(answer!.body).toContain(`<SubscriptionArn>${arn}</SubscriptionArn>`);
    expect(await attributesOf(arn)).toMatchObject({ ConfirmationWasAuthenticated: 'false' });
    expect((await kit.get(target.slice(0, -1)))!.body).toContain('Invalid token');
  });

  it('ends by the link, unless the confirmation forbids it', async () => {
    const arn = await pending();
    await confirm({ AuthenticateOnUnsubscribe: 'true' });
    const link = `/?Action=Unsubscribe&SubscriptionArn=${arn}`;
    const refused = await kit.get(link);
    expect(refused!.status).toBe(403);
    expect(refused!.body).toContain('<Code>AuthorizationError</Code>');
    await kit.call('Unsubscribe', { SubscriptionArn: arn });
    expect(kit.asked.log.slice(-2)).toEqual([`stop ${ENDPOINT}`, `ended ${ENDPOINT}`]);

    const again = await pending();
    expect(again).not.toBe(arn);
    await confirm();
    expect((await kit.get(`/?Action=Unsubscribe&SubscriptionArn=${again}`))!.status).toBe(200);
    expect(await kit.call('ListSubscriptions', {})).toEqual({ Subscriptions: [] });
  });

  it('is restored by the token that its end was told with', async () => {
    const arn = await pending();
    await confirm();
    await kit.publish('news', 'lost with the subscription');
    await kit.call('Unsubscribe', { SubscriptionArn: arn });
    expect(kit.waiting(arn)).toBe(-1);
    const { Attributes } = await kit.call('GetTopicAttributes', { TopicArn: topicArn('news') });
    expect(Attributes).toMatchObject({ SubscriptionsConfirmed: '0', SubscriptionsDeleted: '1' });
    expect(await confirm()).toEqual({ SubscriptionArn: arn });
    await kit.publish('news', 'hello');
    expect(kit.waiting(arn)).toBe(1);
  });

  it('keeps to where the subscriber reached the broker', async () => {
    const arn = await pending();
    await confirm();
    const id = arn.split(':').at(-1)!;
    expect(kit.asked.started.get(id)).toMatchObject({ origin: ORIGIN, confirmed: true });
  });
});

describe('other GETs', () => {
  it('are left to whoever knows them', async () => {
    expect(await kit.get('/?Action=ListTopics')).toBeUndefined();
    expect(await kit.get('/SimpleNotificationService-other.pem')).toBeUndefined();
    const signed = '/?Action=Unsubscribe&SubscriptionArn=x';
    expect(await kit.get(signed, { authorization: 'AWS4-HMAC-SHA256 …' })).toBeUndefined();
    expect(await kit.get(`${signed}&X-Amz-Signature=1`)).toBeUndefined();
  });
});
