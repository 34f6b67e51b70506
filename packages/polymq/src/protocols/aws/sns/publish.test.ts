import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { exchangeOf, queueArn, SnsKit, topicArn } from './testing/kit.ts';

let kit: SnsKit;

beforeEach(async () => {
  kit = await SnsKit.open({ smsWebhook: 'http://127.0.0.1:1' });
  await kit.topic('news');
  await kit.createQueue('inbox');
});

afterEach(() => kit.destroy());

const text = (StringValue: string) => ({ DataType: 'String', StringValue });

describe('a message that is published', () => {
  it('comes in an envelope to one queue and raw to another', async () => {
    await kit.createQueue('raw');
    const arn = await kit.subscribe('news', 'inbox');
    await kit.subscribe('news', 'raw', { RawMessageDelivery: 'true' });
    const { MessageId } = await kit.publish('news', 'hello', {
      Subject: 'greeting',
      MessageAttributes: { kind: text('new') },
    });
    const [enveloped] = await kit.receive('inbox');
    const envelope = JSON.parse(enveloped.Body);
    expect(envelope).toMatchObject({
      Type: 'Notification',
      MessageId,
      TopicArn: topicArn('news'),
      Subject: 'greeting',
      Message: 'hello',
      UnsubscribeURL: `http://broker:9324/?Action=Unsubscribe&SubscriptionArn=${arn}`,
      MessageAttributes: { kind: { Type: 'String', Value: 'new' } },
    });
    expect(enveloped.MessageAttributes).toBeUndefined();
    const [raw] = await kit.receive('raw');
    expect(raw.Body).toBe('hello');
    expect(raw.MessageAttributes).toEqual({ kind: text('new') });
  });

  it('stays as it was when it was published, whatever becomes of the subscription', async () => {
    await kit.createQueue('raw');
    const set = (SubscriptionArn: string, AttributeValue: string) => {
      const change = { SubscriptionArn, AttributeName: 'RawMessageDelivery', AttributeValue };
      return kit.call('SetSubscriptionAttributes', change);
    };
    const enveloped = await kit.subscribe('news', 'inbox');
    const raw = await kit.subscribe('news', 'raw', { RawMessageDelivery: 'true' });
    await kit.publish('news', 'one');
    await set(enveloped, 'true');
    await kit.publish('news', 'two');
    await set(raw, 'false');
    await kit.call('Unsubscribe', { SubscriptionArn: raw });
    await kit.call('DeleteTopic', { TopicArn: topicArn('news') });
    const bodies = (await kit.receive('raw')).map(({ Body }) => Body);
    expect(bodies).toEqual(['one', 'two']);
    const [first, second] = await kit.receive('inbox');
    expect(JSON.parse(first.Body).Message).toBe('one');
    expect(second.Body).toBe('two');
  });

  it('is stored once for all queues', async () => {
    const names = ['a', 'b', 'c'];
    for (const name of names) {
      await kit.createQueue(name);
      await kit.subscribe('news', name);
    }
    const { publisher } = kit.broker;
    const published: string[][] = [];
    const publish = publisher.publish.bind(publisher);
    publisher.publish = (draft, route) => {
      published.push(route.queues.map(({ name }) => name).sort());
      return publish(draft, route);
    };
    await kit.publish('news', 'hello');
    expect(published).toEqual([names]);
  });

  it('goes nowhere if nobody has subscribed', async () => {
    expect(await kit.publish('news', 'hello')).toEqual({ MessageId: expect.any(String) });
  });

  it('has another text for each protocol', async () => {
    await kit.createQueue('raw');
    await kit.subscribe('news', 'inbox');
    await kit.subscribe('news', 'raw', { RawMessageDelivery: 'true' });
    const Message = JSON.stringify({ default: 'for all', sqs: 'for queues', http: 1 });
    await kit.call('Publish', { TopicArn: topicArn('news'), Message, MessageStructure: 'json' });
    const [raw] = await kit.receive('raw');
    expect(raw.Body).toBe('for queues');
    expect(await kit.received('inbox')).toEqual(['for queues']);
    const others = JSON.stringify({ default: 'for all', http: 'for the web' });
    await kit.publish('news', others, { MessageStructure: 'json' });
    expect(await kit.received('inbox')).toEqual(['for all']);
  });

  it('carries the trace header on', async () => {
    await kit.subscribe('news', 'inbox');
    const headers = { 'x-amzn-trace-id': 'Root=1-2-3' };
    const exchange = exchangeOf('POST', '/', headers, () => undefined);
    await kit.call('Publish', { TopicArn: topicArn('news'), Message: 'x' }, { exchange });
    const [message] = await kit.receive('inbox');
    expect(message.Attributes.AWSTraceHeader).toBe('Root=1-2-3');
  });

  it('may name the topic as its target', async () => {
    await kit.subscribe('news', 'inbox');
    await kit.call('Publish', { TargetArn: topicArn('news'), Message: 'hello' });
    expect(await kit.received('inbox')).toEqual(['hello']);
    const TargetArn = 'arn:aws:sns:us-east-1:000000000000:endpoint/ADM/app/1';
    expect(await kit.refusal('Publish', { TargetArn, Message: 'x' })).toContain(
      'TargetArn Reason: No endpoint found for the target arn specified',
    );
  });

  it('keeps a group id, which fair queues go by', async () => {
    await kit.subscribe('news', 'inbox');
    await kit.publish('news', 'hello', { MessageGroupId: 'tenant-1' });
    const [message] = await kit.receive('inbox');
    expect(message.Attributes.MessageGroupId).toBe('tenant-1');
  });

  it.each([
    [{ Message: '' }, 'InvalidParameter: Invalid parameter: Empty message'],
    [{ Subject: '' }, 'InvalidParameter: Invalid parameter: Subject'],
    [{ Subject: 'a\nb' }, 'InvalidParameter: Invalid parameter: Subject'],
    [{ Subject: 'a'.repeat(101) }, 'InvalidParameter: Invalid parameter: Subject'],
    [
      { Message: 'a'.repeat(1024 * 1024 + 1) },
      'InvalidParameter: Invalid parameter: Message too long',
    ],
    [
      {
        Message: 'a'.repeat(1024 * 1024 - 10),
        MessageAttributes: { name: text('value') },
      },
      'InvalidParameter: Invalid parameter: Message too long',
    ],
    [{ MessageStructure: 'xml' }, 'InvalidParameter: Invalid parameter: MessageStructure'],
    [
      { MessageStructure: 'json', Message: 'text' },
      'InvalidParameter: Invalid parameter: Message Structure - JSON message body failed to parse',
    ],
    [
      { MessageStructure: 'json', Message: '{"sqs":"x","default":1}' },
      'InvalidParameter: Invalid parameter: Message Structure - No default entry in JSON message body',
    ],
    [
      { MessageStructure: 'json', Message: '[]' },
      'InvalidParameter: Invalid parameter: Message Structure - No default entry in JSON message body',
    ],
    [
      { MessageDeduplicationId: 'a' },
      'InvalidParameter: Invalid parameter: MessageDeduplicationId Reason: The request includes MessageDeduplicationId parameter that is not valid for this topic type',
    ],
    [{ TopicArn: topicArn('none') }, 'NotFound: Topic does not exist'],
    [
      { TopicArn: '' },
      'InvalidParameter: Invalid parameter: TopicArn Reason: An ARN must have at least 6 elements, not 1',
    ],
  ])('is refused if it is wrong (%#)', async (more, reason) => {
    const input = { TopicArn: topicArn('news'), Message: 'hello', ...more };
    expect(await kit.refusal('Publish', input)).toBe(reason);
  });

  it('is refused while something is short', async () => {
    kit.broker.alarms.set('memory', true);
    const input = { TopicArn: topicArn('news'), Message: 'hello' };
    expect(await kit.refusal('Publish', input)).toContain('Throttled: The broker is low on memory');
    const entries = { ...input, PublishBatchRequestEntries: [{ Id: 'a', Message: 'x' }] };
    expect(await kit.refusal('PublishBatch', entries)).toContain('Throttled: ');
    kit.broker.alarms.set('memory', false);
    await kit.call('Publish', input);
  });
});

