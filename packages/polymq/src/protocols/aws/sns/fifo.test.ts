import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { queueArn, SnsKit, topicArn } from './testing/kit.ts';

let kit: SnsKit;

const WINDOW_MS = 300_000;

beforeEach(async () => {
  kit = await SnsKit.open();
  await kit.createQueue('inbox.fifo');
});

afterEach(() => kit.destroy());

const inGroup = (MessageGroupId: string, MessageDeduplicationId?: string) => ({
  MessageGroupId,
  ...(MessageDeduplicationId !== undefined && { MessageDeduplicationId }),
});

describe('a FIFO topic', () => {
  it('needs a group id and a deduplication id', async () => {
    await kit.topic('news.fifo');
    const input = { TopicArn: topicArn('news.fifo'), Message: 'x' };
    const refusal = (more: object) => kit.refusal('Publish', { ...input, ...more });
    expect(await refusal({})).toBe(
      'InvalidParameter: Invalid parameter: The MessageGroupId parameter is required for FIFO topics',
    );
    expect(await refusal(inGroup('g'))).toBe(
      'InvalidParameter: Invalid parameter: The topic should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly',
    );
    expect(await refusal(inGroup('with blank', 'd'))).toContain('MessageGroupId Reason: ');
    expect(await refusal(inGroup('g', 'd'.repeat(129)))).toContain('MessageDeduplicationId Reason');
    const entries = { PublishBatchRequestEntries: [{ Id: 'a', Message: 'x' }] };
    expect(await kit.refusal('PublishBatch', { TopicArn: input.TopicArn, ...entries })).toContain(
      'The MessageGroupId parameter is required for FIFO topics',
    );
  });

  it('hands group, deduplication id and a growing number on', async () => {
    await kit.topic('news.fifo');
    await kit.subscribe('news.fifo', 'inbox.fifo');
    const first = await kit.publish('news.fifo', 'one', inGroup('g', 'd1'));
    const second = await kit.publish('news.fifo', 'two', inGroup('g', 'd2'));
    expect(first.SequenceNumber).toMatch(/^\d{20}$/);
    expect(second.SequenceNumber > first.SequenceNumber).toBe(true);
    const [message] = await kit.receive('inbox.fifo');
    expect(message.Attributes).toMatchObject({
      MessageGroupId: 'g',
      MessageDeduplicationId: 'd1',
      SequenceNumber: first.SequenceNumber,
    });
    const envelope = JSON.parse(message.Body);
    expect(Object.keys(envelope)).toEqual([
      'Type',
      'MessageId',
      'SequenceNumber',
      'TopicArn',
      'Message',
      'Timestamp',
      'UnsubscribeURL',
    ]);
    expect(envelope).toMatchObject({
      MessageId: first.MessageId,
      SequenceNumber: first.SequenceNumber,
    });
  });

  it('answers a message that it knows as the first time, for five minutes', async () => {
    await kit.topic('news.fifo');
    await kit.subscribe('news.fifo', 'inbox.fifo');
    const first = await kit.publish('news.fifo', 'one', inGroup('g', 'd'));
    expect(await kit.publish('news.fifo', 'two', inGroup('g', 'd'))).toEqual(first);
    expect(await kit.publish('news.fifo', 'two', inGroup('h', 'd'))).toEqual(first);
    expect(await kit.received('inbox.fifo')).toEqual(['one']);
    kit.core.clock.advance(WINDOW_MS + 2_000);
    expect(await kit.publish('news.fifo', 'three', inGroup('g', 'd'))).not.toEqual(first);
    expect(await kit.received('inbox.fifo')).toEqual(['three']);
  });

  it('tells messages apart by their content if it shall', async () => {
    await kit.topic('news.fifo', { ContentBasedDeduplication: 'true' });
    await kit.subscribe('news.fifo', 'inbox.fifo');
    await kit.publish('news.fifo', 'one', inGroup('g'));
    await kit.publish('news.fifo', 'one', inGroup('g'));
    await kit.publish('news.fifo', 'two', inGroup('g'));
    const messages = await kit.receive('inbox.fifo');
    expect(messages.map(({ Body }) => JSON.parse(Body).Message)).toEqual(['one', 'two']);
    expect(messages[0].Attributes.MessageDeduplicationId).toBe(
      '7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed',
    );
  });

  it('may know ids within each group only', async () => {
    await kit.topic('news.fifo', { FifoThroughputScope: 'MessageGroup' });
    await kit.createQueue('each.fifo', {
      DeduplicationScope: 'messageGroup',
      FifoThroughputLimit: 'perMessageGroupId',
    });
    await kit.subscribe('news.fifo', 'each.fifo');
    await kit.publish('news.fifo', 'one', inGroup('g', 'd'));
    await kit.publish('news.fifo', 'two', inGroup('h', 'd'));
    await kit.publish('news.fifo', 'three', inGroup('h', 'd'));
    expect(await kit.received('each.fifo')).toEqual(['one', 'two']);
  });

  it('leaves out a queue that knows the id from elsewhere, and no other', async () => {
    await kit.topic('news.fifo');
    await kit.createQueue('other.fifo');
    await kit.subscribe('news.fifo', 'inbox.fifo');
    await kit.subscribe('news.fifo', 'other.fifo');
    await kit.queue('SendMessage', {
      QueueUrl: 'http://broker:9324/000000000000/inbox.fifo',
      MessageBody: 'sent',
      ...inGroup('g', 'd'),
    });
    await kit.publish('news.fifo', 'published', inGroup('g', 'd'));
    const [message, ...others] = await kit.receive('inbox.fifo');
    expect(message.Body).toBe('sent');
    expect(others).toEqual([]);
    expect(await kit.received('other.fifo')).toEqual(['published']);
  });

  it('makes its queues know the id', async () => {
    await kit.topic('news.fifo');
    await kit.subscribe('news.fifo', 'inbox.fifo');
    await kit.publish('news.fifo', 'published', inGroup('g', 'd'));
    await kit.queue('SendMessage', {
      QueueUrl: 'http://broker:9324/000000000000/inbox.fifo',
      MessageBody: 'sent',
      ...inGroup('g', 'd'),
    });
    expect(await kit.received('inbox.fifo')).toEqual(['published']);
  });

  it('sends to standard queues too', async () => {
    await kit.topic('news.fifo');
    await kit.createQueue('standard');
    await kit.subscribe('news.fifo', 'standard');
    await kit.publish('news.fifo', 'one', inGroup('g', 'd'));
    expect(await kit.received('standard')).toEqual(['one']);
  });

  it('keeps the order of each group', async () => {
    await kit.topic('news.fifo');
    await kit.subscribe('news.fifo', 'inbox.fifo', { RawMessageDelivery: 'true' });
    for (let index = 0; index < 20; index++) {
      await kit.publish('news.fifo', `${index}`, inGroup(`g${index % 2}`, `d${index}`));
    }
    const messages = await kit.receive('inbox.fifo');
    for (const group of ['g0', 'g1']) {
      const bodies = messages
        .filter(({ Attributes }) => Attributes.MessageGroupId === group)
        .map(({ Body }) => Number(Body));
      expect(bodies).toEqual([...bodies].sort((a, b) => a - b));
      expect(bodies).toHaveLength(10);
    }
  });

  it('knows ids after a crash', async () => {
    await kit.topic('news.fifo');
    await kit.subscribe('news.fifo', 'inbox.fifo');
    const first = await kit.publish('news.fifo', 'one', inGroup('g', 'd'));
    kit = await kit.restart({ crash: true });
    expect(await kit.publish('news.fifo', 'one', inGroup('g', 'd'))).toEqual(first);
    expect(await kit.received('inbox.fifo')).toEqual(['one']);
  });

  it('that is made anew knows nothing of the one before', async () => {
    await kit.topic('news.fifo');
    const first = await kit.publish('news.fifo', 'one', inGroup('g', 'd'));
    await kit.call('DeleteTopic', { TopicArn: topicArn('news.fifo') });
    await kit.topic('news.fifo');
    expect(await kit.publish('news.fifo', 'one', inGroup('g', 'd'))).not.toEqual(first);
  });

  it('gives queues of deliveries groups', async () => {
    await kit.destroy();
    kit = await SnsKit.open({ smsWebhook: 'http://127.0.0.1:1' });
    await kit.topic('news.fifo');
    const { SubscriptionArn } = await kit.call('Subscribe', {
      TopicArn: topicArn('news.fifo'),
      Protocol: 'sms',
      Endpoint: '+15551234567',
    });
    const name = `amq.sns.${SubscriptionArn.split(':').at(-1)}`;
    expect(kit.broker.queues.get('', name)!.definition.settings.groups).toBe(true);
  });
});

describe('a standard topic', () => {
  it('takes no FIFO queue', async () => {
    await kit.topic('news');
    const input = { TopicArn: topicArn('news'), Protocol: 'sqs', Endpoint: queueArn('inbox.fifo') };
    expect(await kit.refusal('Subscribe', input)).toContain(
      'FIFO SQS Queues can not be subscribed to standard SNS topics',
    );
  });
});
