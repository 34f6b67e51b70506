/** The same programs with both of Amazon's SDKs for JavaScript: @aws-sdk (v3) and aws-sdk (v2). */
import type { SNS } from '@aws-sdk/client-sns';
import type { SQS } from '@aws-sdk/client-sqs';
import SnsOfV2 from 'aws-sdk/clients/sns.js';
import SqsOfV2 from 'aws-sdk/clients/sqs.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  ANY_KEYS,
  arnOf,
  attributesOf,
  bodiesOf,
  drainQueue,
  md5,
  md5OfAttributes,
  newFifoQueue,
  newQueue,
  receive,
  receiveUntil,
  release,
  remove,
  snsClient,
  sqsClient,
} from './aws-client.ts';
import { type AwsPeer, lacksIt, PEER_LACKS_SNS, REGION, startAwsPeer } from './aws-peer.ts';
import { type AwsTap, startTap } from './aws-tap.ts';
import { eventually, uniqueName } from './peer.ts';

let peer: AwsPeer;
let tap: AwsTap;

beforeAll(async () => {
  peer = await startAwsPeer();
  tap = await startTap(peer);
});
afterAll(async () => {
  await tap?.close();
  await peer?.stop();
});

/** The v2 SDK has the same methods, each with a request whose promise must be asked for. */
function withPromises<T extends object>(client: object): T {
  return new Proxy(client, {
    get: (target, name) => (input: unknown) =>
      (target as Record<string | symbol, (input: unknown) => { promise(): unknown }>)[name]!(
        input,
      ).promise(),
  }) as T;
}

interface Sdk {
  sqs(): SQS;
  sns(): SNS;
  wires: { sqs: string; sns: string };
}

const SDKS: Record<string, Sdk> = {
  '@aws-sdk (v3)': {
    sqs: () => sqsClient(tap),
    sns: () => snsClient(tap),
    wires: { sqs: 'json', sns: 'query' },
  },
  'aws-sdk (v2)': {
    sqs: () => withPromises<SQS>(new SqsOfV2(v2Options())),
    sns: () => withPromises<SNS>(new SnsOfV2(v2Options())),
    wires: { sqs: 'json', sns: 'query' },
  },
};

function v2Options(): SqsOfV2.ClientConfiguration {
  return {
    endpoint: tap.endpoint,
    region: REGION,
    credentials: ANY_KEYS,
    maxRetries: 0,
    computeChecksums: true,
  };
}

