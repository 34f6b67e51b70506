import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SnsKit, topicArn } from './testing/kit.ts';

let kit: SnsKit;

beforeEach(async () => {
  kit = await SnsKit.open({ smsWebhook: 'http://127.0.0.1:1' });
  await kit.topic('news', { DisplayName: 'News' });
  await kit.createQueue('inbox');
});

afterEach(() => kit.destroy());

async function subscribeSms(): Promise<string> {
  const { SubscriptionArn } = await kit.call('Subscribe', {
    TopicArn: topicArn('news'),
    Protocol: 'sms',
    Endpoint: '+15551234567',
  });
  return SubscriptionArn;
}

describe.each([
  ['a restart', {}],
  ['a crash', { crash: true }],
])('after %s', (_name, how) => {
  it('topics, subscriptions, filters and messages are as before', async () => {
    const arn = await kit.subscribe('news', 'inbox', { FilterPolicy: '{"kind":["new"]}' });
    const kind = (StringValue: string) => ({
      MessageAttributes: { kind: { DataType: 'String', StringValue } },
    });
    await kit.publish('news', 'before', kind('new'));
    kit = await kit.restart(how);
    await kit.publish('news', 'after', kind('new'));
    await kit.publish('news', 'other', kind('old'));
    expect(await kit.received('inbox')).toEqual(['before', 'after']);
    const { Attributes } = await kit.call('GetTopicAttributes', { TopicArn: topicArn('news') });
    expect(Attributes).toMatchObject({ DisplayName: 'News', SubscriptionsConfirmed: '1' });
    expect(await kit.subscribe('news', 'inbox')).toBe(arn);
    expect(kit.broker.exchanges.bindings('')).toHaveLength(1);
  });

  it('deliveries go on', async () => {
    const arn = await subscribeSms();
    await kit.publish('news', 'before');
    kit = await kit.restart(how);
    expect(kit.asked.log).toEqual(['start +15551234567']);
    expect(kit.waiting(arn)).toBe(1);
  });

  it('deliveries name the address that the operator advertises now', async () => {
    const id = (await subscribeSms()).split(':').at(-1)!;
    expect(kit.asked.started.get(id)!.origin).toBe('http://broker:9324');
    kit = await kit.restart({ ...how, advertised: { host: '::1', port: 80 } });
    expect(kit.asked.started.get(id)!.origin).toBe('http://[::1]:80');
  });

  it('tokens are still good', async () => {
    const input = { Protocol: 'https', Endpoint: 'https://example.com/hook' };
    await kit.call('Subscribe', { TopicArn: topicArn('news'), ...input });
    const [Token] = kit.asked.tokens;
    kit = await kit.restart(how);
    await kit.call('ConfirmSubscription', { TopicArn: topicArn('news'), Token });
    expect(kit.asked.log).toEqual(['start https://example.com/hook']);
  });
});

describe('what a crash has left half done', () => {
  it('gets its binding', async () => {
    await kit.subscribe('news', 'inbox');
    const [binding] = kit.broker.exchanges.bindings('');
    await kit.broker.exchanges.unbind(binding!);
    kit = await kit.restart({ crash: true });
    await kit.publish('news', 'hello');
    expect(await kit.received('inbox')).toEqual(['hello']);
  });

  it('loses a binding that is of no subscription, or of another filter', async () => {
    await kit.subscribe('news', 'inbox', { FilterPolicy: '{"kind":["new"]}' });
    const [binding] = kit.broker.exchanges.bindings('');
    const { 'x-subscription': id } = binding!.arguments;
    await kit.broker.exchanges.bind({ ...binding!, arguments: { 'x-subscription': id! } });
    const unknown = { 'x-subscription': '11111111-2222-4333-8444-555555555555' };
    await kit.broker.exchanges.bind({ ...binding!, arguments: unknown });
    await kit.broker.exchanges.bind({ ...binding!, arguments: { own: true } });
    kit = await kit.restart({ crash: true });
    const left = kit.broker.exchanges.bindings('').map(({ arguments: values }) => values);
    expect(left).toHaveLength(2);
    expect(left).toContainEqual({ own: true });
    expect(left).toContainEqual(binding!.arguments);
  });

  it('loses queues and documents that belong to nothing', async () => {
    const arn = await subscribeSms();
    const id = arn.split(':').at(-1)!;
    await kit.broker.documents.delete(`aws/subscription/${id}`);
    await kit.broker.documents.put('aws/topic/old', { id: 'x', attributes: {}, tags: {} });
    kit = await kit.restart({ crash: true });
    expect(kit.waiting(arn)).toBe(-1);
    expect(kit.broker.documents.get('aws/topic/old')).toBeUndefined();
    expect(kit.broker.exchanges.bindings('')).toEqual([]);
  });

  it('loses subscriptions of a topic that is gone, or another one', async () => {
    const arn = await subscribeSms();
    await kit.subscribe('news', 'inbox');
    await kit.broker.exchanges.delete(kit.broker.exchanges.get('', 'news')!);
    kit = await kit.restart({ crash: true });
    expect(await kit.call('ListSubscriptions', {})).toEqual({ Subscriptions: [] });
    expect(kit.waiting(arn)).toBe(-1);
    expect(kit.broker.documents.list('aws/subscription/')).toEqual([]);
  });

  it('finds queues that were made meanwhile', async () => {
    await kit.subscribe('news', 'later');
    const { queues } = kit.broker;
    const flags = { durable: true, autoDelete: false, exclusive: false, declared: {} };
    await queues.declare('', 'later', { ...flags, settings: {} });
    kit = await kit.restart({ crash: true });
    await kit.publish('news', 'hello');
    expect(await kit.received('later')).toEqual(['hello']);
  });
});
