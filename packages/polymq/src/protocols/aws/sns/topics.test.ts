import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ACCOUNT, SnsKit, topicArn } from './testing/kit.ts';

let kit: SnsKit;

beforeEach(async () => {
  kit = await SnsKit.open();
});

afterEach(() => kit.destroy());

async function attributesOf(name: string): Promise<Record<string, string>> {
  const { Attributes } = await kit.call('GetTopicAttributes', { TopicArn: topicArn(name) });
  return Attributes;
}

function setAttribute(name: string, AttributeName: string, AttributeValue?: string) {
  return kit.call('SetTopicAttributes', {
    TopicArn: topicArn(name),
    AttributeName,
    ...(AttributeValue !== undefined && { AttributeValue }),
  });
}

function setRefusal(name: string, AttributeName: string, AttributeValue: string): Promise<string> {
  const change = { TopicArn: topicArn(name), AttributeName, AttributeValue };
  return kit.refusal('SetTopicAttributes', change);
}

describe('CreateTopic', () => {
  it('makes an exchange that filters', async () => {
    expect(await kit.topic('news')).toBe(topicArn('news'));
    const { definition } = kit.broker.exchanges.get('', 'news')!;
    expect(definition).toMatchObject({ type: 'filter', durable: true, autoDelete: false });
  });

  it.each([
    ['', {}],
    ['a'.repeat(257), {}],
    ['with.dot', {}],
    ['slash/ed', {}],
    ['ünï', {}],
    ['news.fifo', {}],
    ['news', { FifoTopic: 'true' }],
    ['.fifo', { FifoTopic: 'true' }],
  ])('refuses the name %j with %j', async (Name, Attributes) => {
    expect(await kit.refusal('CreateTopic', { Name, Attributes })).toBe(
      'InvalidParameter: Invalid parameter: Topic Name',
    );
  });

  it('answers the same for the same attributes, and refuses others', async () => {
    const attributes = { DisplayName: 'one' };
    await kit.topic('news', attributes);
    await kit.topic('news');
    await kit.topic('news', { ...attributes, FifoTopic: 'false' });
    for (const other of [{ DisplayName: 'two' }, { SignatureVersion: '2' }]) {
      expect(await kit.refusal('CreateTopic', { Name: 'news', Attributes: other })).toBe(
        'InvalidParameter: Invalid parameter: Attributes Reason: Topic already exists with different attributes',
      );
    }
    expect((await attributesOf('news'))['DisplayName']).toBe('one');
  });

  it('refuses other tags than there are', async () => {
    const Tags = [{ Key: 'a', Value: '1' }];
    await kit.call('CreateTopic', { Name: 'news', Tags });
    await kit.call('CreateTopic', { Name: 'news', Tags });
    await kit.call('CreateTopic', { Name: 'news' });
    const more = [...Tags, { Key: 'b', Value: '2' }];
    expect(await kit.refusal('CreateTopic', { Name: 'news', Tags: more })).toBe(
      'InvalidParameter: Invalid parameter: Tags Reason: Topic already exists with different tags',
    );
  });

  it('refuses attributes that there are not, or that are for FIFO topics', async () => {
    const unknown = { Name: 'news', Attributes: { Colour: 'red' } };
    expect(await kit.refusal('CreateTopic', unknown)).toContain('Unknown attribute Colour');
    const fifo = { Name: 'news', Attributes: { ContentBasedDeduplication: 'true' } };
    expect(await kit.refusal('CreateTopic', fifo)).toContain('is for FIFO topics');
    expect(kit.broker.exchanges.get('', 'news')).toBeUndefined();
  });

  it('makes one of two that come at once', async () => {
    const arns = await Promise.all([kit.topic('news'), kit.topic('news')]);
    expect(new Set(arns)).toEqual(new Set([topicArn('news')]));
  });

  it('refuses a name that an exchange has which is no topic', async () => {
    const flags = { durable: true, autoDelete: false, internal: false, declared: {} };
    await kit.broker.exchanges.declare('', 'routes', { type: 'topic', ...flags });
    expect(await kit.refusal('CreateTopic', { Name: 'routes' })).toContain(
      'there is an exchange routes already',
    );
  });

  it('says so when there are too many', async () => {
    const { exchanges } = kit.broker;
    const declared = exchanges.declare.bind(exchanges);
    const { BrokerError } = await import('../../../core/errors.ts');
    exchanges.declare = async () => {
      throw new BrokerError('limit-reached', 'there are too many exchanges');
    };
    expect(await kit.refusal('CreateTopic', { Name: 'news' })).toBe(
      'TopicLimitExceeded: there are too many exchanges',
    );
    exchanges.declare = declared;
    await kit.topic('news');
  });
});