describe.each(Object.entries(SDKS))('with %s', (_, sdk) => {
  test('a message is sent, received and deleted', async () => {
    const sqs = sdk.sqs();
    const queue = await newQueue(sqs);
    const sent = await sqs.sendMessage({ QueueUrl: queue, MessageBody: 'hello ü' });
    expect(sent).toMatchObject({ MD5OfMessageBody: md5('hello ü') });
    const [message] = await receiveUntil(sqs, queue, 1);
    expect(message).toMatchObject({ MessageId: sent.MessageId, Body: 'hello ü' });
    await remove(sqs, queue, message!);
    expect(await receive(sqs, queue)).toEqual([]);
    expect(await attributesOf(sqs, queue)).toMatchObject({
      ApproximateNumberOfMessages: '0',
      ApproximateNumberOfMessagesNotVisible: '0',
    });
  });

  test('the wire is the one it is known for, and queue URLs begin where the client called', async () => {
    const sqs = sdk.sqs();
    const from = tap.requests.length;
    const queue = await newQueue(sqs);
    await sqs.sendMessage({ QueueUrl: queue, MessageBody: 'x' });
    expect(queue).toMatch(new RegExp(`^${tap.endpoint}/\\d{12}/`));
    const seen = tap.requests.slice(from).map(({ wire }) => wire);
    // Both requests came through the proxy: the SDK dials the queue's URL.
    expect(seen).toEqual([sdk.wires.sqs, sdk.wires.sqs]);
  });

  test('a message sent while a poll waits ends the poll', async () => {
    const sqs = sdk.sqs();
    const queue = await newQueue(sqs);
    const waiting = sqs.receiveMessage({ QueueUrl: queue, WaitTimeSeconds: 20 });
    const ended = waiting.then(() => 'poll');
    await new Promise((resolve) => setTimeout(resolve, 300));
    await sqs.sendMessage({ QueueUrl: queue, MessageBody: 'now' });
    // The poll itself would go on for much longer than the second poll, which finds nothing.
    const other = receive(sqs, queue, { WaitTimeSeconds: 5 }).then(() => 'other');
    expect(await Promise.race([ended, other])).toBe('poll');
    expect(bodiesOf((await waiting).Messages!)).toEqual(['now']);
  });

  // ElasticMQ answers with an empty list.
  test.skipIf(lacksIt('elasticmq'))('an empty poll answers without Messages', async () => {
    const sqs = sdk.sqs();
    const queue = await newQueue(sqs);
    const from = tap.requests.length;
    const answer = await sqs.receiveMessage({ QueueUrl: queue, WaitTimeSeconds: 1 });
    // The v2 SDK makes an empty list of it.
    expect(answer.Messages ?? []).toEqual([]);
    expect(JSON.parse(tap.requests[from]!.answer.body)).toEqual({});
  });

  // moto judges the whole batch where AWS judges entries.
  test.skipIf(lacksIt('moto'))(
    'batches send, change and delete, and say which entries failed',
    async () => {
      const sqs = sdk.sqs();
      const queue = await newQueue(sqs);
      const sent = await sqs.sendMessageBatch({
        QueueUrl: queue,
        Entries: [
          { Id: 'good', MessageBody: 'one' },
          { Id: 'bad', MessageBody: 'two', DelaySeconds: 901 },
          { Id: 'also-good', MessageBody: 'three' },
        ],
      });
      expect(sent.Successful!.map(({ Id }) => Id)).toEqual(['good', 'also-good']);
      expect(sent.Failed).toMatchObject([
        { Id: 'bad', SenderFault: true, Code: 'InvalidParameterValue' },
      ]);
      const messages = await receiveUntil(sqs, queue, 2);
      const changed = await sqs.changeMessageVisibilityBatch({
        QueueUrl: queue,
        Entries: messages.map(({ ReceiptHandle }, index) => ({
          Id: `c${index}`,
          ReceiptHandle,
          VisibilityTimeout: 0,
        })),
      });
      expect(changed.Successful!.map(({ Id }) => Id)).toEqual(['c0', 'c1']);
      const again = await receiveUntil(sqs, queue, 2);
      const deleted = await sqs.deleteMessageBatch({
        QueueUrl: queue,
        Entries: [
          ...again.map(({ ReceiptHandle }, index) => ({ Id: `d${index}`, ReceiptHandle })),
          { Id: 'wrong', ReceiptHandle: 'not a handle' },
        ],
      });
      expect(deleted.Successful!.map(({ Id }) => Id)).toEqual(['d0', 'd1']);
      expect(deleted.Failed).toMatchObject([
        { Id: 'wrong', SenderFault: true, Code: 'ReceiptHandleIsInvalid' },
      ]);
    },
  );

  // moto leaves the type of the user's out of the digest.
  test.skipIf(lacksIt('moto'))('attributes of every type arrive as they were', async () => {
    const sqs = sdk.sqs();
    const queue = await newQueue(sqs);
    const attributes = {
      text: { DataType: 'String', StringValue: 'ü' },
      count: { DataType: 'Number', StringValue: '42' },
      price: { DataType: 'Number.float', StringValue: '1.5' },
      raw: { DataType: 'Binary', BinaryValue: Buffer.of(0, 255, 128) },
      image: { DataType: 'Binary.png', BinaryValue: Buffer.from('png') },
    };
    const sent = await sqs.sendMessage({
      QueueUrl: queue,
      MessageBody: 'with attributes',
      MessageAttributes: attributes,
    });
    expect(sent.MD5OfMessageAttributes).toBe(md5OfAttributes(attributes));
    const [message] = await receiveUntil(sqs, queue, 1);
    const { raw, image, ...texts } = message!.MessageAttributes!;
    expect(texts).toMatchObject({
      text: attributes.text,
      count: attributes.count,
      price: attributes.price,
    });
    expect(Buffer.from(raw!.BinaryValue!)).toEqual(attributes.raw.BinaryValue);
    expect(image!.DataType).toBe('Binary.png');
    expect(message!.MD5OfMessageAttributes).toBe(md5OfAttributes(attributes));
    await release(sqs, queue, message!);
    // AWS takes `pri.*` for all that begin with `pri`; ElasticMQ does not.
    if (lacksIt('elasticmq')) return;
    const [some] = await receiveUntil(sqs, queue, 1, { MessageAttributeNames: ['text', 'pri.*'] });
    expect(Object.keys(some!.MessageAttributes!).sort()).toEqual(['price', 'text']);
    const { text, price } = attributes;
    expect(some!.MD5OfMessageAttributes).toBe(md5OfAttributes({ text, price }));
  });

  // ElasticMQ numbers messages otherwise; moto answers a duplicate with an id of its own.
  test.skipIf(lacksIt('elasticmq', 'moto'))(
    'FIFO groups keep their order and duplicates are answered with the first',
    async () => {
      const sqs = sdk.sqs();
      const queue = await newFifoQueue(sqs);
      const send = (body: string, group: string, id: string) =>
        sqs.sendMessage({
          QueueUrl: queue,
          MessageBody: body,
          MessageGroupId: group,
          MessageDeduplicationId: id,
        });
      const first = await send('a1', 'a', '1');
      await send('b1', 'b', '2');
      await send('a2', 'a', '3');
      const duplicate = await send('a1', 'a', '1');
      expect(duplicate.MessageId).toBe(first.MessageId);
      expect(first.SequenceNumber).toMatch(/^\d{20}$/);
      const messages = await drainQueue(sqs, queue, 3);
      const ofGroup = (group: string) =>
        bodiesOf(messages.filter(({ Attributes }) => Attributes?.['MessageGroupId'] === group));
      expect([ofGroup('a'), ofGroup('b')]).toEqual([['a1', 'a2'], ['b1']]);
      expect(await receive(sqs, queue)).toEqual([]);
    },
  );

  test('a message is dead after three receives and comes back by a redrive', async () => {
    const sqs = sdk.sqs();
    const dead = await newQueue(sqs);
    const deadArn = await arnOf(sqs, dead);
    const queue = await newQueue(sqs, {
      VisibilityTimeout: '0',
      RedrivePolicy: JSON.stringify({ deadLetterTargetArn: deadArn, maxReceiveCount: '3' }),
    });
    await sqs.sendMessage({ QueueUrl: queue, MessageBody: 'poison' });
    const counts: (string | undefined)[] = [];
    await eventually('it is gone', async () => {
      const messages = await receive(sqs, queue);
      counts.push(...messages.map(({ Attributes }) => Attributes?.['ApproximateReceiveCount']));
      return messages.length === 0 || undefined;
    });
    expect(counts).toEqual(['1', '2', '3']);
    await eventually('it is dead', async () => {
      const { ApproximateNumberOfMessages } = await attributesOf(sqs, dead);
      return ApproximateNumberOfMessages === '1' || undefined;
    });
    // moto has no move tasks.
    if (lacksIt('moto')) return;
    await sqs.startMessageMoveTask({ SourceArn: deadArn });
    await eventually('the task is done', async () => {
      const { Results } = await sqs.listMessageMoveTasks({ SourceArn: deadArn });
      return Results?.[0]?.Status === 'COMPLETED' || undefined;
    });
    expect(bodiesOf(await receiveUntil(sqs, queue, 1))).toEqual(['poison']);
    expect(await receive(sqs, dead)).toEqual([]);
  });

  // ElasticMQ knows no maximum size.
  test.skipIf(lacksIt('elasticmq'))('tags and attributes of a queue are set and read', async () => {
    const sqs = sdk.sqs();
    const queue = await newQueue(sqs, { DelaySeconds: '0', VisibilityTimeout: '7' });
    await sqs.tagQueue({ QueueUrl: queue, Tags: { team: 'orders', stage: 'test' } });
    await sqs.untagQueue({ QueueUrl: queue, TagKeys: ['stage'] });
    expect((await sqs.listQueueTags({ QueueUrl: queue })).Tags).toEqual({ team: 'orders' });
    await sqs.setQueueAttributes({ QueueUrl: queue, Attributes: { MaximumMessageSize: '2048' } });
    expect(await attributesOf(sqs, queue)).toMatchObject({
      MaximumMessageSize: '2048',
      VisibilityTimeout: '7',
    });
  });

  // ElasticMQ has no SNS.
  test.skipIf(PEER_LACKS_SNS)('a topic reaches three queues as their policies say', async () => {
    const sqs = sdk.sqs();
    const sns = sdk.sns();
    const { TopicArn } = await sns.createTopic({ Name: uniqueName('topic') });
    const queues = await Promise.all([newQueue(sqs), newQueue(sqs), newQueue(sqs)]);
    const policies = [
      undefined,
      { kind: ['order'] },
      { kind: ['invoice'], total: [{ numeric: ['>', 100] }] },
    ];
    for (const [index, queue] of queues.entries()) {
      const policy = policies[index];
      await sns.subscribe({
        TopicArn,
        Protocol: 'sqs',
        Endpoint: await arnOf(sqs, queue),
        Attributes: {
          RawMessageDelivery: `${index === 1}`,
          ...(policy === undefined ? {} : { FilterPolicy: JSON.stringify(policy) }),
        },
      });
    }
    const publish = (kind: string, total: number) =>
      sns.publish({
        TopicArn,
        Message: `${kind} ${total}`,
        MessageAttributes: {
          kind: { DataType: 'String', StringValue: kind },
          total: { DataType: 'Number', StringValue: `${total}` },
        },
      });
    await publish('order', 5);
    await publish('invoice', 500);
    await publish('invoice', 5);
    const [all, raw, filtered] = queues as [string, string, string];
    const contents = (messages: Awaited<ReturnType<typeof receive>>) =>
      messages.map(({ Body }) => JSON.parse(Body!).Message as string);
    expect(contents(await drainQueue(sqs, all, 3)).sort()).toEqual([
      'invoice 5',
      'invoice 500',
      'order 5',
    ]);
    const [order] = await drainQueue(sqs, raw, 1);
    expect(order!.Body).toBe('order 5');
    expect(order!.MessageAttributes).toMatchObject({
      kind: { DataType: 'String', StringValue: 'order' },
      total: { DataType: 'Number', StringValue: '5' },
    });
    expect(contents(await drainQueue(sqs, filtered, 1))).toEqual(['invoice 500']);
    await sns.deleteTopic({ TopicArn });
    expect(tap.requests.find(({ body }) => body.includes('Action=Publish&'))?.wire).toBe(
      sdk.wires.sns,
    );
  });
});