describe('message attributes', () => {
  const NON_EMPTY =
    "The message attribute 'a' must contain non-empty message attribute value for message attribute type";
  const PREFIX =
    "The message attribute 'a' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String.";

  it.each([
    [{ a: { DataType: 'String', StringValue: '' } }, `${NON_EMPTY} 'String'.`],
    [{ a: { DataType: 'String' } }, `${NON_EMPTY} 'String'.`],
    [{ a: { DataType: 'Binary', BinaryValue: '' } }, `${NON_EMPTY} 'Binary'.`],
    [
      { a: { DataType: 'String', BinaryValue: 'AgME' } },
      "The message attribute 'a' with type 'String' must use field 'String'.",
    ],
    [
      { a: { DataType: 'Number', BinaryValue: 'AgME' } },
      "The message attribute 'a' with type 'Number' must use field 'String'.",
    ],
    [
      { a: { DataType: 'Binary', StringValue: 'x' } },
      "The message attribute 'a' with type 'Binary' must use field 'Binary'.",
    ],
    [{ a: { DataType: 'Strings', StringValue: 'x' } }, PREFIX],
    [{ a: { DataType: 'String.', StringValue: 'x' } }, PREFIX],
    [
      { a: { DataType: 'Number', StringValue: 'x' } },
      "Could not cast message attribute 'a' value to number.",
    ],
    [
      { ['a'.repeat(257)]: text('x') },
      'Length of message attribute name must be less than 256 bytes.',
    ],
    [
      { '^a': text('x') },
      "Invalid non-alphanumeric character '#x5E' was found in the message attribute name. Can only include alphanumeric characters, hyphens, underscores, or dots.",
    ],
    [{ '.a': text('x') }, "Invalid message attribute name starting with character '.' was found."],
    [{ 'a.': text('x') }, "Invalid message attribute name ending with character '.' was found."],
    [{ 'a..b': text('x') }, "Message attribute name can not have successive '.' character."],
  ])('%j are refused', async (MessageAttributes, reason) => {
    const input = { TopicArn: topicArn('news'), Message: 'hello', MessageAttributes };
    expect(await kit.refusal('Publish', input)).toBe(`InvalidParameterValue: ${reason}`);
    const { Message, TopicArn } = input;
    const PublishBatchRequestEntries = [{ Id: 'a', Message, MessageAttributes }];
    expect(await kit.refusal('PublishBatch', { TopicArn, PublishBatchRequestEntries })).toBe(
      `InvalidParameterValue: ${reason}`,
    );
  });

  it('of all types arrive', async () => {
    await kit.subscribe('news', 'inbox');
    const MessageAttributes = {
      text: text('x'),
      list: { DataType: 'String.Array', StringValue: '["a",1]' },
      count: { DataType: 'Number.int', StringValue: '7' },
      bytes: { DataType: 'Binary', BinaryValue: 'AgME' },
    };
    await kit.publish('news', 'hello', { MessageAttributes });
    const [{ Body }] = await kit.receive('inbox');
    expect(JSON.parse(Body).MessageAttributes).toEqual({
      text: { Type: 'String', Value: 'x' },
      list: { Type: 'String.Array', Value: '["a",1]' },
      count: { Type: 'Number.int', Value: '7' },
      bytes: { Type: 'Binary', Value: 'AgME' },
    });
  });
});