describe('the attributes of a topic', () => {
  it('are those of AWS where nothing was set', async () => {
    await kit.topic('news');
    const { Policy, EffectiveDeliveryPolicy, ...attributes } = await attributesOf('news');
    expect(attributes).toEqual({
      TopicArn: topicArn('news'),
      Owner: ACCOUNT,
      DisplayName: '',
      SignatureVersion: '2',
      SubscriptionsConfirmed: '0',
      SubscriptionsPending: '0',
      SubscriptionsDeleted: '0',
    });
    expect(JSON.parse(Policy!)).toMatchObject({
      Version: '2008-10-17',
      Id: '__default_policy_ID',
      Statement: [{ Sid: '__default_statement_ID', Resource: topicArn('news') }],
    });
    expect(JSON.parse(EffectiveDeliveryPolicy!)).toMatchObject({
      http: { defaultHealthyRetryPolicy: { numRetries: 3 }, disableSubscriptionOverrides: false },
    });
  });

  it('of a FIFO topic say so', async () => {
    await kit.topic('news.fifo');
    expect(await attributesOf('news.fifo')).toMatchObject({
      FifoTopic: 'true',
      ContentBasedDeduplication: 'false',
    });
  });

  it.each([
    ['DisplayName', 'News'],
    ['KmsMasterKeyId', 'alias/aws/sns'],
    ['SignatureVersion', '1'],
    ['TracingConfig', 'Active'],
    ['HTTPSuccessFeedbackRoleArn', 'arn:aws:iam::000000000000:role/a'],
    ['SQSSuccessFeedbackSampleRate', '100'],
    ['LambdaFailureFeedbackRoleArn', 'arn:aws:iam::000000000000:role/a'],
    ['Policy', '{"Version":"2012-10-17","Statement":[]}'],
  ])('%s is kept', async (name, value) => {
    await kit.topic('news');
    await setAttribute('news', name, value);
    expect((await attributesOf('news'))[name]).toBe(value);
  });

  it('of FIFO topics are kept', async () => {
    await kit.topic('news.fifo');
    await setAttribute('news.fifo', 'ContentBasedDeduplication', 'true');
    await setAttribute('news.fifo', 'FifoThroughputScope', 'MessageGroup');
    expect(await attributesOf('news.fifo')).toMatchObject({
      ContentBasedDeduplication: 'true',
      FifoThroughputScope: 'MessageGroup',
    });
  });

  it('are taken away by an empty value', async () => {
    await kit.topic('news', { DisplayName: 'News', DeliveryPolicy: '{"http":{}}' });
    expect(await attributesOf('news')).toHaveProperty('DeliveryPolicy');
    await setAttribute('news', 'DeliveryPolicy', '');
    await setAttribute('news', 'DisplayName');
    expect(await attributesOf('news')).not.toHaveProperty('DeliveryPolicy');
    expect((await attributesOf('news'))['DisplayName']).toBe('');
  });

  it.each([
    ['Colour', 'red', 'AttributeName'],
    ['FifoTopic', 'true', 'AttributeName'],
    ['ContentBasedDeduplication', 'true', 'AttributeName'],
    ['DisplayName', 'a'.repeat(101), 'DisplayName: must be at most 100 characters long'],
    ['SignatureVersion', '3', 'SignatureVersion: Invalid value [3]. Must be one of 1, 2.'],
    ['TracingConfig', 'On', 'TracingConfig: Invalid value [On].'],
    ['SQSSuccessFeedbackSampleRate', '101', 'Must be from 0 to 100.'],
    ['Policy', '{', 'Policy: failed to parse JSON.'],
    ['Policy', '[]', 'Policy: failed to parse JSON.'],
    ['DeliveryPolicy', '{', 'DeliveryPolicy: failed to parse JSON.'],
    ['DeliveryPolicy', '{"https":{}}', 'DeliveryPolicy: Unexpected JSON member: https'],
  ])('%s cannot be %j', async (name, value, reason) => {
    await kit.topic('news');
    const refusal = await setRefusal('news', name, value);
    expect(refusal).toContain(`InvalidParameter: Invalid parameter: `);
    expect(refusal).toContain(reason);
  });

  it('that would keep an archive are refused with what to do instead', async () => {
    await kit.topic('news.fifo');
    const policy = '{"MessageRetentionPeriod":"30"}';
    expect(await setRefusal('news.fifo', 'ArchivePolicy', policy)).toContain('protocol kafka');
  });
});

