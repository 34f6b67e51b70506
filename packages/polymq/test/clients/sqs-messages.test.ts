/** Messages of standard queues: receiving, visibility, delays, attributes and batches, through @aws-sdk v3. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  attributesOf,
  bodiesOf,
  md5,
  md5OfAttributes,
  newQueue,
  receive,
  receiveUntil,
  refusal,
  refusedWith,
  release,
  remove,
  sqsClient,
} from './aws-client.ts';
import { type AwsPeer, lacksIt, startAwsPeer } from './aws-peer.ts';
import { eventually } from './peer.ts';

let peer: AwsPeer;

beforeAll(async () => {
  peer = await startAwsPeer();
});
afterAll(() => peer?.stop());

describe('receiving', () => {
  test('many polls wait, and each message wakes one of them', async () => {
    const sqs = sqsClient(peer);
    const queue = await newQueue(sqs);
    const polls = Array.from({ length: 5 }, () =>
      receive(sqs, queue, { WaitTimeSeconds: 20, MaxNumberOfMessages: 1 }),
    );
    await new Promise((resolve) => setTimeout(resolve, 300));
    const bodies = ['1', '2', '3', '4', '5'];
    for (const body of bodies) await sqs.sendMessage({ QueueUrl: queue, MessageBody: body });
    const received = await Promise.all(polls);
    expect(received.map((messages) => messages.length)).toEqual([1, 1, 1, 1, 1]);
    expect(bodiesOf(received.flat()).sort()).toEqual(bodies);
  });

  test('a poll that the client gave up takes no message with it', async () => {
    const sqs = sqsClient(peer);
    const queue = await newQueue(sqs);
    const abort = new AbortController();
    const given = sqs.receiveMessage(
      { QueueUrl: queue, WaitTimeSeconds: 20 },
      { abortSignal: abort.signal },
    );
    await new Promise((resolve) => setTimeout(resolve, 300));
    abort.abort();
    await expect(given).rejects.toThrow();
    // ElasticMQ and moto hand messages to polls that nobody waits for.
    if (lacksIt('elasticmq', 'moto')) return;
    await sqs.sendMessage({ QueueUrl: queue, MessageBody: 'kept' });
    expect(bodiesOf(await receive(sqs, queue))).toEqual(['kept']);
  });

  test('the wait of the queue holds for polls that name none', async () => {
    const sqs = sqsClient(peer);
    const queue = await newQueue(sqs, { ReceiveMessageWaitTimeSeconds: '20' });
    const polling = receive(sqs, queue);
    await new Promise((resolve) => setTimeout(resolve, 300));
    await sqs.sendMessage({ QueueUrl: queue, MessageBody: 'x' });
    expect(bodiesOf(await polling)).toEqual(['x']);
  });

  // ElasticMQ has another word for it.
  test.skipIf(lacksIt('elasticmq'))('as many as asked for come at once, ten at most', async () => {
    const sqs = sqsClient(peer);
    const queue = await newQueue(sqs);
    const Entries = Array.from({ length: 10 }, (_, index) => ({
      Id: `${index}`,
      MessageBody: `${index}`,
    }));
    await sqs.sendMessageBatch({ QueueUrl: queue, Entries });
    expect(await receive(sqs, queue, { MaxNumberOfMessages: 3 })).toHaveLength(3);
    expect(await receive(sqs, queue, { MaxNumberOfMessages: 10 })).toHaveLength(7);
    const eleven = receive(sqs, queue, { MaxNumberOfMessages: 11 });
    expect(await refusal(eleven)).toMatchObject({
      name: expect.stringMatching(/^(InvalidParameterValue|ReadCountOutOfRange)$/),
      status: 400,
    });
  });

  test('system attributes tell what happened to the message', async () => {
    const sqs = sqsClient(peer);
    const queue = await newQueue(sqs);
    const before = Date.now();
    await sqs.sendMessage({
      QueueUrl: queue,
      MessageBody: 'x',
      MessageSystemAttributes: {
        AWSTraceHeader: {
          DataType: 'String',
          StringValue: 'Root=1-5759e988-bd862e3fe1be46a994272793',
        },
      },
    });
    const [first] = await receive(sqs, queue);
    await release(sqs, queue, first!);
    const [second] = await receiveUntil(sqs, queue, 1);
    expect(second!.Attributes).toMatchObject({
      ApproximateReceiveCount: '2',
      SenderId: expect.any(String),
      ApproximateFirstReceiveTimestamp: first!.Attributes!['ApproximateFirstReceiveTimestamp'],
      AWSTraceHeader: 'Root=1-5759e988-bd862e3fe1be46a994272793',
    });
    const sentMs = Number(second!.Attributes!['SentTimestamp']);
    expect(sentMs).toBeGreaterThanOrEqual(before - 1000);
    expect(Number(second!.Attributes!['ApproximateFirstReceiveTimestamp'])).toBeGreaterThanOrEqual(
      sentMs,
    );
    await release(sqs, queue, second!);
    const [bare] = await receiveUntil(sqs, queue, 1, { MessageSystemAttributeNames: [] });
    expect(bare!.Attributes).toBeUndefined();
    await release(sqs, queue, bare!);
    const [old] = await receiveUntil(sqs, queue, 1, {
      MessageSystemAttributeNames: undefined,
      AttributeNames: ['SenderId' as 'All'],
    });
    expect(Object.keys(old!.Attributes!)).toEqual(['SenderId']);
  });
});

describe('fair queues', () => {
  // These emulators do it otherwise than AWS.
  test.skipIf(lacksIt('elasticmq', 'moto'))(
    'a group with many messages does not keep others waiting',
    async () => {
      const sqs = sqsClient(peer);
      const queue = await newQueue(sqs);
      const send = (MessageBody: string, MessageGroupId: string) =>
        sqs.sendMessage({ QueueUrl: queue, MessageBody, MessageGroupId });
      for (let index = 0; index < 20; index += 1) await send(`noisy-${index}`, 'noisy');
      expect(await receive(sqs, queue)).toHaveLength(10);
      await send('quiet', 'quiet');
      const [next] = await receive(sqs, queue, { MaxNumberOfMessages: 1 });
      expect(next).toMatchObject({ Body: 'quiet', Attributes: { MessageGroupId: 'quiet' } });
      // Groups of a standard queue lock nothing.
      expect(await receive(sqs, queue)).toHaveLength(10);
    },
  );
});

describe('visibility', () => {
  test('counts of the queue follow its messages', async () => {
    const sqs = sqsClient(peer);
    const queue = await newQueue(sqs);
    const counts = async () => {
      const attributes = await attributesOf(sqs, queue);
      return [
        attributes['ApproximateNumberOfMessages'],
        attributes['ApproximateNumberOfMessagesNotVisible'],
        attributes['ApproximateNumberOfMessagesDelayed'],
      ].map(Number);
    };
    await sqs.sendMessage({ QueueUrl: queue, MessageBody: 'a' });
    await sqs.sendMessage({ QueueUrl: queue, MessageBody: 'b' });
    await sqs.sendMessage({ QueueUrl: queue, MessageBody: 'c', DelaySeconds: 600 });
    expect(await counts()).toEqual([2, 0, 1]);
    const [message] = await receive(sqs, queue, { MaxNumberOfMessages: 1 });
    expect(await counts()).toEqual([1, 1, 1]);
    await remove(sqs, queue, message!);
    expect(await counts()).toEqual([1, 0, 1]);
  });

  test('a message comes again when its timeout is over, with a new receipt handle', async () => {
    const sqs = sqsClient(peer);
    const queue = await newQueue(sqs);
    await sqs.sendMessage({ QueueUrl: queue, MessageBody: 'x' });
    const [first] = await receive(sqs, queue, { VisibilityTimeout: 1 });
    expect(await receive(sqs, queue)).toEqual([]);
    const [second] = await receiveUntil(sqs, queue, 1);
    expect(second!.MessageId).toBe(first!.MessageId);
    expect(second!.ReceiptHandle).not.toBe(first!.ReceiptHandle);
  });

  test('a longer timeout keeps a message away, zero brings it back', async () => {
    const sqs = sqsClient(peer);
    const queue = await newQueue(sqs, { VisibilityTimeout: '1' });
    await sqs.sendMessage({ QueueUrl: queue, MessageBody: 'x' });
    const [message] = await receive(sqs, queue);
    await sqs.changeMessageVisibility({
      QueueUrl: queue,
      ReceiptHandle: message!.ReceiptHandle,
      VisibilityTimeout: 100,
    });
    expect(await receive(sqs, queue, { WaitTimeSeconds: 2 })).toEqual([]);
    await release(sqs, queue, message!);
    expect(await receiveUntil(sqs, queue, 1)).toHaveLength(1);
  });

  // ElasticMQ refuses a handle whose message is gone.
  test.skipIf(lacksIt('elasticmq'))(
    'a standard queue takes the handle of a receive that is over',
    async () => {
      const sqs = sqsClient(peer);
      const queue = await newQueue(sqs);
      await sqs.sendMessage({ QueueUrl: queue, MessageBody: 'x' });
      const [message] = await receive(sqs, queue, { VisibilityTimeout: 1 });
      await eventually('it is visible again', async () => {
        const { ApproximateNumberOfMessages } = await attributesOf(sqs, queue);
        return ApproximateNumberOfMessages === '1' || undefined;
      });
      await remove(sqs, queue, message!);
      expect(await receive(sqs, queue)).toEqual([]);
      // Deleting what is deleted is no error.
      await remove(sqs, queue, message!);
    },
  );

  test('what is not in flight cannot be changed, and no handle is no handle', async () => {
    const sqs = sqsClient(peer);
    const queue = await newQueue(sqs);
    await sqs.sendMessage({ QueueUrl: queue, MessageBody: 'x' });
    const [message] = await receive(sqs, queue);
    const change = (ReceiptHandle: string, VisibilityTimeout: number) =>
      refusal(sqs.changeMessageVisibility({ QueueUrl: queue, ReceiptHandle, VisibilityTimeout }));
    const handle = message!.ReceiptHandle!;
    expect(await change('no handle', 1)).toMatchObject({
      name: 'ReceiptHandleIsInvalid',
      fault: 'client',
    });
    // ElasticMQ and moto take it.
    if (lacksIt('elasticmq', 'moto')) return;
    expect(await change(handle, 43_201)).toMatchObject({ name: 'InvalidParameterValue' });
    await release(sqs, queue, message!);
    expect(await change(handle, 1)).toMatchObject({ name: 'MessageNotInflight', status: 400 });
    const foreign = await newQueue(sqs);
    const deleted = sqs.deleteMessage({ QueueUrl: foreign, ReceiptHandle: handle });
    expect(await refusedWith(deleted)).toBe('ReceiptHandleIsInvalid');
  });

  test('delays hold for a message, and for the queue where the message names none', async () => {
    const sqs = sqsClient(peer);
    const queue = await newQueue(sqs, { DelaySeconds: '600' });
    await sqs.sendMessage({ QueueUrl: queue, MessageBody: 'queue’s' });
    await sqs.sendMessage({ QueueUrl: queue, MessageBody: 'now', DelaySeconds: 0 });
    await sqs.sendMessage({ QueueUrl: queue, MessageBody: 'soon', DelaySeconds: 1 });
    expect(bodiesOf(await receive(sqs, queue))).toEqual(['now']);
    expect(bodiesOf(await receiveUntil(sqs, queue, 1))).toEqual(['soon']);
    expect(await receive(sqs, queue)).toEqual([]);
  });
});

describe('contents', () => {
  // moto leaves that digest out.
  test.skipIf(lacksIt('moto'))(
    'the digest of attributes has no system attributes in it',
    async () => {
      const sqs = sqsClient(peer);
      const queue = await newQueue(sqs);
      const attributes = { a: { DataType: 'String', StringValue: '1' } };
      const trace = { DataType: 'String', StringValue: 'Root=1-5759e988-bd862e3fe1be46a994272793' };
      const sent = await sqs.sendMessage({
        QueueUrl: queue,
        MessageBody: 'x',
        MessageAttributes: attributes,
        MessageSystemAttributes: { AWSTraceHeader: trace as { DataType: string } },
      });
      expect(sent.MD5OfMessageAttributes).toBe(md5OfAttributes(attributes));
      // ElasticMQ leaves it out.
      if (!lacksIt('elasticmq')) {
        expect(sent.MD5OfMessageSystemAttributes).toBe(md5OfAttributes({ AWSTraceHeader: trace }));
      }
      const [message] = await receive(sqs, queue);
      expect(message!.MD5OfMessageAttributes).toBe(md5OfAttributes(attributes));
    },
  );

  test('no attributes are told of where there are none or none is asked for', async () => {
    const sqs = sqsClient(peer);
    const queue = await newQueue(sqs);
    const bare = await sqs.sendMessage({ QueueUrl: queue, MessageBody: 'bare' });
    expect(bare).not.toHaveProperty('MD5OfMessageAttributes');
    await sqs.sendMessage({
      QueueUrl: queue,
      MessageBody: 'with',
      MessageAttributes: { a: { DataType: 'String', StringValue: '1' } },
    });
    const messages = await receive(sqs, queue, { MessageAttributeNames: [] });
    expect(messages).toHaveLength(2);
    for (const message of messages) {
      expect(message).not.toHaveProperty('MessageAttributes');
      expect(message).not.toHaveProperty('MD5OfMessageAttributes');
    }
  });

  // ElasticMQ and moto have other words for what they refuse.
  test.skipIf(lacksIt('elasticmq', 'moto'))(
    'bodies of any text that XML may hold come as they were',
    async () => {
      const sqs = sqsClient(peer);
      const queue = await newQueue(sqs);
      const bodies = ['<&>"\'', 'a\tb\r\nc', `🦑 ü ${'x'.repeat(100)}`, '{"a":[1,2]}', ' leading'];
      for (const MessageBody of bodies) {
        const sent = await sqs.sendMessage({ QueueUrl: queue, MessageBody });
        expect(sent.MD5OfMessageBody).toBe(md5(MessageBody));
      }
      expect(bodiesOf(await receiveUntil(sqs, queue, bodies.length)).sort()).toEqual(bodies.sort());
      const illegal = sqs.sendMessage({ QueueUrl: queue, MessageBody: 'a\u0001b' });
      expect(await refusal(illegal)).toMatchObject({ name: 'InvalidMessageContents', status: 400 });
    },
  );

  // moto has another word for it.
  test.skipIf(lacksIt('moto'))('a body may have the largest size and no byte more', async () => {
    const sqs = sqsClient(peer);
    const queue = await newQueue(sqs, { MaximumMessageSize: '2048' });
    await sqs.sendMessage({ QueueUrl: queue, MessageBody: 'x'.repeat(2048) });
    // ElasticMQ keeps to its own limit.
    if (lacksIt('elasticmq')) return;
    const larger = sqs.sendMessage({ QueueUrl: queue, MessageBody: 'x'.repeat(2049) });
    expect(await refusedWith(larger)).toBe('InvalidParameterValue');
    // Attributes count: names, types and values.
    const withAttribute = sqs.sendMessage({
      QueueUrl: queue,
      MessageBody: 'x'.repeat(2040),
      MessageAttributes: { a: { DataType: 'String', StringValue: '1234' } },
    });
    expect(await refusedWith(withAttribute)).toBe('InvalidParameterValue');
    expect(await attributesOf(sqs, queue)).toMatchObject({ ApproximateNumberOfMessages: '1' });
  });

  test.each([
    ['an unknown type', { DataType: 'Colour', StringValue: 'red' }],
    ['no value', { DataType: 'String' }],
    ['an empty value', { DataType: 'String', StringValue: '' }],
    ['a number that is none', { DataType: 'Number', StringValue: 'many' }],
    ['text as binary', { DataType: 'Binary', StringValue: 'text' }],
  ])('an attribute with %s is refused', async (_, attribute) => {
    const sqs = sqsClient(peer);
    const queue = await newQueue(sqs);
    const sending = sqs.sendMessage({
      QueueUrl: queue,
      MessageBody: 'x',
      MessageAttributes: { a: attribute },
    });
    const { name, status } = await refusal(sending);
    // ElasticMQ and moto take some of them.
    if (lacksIt('elasticmq', 'moto')) return;
    expect([name, status]).toEqual(['InvalidParameterValue', 400]);
    expect(await attributesOf(sqs, queue)).toMatchObject({ ApproximateNumberOfMessages: '0' });
  });
});

describe('batches', () => {
  const entries = (count: number) =>
    Array.from({ length: count }, (_, index) => ({ Id: `e${index}`, MessageBody: `${index}` }));

  // ElasticMQ has other words for all but two of them.
  test.skipIf(lacksIt('elasticmq')).each([
    ['EmptyBatchRequest', []],
    ['TooManyEntriesInBatchRequest', entries(11)],
    ['BatchEntryIdsNotDistinct', [...entries(1), ...entries(1)]],
    ['InvalidBatchEntryId', [{ Id: 'no id!', MessageBody: 'x' }]],
    ['InvalidBatchEntryId', [{ Id: 'i'.repeat(81), MessageBody: 'x' }]],
    [
      'BatchRequestTooLong',
      entries(10).map((entry) => ({ ...entry, MessageBody: 'x'.repeat(110_000) })),
    ],
  ])('a batch is refused as a whole with %s', async (code, Entries) => {
    const sqs = sqsClient(peer);
    const queue = await newQueue(sqs);
    expect(await refusal(sqs.sendMessageBatch({ QueueUrl: queue, Entries }))).toMatchObject({
      name: code,
      status: 400,
    });
    expect(await attributesOf(sqs, queue)).toMatchObject({ ApproximateNumberOfMessages: '0' });
  });

  // moto tells of an empty list of failures.
  test.skipIf(lacksIt('moto'))(
    'each message of a batch has its own delay and attributes',
    async () => {
      const sqs = sqsClient(peer);
      const queue = await newQueue(sqs);
      const attributes = { n: { DataType: 'Number', StringValue: '1' } };
      const sent = await sqs.sendMessageBatch({
        QueueUrl: queue,
        Entries: [
          { Id: 'plain', MessageBody: 'plain' },
          { Id: 'typed', MessageBody: 'typed', MessageAttributes: attributes },
          { Id: 'late', MessageBody: 'late', DelaySeconds: 600 },
        ],
      });
      expect(sent.Failed ?? []).toEqual([]);
      expect(sent.Successful!.map((entry) => entry.MD5OfMessageBody)).toEqual(
        ['plain', 'typed', 'late'].map((body) => md5(body)),
      );
      expect(sent.Successful![0]).not.toHaveProperty('MD5OfMessageAttributes');
      expect(sent.Successful![1]!.MD5OfMessageAttributes).toBe(md5OfAttributes(attributes));
      expect(bodiesOf(await receiveUntil(sqs, queue, 2)).sort()).toEqual(['plain', 'typed']);
    },
  );
});