describe('filters', () => {
  const attributes = (MessageAttributes: object) => ({ MessageAttributes });

  it('let through by attributes', async () => {
    await kit.subscribe('news', 'inbox', {
      FilterPolicy: '{"kind":["new"],"price":[{"numeric":[">",10]}]}',
    });
    const price = (StringValue: string) => ({ DataType: 'Number', StringValue });
    await kit.publish('news', '1', attributes({ kind: text('new'), price: price('11') }));
    await kit.publish('news', '2', attributes({ kind: text('new'), price: price('9') }));
    await kit.publish('news', '3', attributes({ kind: text('old'), price: price('11') }));
    await kit.publish('news', '4');
    expect(await kit.received('inbox')).toEqual(['1']);
  });

  it('look into lists', async () => {
    await kit.subscribe('news', 'inbox', { FilterPolicy: '{"tags":["b"]}' });
    const list = (StringValue: string) => ({ tags: { DataType: 'String.Array', StringValue } });
    await kit.publish('news', '1', attributes(list('["a","b"]')));
    await kit.publish('news', '2', attributes(list('["a"]')));
    expect(await kit.received('inbox')).toEqual(['1']);
  });

  it('let through by the body', async () => {
    await kit.subscribe('news', 'inbox', {
      FilterPolicyScope: 'MessageBody',
      FilterPolicy: '{"order":{"kind":["new"]}}',
    });
    await kit.publish('news', '{"order":{"kind":"new"}}');
    await kit.publish('news', '{"order":{"kind":"old"}}');
    await kit.publish('news', 'no JSON');
    expect(await kit.received('inbox')).toEqual(['{"order":{"kind":"new"}}']);
  });

  it('can be set later, and taken away', async () => {
    const SubscriptionArn = await kit.subscribe('news', 'inbox');
    const set = (AttributeValue: string) => {
      const change = { SubscriptionArn, AttributeName: 'FilterPolicy', AttributeValue };
      return kit.call('SetSubscriptionAttributes', change);
    };
    await set('{"kind":["new"]}');
    await kit.publish('news', '1');
    await set('{}');
    await kit.publish('news', '2');
    expect(await kit.received('inbox')).toEqual(['2']);
    expect(kit.broker.exchanges.bindings('')).toHaveLength(1);
  });
});