describe('topics', () => {
  it('are listed in pages of a hundred', async () => {
    for (let index = 0; index < 205; index++) await kit.topic(`t${String(index).padStart(3, '0')}`);
    const first = await kit.call('ListTopics', {});
    expect(first.Topics).toHaveLength(100);
    const second = await kit.call('ListTopics', { NextToken: first.NextToken });
    await kit.call('DeleteTopic', { TopicArn: topicArn('t150') });
    const third = await kit.call('ListTopics', { NextToken: second.NextToken });
    expect(third.NextToken).toBeUndefined();
    const all = [first, second, third].flatMap(({ Topics }) => Topics);
    expect(new Set(all.map(({ TopicArn }) => TopicArn)).size).toBe(205);
    expect(await kit.refusal('ListTopics', { NextToken: 'x' })).toContain('NextToken');
  });

  it('are fan-out exchanges of AMQP too, if SNS can have their name', async () => {
    const flags = { durable: true, autoDelete: false, internal: false, declared: {} };
    await kit.broker.exchanges.declare('', 'events', { type: 'fanout', ...flags });
    await kit.broker.exchanges.declare('', 'events.all', { type: 'fanout', ...flags });
    const { Topics } = await kit.call('ListTopics', {});
    expect(Topics).toEqual([{ TopicArn: topicArn('events') }]);
    await setAttribute('events', 'DisplayName', 'Events');
    expect((await attributesOf('events'))['DisplayName']).toBe('Events');
    await kit.createQueue('inbox');
    await kit.subscribe('events', 'inbox');
    await kit.publish('events', 'hello');
    expect(await kit.received('inbox')).toEqual(['hello']);
  });

  it('that are deleted and declared again over AMQP start from nothing', async () => {
    await kit.topic('news', { DisplayName: 'old' });
    await kit.createQueue('inbox');
    await kit.subscribe('news', 'inbox');
    await kit.broker.exchanges.delete(kit.broker.exchanges.get('', 'news')!);
    expect(await kit.refusal('GetTopicAttributes', { TopicArn: topicArn('news') })).toBe(
      'NotFound: Topic does not exist',
    );
    await kit.topic('news');
    await kit.settle();
    expect((await attributesOf('news'))['DisplayName']).toBe('');
    const { Subscriptions } = await kit.call('ListSubscriptions', {});
    expect(Subscriptions).toEqual([]);
    await kit.subscribe('news', 'inbox');
    await kit.publish('news', 'hello');
    expect(await kit.received('inbox')).toEqual(['hello']);
  });

  it.each([
    ['at once', false],
    ['before a restart', true],
  ])('that another exchange has taken the place of %s are forgotten', async (_name, restarts) => {
    await kit.topic('news', { DisplayName: 'old' });
    await kit.createQueue('inbox');
    await kit.subscribe('news', 'inbox');
    const { exchanges } = kit.broker;
    await exchanges.delete(exchanges.get('', 'news')!);
    const flags = { durable: true, autoDelete: false, internal: false, declared: {} };
    await exchanges.declare('', 'news', { type: 'fanout', ...flags });
    if (restarts) kit = await kit.restart();
    expect((await attributesOf('news'))['DisplayName']).toBe('');
    await kit.settle();
    expect(await kit.call('ListSubscriptions', {})).toEqual({ Subscriptions: [] });
    expect(kit.broker.documents.list('aws/subscription/')).toEqual([]);
  });

  it('are deleted with all that belongs to them, and once more without a word', async () => {
    await kit.topic('news');
    await kit.createQueue('inbox');
    await kit.subscribe('news', 'inbox');
    await kit.call('DeleteTopic', { TopicArn: topicArn('news') });
    await kit.call('DeleteTopic', { TopicArn: topicArn('news') });
    expect(kit.broker.exchanges.get('', 'news')).toBeUndefined();
    expect(kit.broker.documents.list('aws/topic/')).toEqual([]);
    expect(kit.broker.documents.list('aws/subscription/')).toEqual([]);
    expect(await kit.call('ListSubscriptions', {})).toEqual({ Subscriptions: [] });
  });

  it('are known by ARNs of any region, but of this account only', async () => {
    await kit.topic('news');
    const elsewhere = `arn:aws:sns:eu-west-1:${ACCOUNT}:news`;
    expect(await kit.call('GetTopicAttributes', { TopicArn: elsewhere })).toBeDefined();
    for (const [arn, reason] of [
      ['news', 'TopicArn Reason: An ARN must have at least 6 elements, not 1'],
      [
        'arn:aws:sns:us-east-1:news',
        'TopicArn Reason: An ARN must have at least 6 elements, not 5',
      ],
      ['arn:aws:sns:us-east-1:111111111111:news', 'TopicArn'],
      [`arn:aws:sqs:us-east-1:${ACCOUNT}:news`, 'TopicArn'],
    ]) {
      expect(await kit.refusal('GetTopicAttributes', { TopicArn: arn })).toBe(
        `InvalidParameter: Invalid parameter: ${reason}`,
      );
    }
  });
});

describe('tags', () => {
  const ResourceArn = topicArn('news');
  const tagsOf = async () => (await kit.call('ListTagsForResource', { ResourceArn })).Tags;

  it('are added, replaced and taken away', async () => {
    await kit.topic('news');
    const one = { Key: 'a', Value: '1' };
    await kit.call('TagResource', { ResourceArn, Tags: [one, { Key: 'b', Value: '2' }] });
    await kit.call('TagResource', { ResourceArn, Tags: [{ Key: 'b', Value: '3' }] });
    expect(await tagsOf()).toEqual([one, { Key: 'b', Value: '3' }]);
    await kit.call('UntagResource', { ResourceArn, TagKeys: ['b', 'c'] });
    expect(await tagsOf()).toEqual([one]);
  });

  it('have their limits', async () => {
    await kit.topic('news');
    const tag = (Key: string) => ({ Key, Value: '' });
    const many = Array.from({ length: 51 }, (_, index) => tag(`k${index}`));
    const refusal = (Tags: object[]) => kit.refusal('TagResource', { ResourceArn, Tags });
    expect(await refusal(many)).toContain('TagLimitExceeded: ');
    expect(await refusal([tag('a'), tag('a')])).toBe(
      'InvalidParameter: Invalid parameter: Duplicated keys are not allowed.',
    );
    expect(await refusal([tag('')])).toContain('InvalidParameter');
    expect(await refusal([tag('aws:x')])).toContain('InvalidParameter');
    expect(await refusal([{ Key: 'a', Value: 'v'.repeat(257) }])).toContain('InvalidParameter');
    expect(await tagsOf()).toEqual([]);
  });

  it('are of topics that there are', async () => {
    for (const [action, more] of [
      ['TagResource', { Tags: [] }],
      ['UntagResource', { TagKeys: [] }],
      ['ListTagsForResource', {}],
    ] as const) {
      expect(await kit.refusal(action, { ResourceArn, ...more })).toContain('ResourceNotFound: ');
    }
  });
});

describe('policies', () => {
  const TopicArn = topicArn('news');
  const statements = async () => JSON.parse((await attributesOf('news'))['Policy']!).Statement;

  it('get statements by AddPermission and lose them by RemovePermission', async () => {
    await kit.topic('news');
    const AWSAccountId = ['111111111111'];
    await kit.call('AddPermission', {
      TopicArn,
      Label: 'one',
      AWSAccountId,
      ActionName: ['Publish'],
    });
    const two = ['Publish', 'Subscribe'];
    await kit.call('AddPermission', { TopicArn, Label: 'two', AWSAccountId, ActionName: two });
    const [, first, second] = await statements();
    expect(first).toEqual({
      Sid: 'one',
      Effect: 'Allow',
      Principal: { AWS: 'arn:aws:iam::111111111111:root' },
      Action: 'SNS:Publish',
      Resource: TopicArn,
    });
    expect(second.Action).toEqual(['SNS:Publish', 'SNS:Subscribe']);
    await kit.call('RemovePermission', { TopicArn, Label: 'one' });
    await kit.call('RemovePermission', { TopicArn, Label: 'none' });
    expect((await statements()).map(({ Sid }: { Sid: string }) => Sid)).toEqual([
      '__default_statement_ID',
      'two',
    ]);
  });

  it('refuse labels that are there and actions that are not', async () => {
    await kit.topic('news');
    const input = { TopicArn, Label: 'one', AWSAccountId: ['1'], ActionName: ['Publish'] };
    await kit.call('AddPermission', input);
    expect(await kit.refusal('AddPermission', input)).toBe(
      'InvalidParameter: Invalid parameter: Statement already exists',
    );
    const other = { ...input, Label: 'two', ActionName: ['CreateTopic'] };
    expect(await kit.refusal('AddPermission', other)).toBe(
      'InvalidParameter: Invalid parameter: Policy statement action out of service scope!',
    );
  });

  it('for data protection are stored', async () => {
    const DataProtectionPolicy = '{"Name":"x","Statement":[]}';
    await kit.call('CreateTopic', { Name: 'news', DataProtectionPolicy });
    const get = () => kit.call('GetDataProtectionPolicy', { ResourceArn: TopicArn });
    expect(await get()).toEqual({ DataProtectionPolicy });
    const other = '{"Name":"y"}';
    const input = { ResourceArn: TopicArn, DataProtectionPolicy: other };
    await kit.call('PutDataProtectionPolicy', input);
    expect(await get()).toEqual({ DataProtectionPolicy: other });
    const wrong = { ...input, DataProtectionPolicy: 'no' };
    expect(await kit.refusal('PutDataProtectionPolicy', wrong)).toContain('failed to parse JSON');
  });
});