describe('PublishBatch', () => {
  const batch = (PublishBatchRequestEntries: object[], topic = 'news') => ({
    TopicArn: topicArn(topic),
    PublishBatchRequestEntries,
  });
  const entry = (Id: string, more: object = {}) => ({ Id, Message: `message ${Id}`, ...more });

  it('publishes all entries in order', async () => {
    await kit.subscribe('news', 'inbox');
    const ids = ['a', 'b', 'valid-message_123', 'd'.repeat(80)];
    const { Successful, Failed } = await kit.call(
      'PublishBatch',
      batch(ids.map((id) => entry(id))),
    );
    expect(Failed).toEqual([]);
    expect(Successful).toEqual(ids.map((Id) => ({ Id, MessageId: expect.any(String) })));
    expect(await kit.received('inbox')).toEqual(ids.map((id) => `message ${id}`));
  });

  it('is published in one turn, which is one batch of the journal', async () => {
    await kit.subscribe('news', 'inbox');
    const { publisher } = kit.broker;
    const publish = publisher.publish.bind(publisher);
    let count = 0;
    let countOfTurn: Promise<number> | undefined;
    publisher.publish = (draft, route) => {
      count += 1;
      countOfTurn ??= new Promise((resolve) => setImmediate(() => resolve(count)));
      return publish(draft, route);
    };
    await kit.call('PublishBatch', batch([entry('a'), entry('b'), entry('c')]));
    expect(await countOfTurn).toBe(3);
  });

  it.each([
    [[], 'EmptyBatchRequest: '],
    [
      Array.from({ length: 11 }, (_, index) => entry(`e${index}`)),
      'TooManyEntriesInBatchRequest: The batch request contains more entries than permissible.',
    ],
    [
      [entry('a'), entry('a')],
      'BatchEntryIdsNotDistinct: Two or more batch entries in the request have the same Id.',
    ],
    [
      [entry('message.id')],
      'InvalidBatchEntryId: The Id of a batch entry in the batch request contains an impermissible character: message.id',
    ],
    [
      [entry('a'.repeat(81))],
      'InvalidBatchEntryId: The Id of a batch entry in the batch request is too long: ',
    ],
    [[entry('')], 'InvalidBatchEntryId: '],
    [
      [entry('a', { Message: 'x'.repeat(600_000) }), entry('b', { Message: 'x'.repeat(600_000) })],
      'BatchRequestTooLong: The length of all the messages put together is more than the limit.',
    ],
    [
      [entry('a'), entry('b', { Message: 'x', MessageStructure: 'json' })],
      'InvalidParameter: Invalid parameter: Message Structure - JSON message body failed to parse',
    ],
  ])('is refused as a whole if it is wrong (%#)', async (entries, reason) => {
    await kit.subscribe('news', 'inbox');
    expect(await kit.refusal('PublishBatch', batch(entries))).toContain(reason);
    expect(await kit.received('inbox')).toEqual([]);
  });

  it('is for topics that there are', async () => {
    expect(await kit.refusal('PublishBatch', batch([entry('a')], 'none'))).toContain('NotFound');
  });

  it('says which entries have failed', async () => {
    await kit.topic('news.fifo', { ContentBasedDeduplication: 'true' });
    const { BrokerError } = await import('../../../core/errors.ts');
    const { dedup } = kit.broker;
    const remember = dedup.remember.bind(dedup);
    let count = 0;
    dedup.remember = (scope, id, number) => {
      count += 1;
      if (count === 2) throw new BrokerError('storage-full', 'no room');
      remember(scope, id, number);
    };
    const entries = ['a', 'b', 'c'].map((id) => entry(id, { MessageGroupId: 'g' }));
    const { Successful, Failed } = await kit.call('PublishBatch', batch(entries, 'news.fifo'));
    expect(Successful.map(({ Id }: { Id: string }) => Id)).toEqual(['a', 'c']);
    expect(Failed).toEqual([
      { Id: 'b', Code: 'ServiceUnavailable', Message: expect.any(String), SenderFault: false },
    ]);
  });
});

describe('a message to a phone number', () => {
  it('goes to the webhook', async () => {
    const input = { PhoneNumber: '+15551234567', Message: 'hello' };
    expect(await kit.call('Publish', input)).toEqual({ MessageId: expect.any(String) });
    expect(kit.asked.log).toEqual(['sms +15551234567: hello']);
  });

  it.each([
    [{ PhoneNumber: '+1a234' }, 'PhoneNumber Reason: +1a234 is not valid to publish to'],
    [{ PhoneNumber: '+15551234567', TopicArn: topicArn('news') }, 'together with TopicArn'],
  ])('is refused if it is wrong (%#)', async (more, reason) => {
    expect(await kit.refusal('Publish', { Message: 'hello', ...more })).toContain(reason);
  });

  it('is refused without a webhook', async () => {
    await kit.destroy();
    kit = await SnsKit.open();
    const input = { PhoneNumber: '+15551234567', Message: 'hello' };
    expect(await kit.refusal('Publish', input)).toContain('sns.smsWebhook');
  });
});

describe('other targets', () => {
  it('are streams, queues and exchanges of this broker', async () => {
    await kit.core.streams.create({ name: 'orders', partitionCount: 1 });
    const flags = { durable: true, autoDelete: false, internal: false, declared: {} };
    await kit.broker.exchanges.declare('', 'further', { type: 'fanout', ...flags });
    await kit.createQueue('far');
    await kit.subscribe('further', 'far');
    const subscribe = (Protocol: string, Endpoint: string) =>
      kit.call('Subscribe', { TopicArn: topicArn('news'), Protocol, Endpoint });
    await subscribe('kafka', 'orders');
    await subscribe('amqp', 'inbox');
    await subscribe('amqp', 'exchange:further');
    await kit.publish('news', 'hello');
    expect(kit.core.streams.get('orders')!.partitions[0]!.endOffset).toBe(1);
    expect(await kit.receive('inbox')).toHaveLength(1);
    expect(await kit.received('far')).toEqual(['hello']);
  });

  it('that are made anew are found again', async () => {
    await kit.core.streams.create({ name: 'orders', partitionCount: 1 });
    const target = { Protocol: 'kafka', Endpoint: 'orders' };
    await kit.call('Subscribe', { TopicArn: topicArn('news'), ...target });
    await kit.publish('news', 'one');
    await kit.core.streams.delete('orders');
    await kit.publish('news', 'two');
    await kit.core.streams.create({ name: 'orders', partitionCount: 1 });
    await kit.publish('news', 'three');
    expect(kit.core.streams.get('orders')!.partitions[0]!.endOffset).toBe(1);
  });
});

describe('a queue that is not there', () => {
  const redrive = { RedrivePolicy: JSON.stringify({ deadLetterTargetArn: queueArn('dead') }) };

  it('gets messages from when it is made', async () => {
    const arn = await kit.subscribe('news', 'later');
    await kit.publish('news', 'one');
    await kit.createQueue('later');
    await kit.publish('news', 'two');
    expect(await kit.received('later')).toEqual(['two']);
    expect(arn).toBe(await kit.subscribe('news', 'later'));
  });

  it('is stood in for by the dead-letter queue', async () => {
    await kit.createQueue('dead');
    const url = await kit.createQueue('gone');
    const arn = await kit.subscribe('news', 'gone', redrive);
    await kit.publish('news', 'one');
    expect(await kit.received('gone')).toEqual(['one']);
    await kit.queue('DeleteQueue', { QueueUrl: url });
    await kit.settle();
    await kit.publish('news', 'two');
    const [message] = await kit.receive('dead');
    const envelope = JSON.parse(message.Body);
    expect(envelope.Message).toBe('two');
    expect(envelope.UnsubscribeURL).toContain(arn);
    await kit.createQueue('gone');
    await kit.publish('news', 'three');
    expect(await kit.received('gone')).toEqual(['three']);
    expect(await kit.receive('dead')).toEqual([]);
  });

  it('is stood in for when the policy is set later', async () => {
    await kit.createQueue('dead');
    const SubscriptionArn = await kit.subscribe('news', 'later');
    await kit.call('SetSubscriptionAttributes', {
      SubscriptionArn,
      AttributeName: 'RedrivePolicy',
      AttributeValue: redrive.RedrivePolicy,
    });
    await kit.publish('news', 'one');
    expect(await kit.received('dead')).toEqual(['one']);
  });
});
