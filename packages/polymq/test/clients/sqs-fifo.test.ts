/** The rules of FIFO queues, each as AWS documents it, through @aws-sdk v3. */
import type { Message, SendMessageCommandOutput, SQS } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  arnOf,
  attributesOf,
  bodiesOf,
  drainQueue,
  newFifoQueue,
  receive,
  receiveUntil,
  refusal,
  refusedWith,
  release,
  remove,
  sqsClient,
} from './aws-client.ts';
import { type AwsPeer, lacksIt, startAwsPeer } from './aws-peer.ts';
import { eventually, uniqueName } from './peer.ts';

let peer: AwsPeer;

beforeAll(async () => {
  peer = await startAwsPeer();
});
afterAll(() => peer?.stop());

const CONTENT_BASED = { ContentBasedDeduplication: 'true' };

function send(
  sqs: SQS,
  queue: string,
  body: string,
  group = 'g',
  id?: string,
): Promise<SendMessageCommandOutput> {
  return sqs.sendMessage({
    QueueUrl: queue,
    MessageBody: body,
    MessageGroupId: group,
    ...(id === undefined ? {} : { MessageDeduplicationId: id }),
  });
}

async function filled(
  attributes: Record<string, string>,
  messages: readonly (readonly [body: string, group: string])[],
): Promise<{ sqs: SQS; queue: string }> {
  const sqs = sqsClient(peer);
  const queue = await newFifoQueue(sqs, { ...CONTENT_BASED, ...attributes });
  for (const [body, group] of messages) await send(sqs, queue, body, group);
  return { sqs, queue };
}

const one = async (sqs: SQS, queue: string): Promise<Message> => {
  const [message] = await receive(sqs, queue, { MaxNumberOfMessages: 1 });
  return message!;
};

describe('groups', () => {
  test('while a message of a group is in flight the rest of the group waits, other groups do not', async () => {
    const { sqs, queue } = await filled({}, [
      ['a1', 'a'],
      ['a2', 'a'],
      ['b1', 'b'],
    ]);
    const first = await one(sqs, queue);
    const second = await one(sqs, queue);
    expect(bodiesOf([first, second])).toEqual(['a1', 'b1']);
    expect(await receive(sqs, queue)).toEqual([]);
    await remove(sqs, queue, first);
    expect(bodiesOf(await receive(sqs, queue))).toEqual(['a2']);
  });

  test('one poll may take several messages of a group, in order', async () => {
    const bodies = ['1', '2', '3', '4'];
    const { sqs, queue } = await filled(
      {},
      bodies.map((body) => [body, 'a'] as const),
    );
    expect(bodiesOf(await receive(sqs, queue, { MaxNumberOfMessages: 3 }))).toEqual([
      '1',
      '2',
      '3',
    ]);
    expect(await receive(sqs, queue)).toEqual([]);
  });

  test('a group is locked until all of what was taken together is deleted', async () => {
    const { sqs, queue } = await filled({}, [
      ['1', 'a'],
      ['2', 'a'],
      ['3', 'a'],
    ]);
    const [first, second] = await receive(sqs, queue, { MaxNumberOfMessages: 2 });
    await remove(sqs, queue, first!);
    expect(await receive(sqs, queue)).toEqual([]);
    await remove(sqs, queue, second!);
    expect(bodiesOf(await receive(sqs, queue))).toEqual(['3']);
  });

  test('a longer visibility timeout keeps the group locked', async () => {
    const { sqs, queue } = await filled({ VisibilityTimeout: '1' }, [
      ['1', 'a'],
      ['2', 'a'],
    ]);
    const message = await one(sqs, queue);
    await sqs.changeMessageVisibility({
      QueueUrl: queue,
      ReceiptHandle: message.ReceiptHandle,
      VisibilityTimeout: 60,
    });
    // Longer than the first timeout: an unlocked group would show its messages in this poll.
    expect(await receive(sqs, queue, { WaitTimeSeconds: 2 })).toEqual([]);
    await remove(sqs, queue, message);
    expect(bodiesOf(await receive(sqs, queue))).toEqual(['2']);
  });

  test('a message that is released comes again before the rest of its group', async () => {
    const { sqs, queue } = await filled({}, [
      ['1', 'a'],
      ['2', 'a'],
    ]);
    await release(sqs, queue, await one(sqs, queue));
    expect(bodiesOf(await receive(sqs, queue))).toEqual(['1', '2']);
  });

  test('when the visibility timeout is over the group begins again where it stopped', async () => {
    const { sqs, queue } = await filled({ VisibilityTimeout: '1' }, [
      ['1', 'a'],
      ['2', 'a'],
    ]);
    expect(bodiesOf([await one(sqs, queue)])).toEqual(['1']);
    const [again] = await receiveUntil(sqs, queue, 1, { MaxNumberOfMessages: 1 });
    expect(again).toMatchObject({ Body: '1', Attributes: { ApproximateReceiveCount: '2' } });
  });

  test('a message without a group is refused', async () => {
    const sqs = sqsClient(peer);
    const queue = await newFifoQueue(sqs, CONTENT_BASED);
    const sending = sqs.sendMessage({ QueueUrl: queue, MessageBody: 'x' });
    expect(await refusal(sending)).toMatchObject({ name: 'MissingParameter', status: 400 });
  });
});

describe('deduplication', () => {
  // ElasticMQ and moto forget what was deleted.
  test.skipIf(lacksIt('elasticmq', 'moto'))(
    'a duplicate is not delivered although the first was deleted',
    async () => {
      const sqs = sqsClient(peer);
      const queue = await newFifoQueue(sqs);
      await send(sqs, queue, 'first', 'a', 'id');
      await drainQueue(sqs, queue, 1);
      await send(sqs, queue, 'again', 'a', 'id');
      expect(await receive(sqs, queue)).toEqual([]);
    },
  );

  test('an id counts over all groups of the queue, and its sender is told of the first message', async () => {
    const sqs = sqsClient(peer);
    const queue = await newFifoQueue(sqs);
    const first = await send(sqs, queue, 'first', 'a', 'id');
    const duplicate = await send(sqs, queue, 'other', 'b', 'id');
    // moto answers with an id and a number of its own.
    if (!lacksIt('moto')) {
      expect(duplicate).toMatchObject({
        MessageId: first.MessageId,
        SequenceNumber: first.SequenceNumber,
      });
    }
    expect(bodiesOf(await receive(sqs, queue))).toEqual(['first']);
  });

  // ElasticMQ and moto know no scopes.
  test.skipIf(lacksIt('elasticmq', 'moto'))(
    'with the scope of a group an id counts within its group',
    async () => {
      const sqs = sqsClient(peer);
      const queue = await newFifoQueue(sqs, {
        DeduplicationScope: 'messageGroup',
        FifoThroughputLimit: 'perMessageGroupId',
      });
      await send(sqs, queue, 'a', 'a', 'id');
      await send(sqs, queue, 'b', 'b', 'id');
      await send(sqs, queue, 'again', 'b', 'id');
      expect(bodiesOf(await drainQueue(sqs, queue, 2)).sort()).toEqual(['a', 'b']);
      expect(await receive(sqs, queue)).toEqual([]);
    },
  );

  test('the body is the id where the queue says so, unless there is one', async () => {
    const sqs = sqsClient(peer);
    const queue = await newFifoQueue(sqs, CONTENT_BASED);
    await send(sqs, queue, 'same');
    await send(sqs, queue, 'same');
    await send(sqs, queue, 'same', 'g', 'explicit');
    await send(sqs, queue, 'other');
    expect(bodiesOf(await drainQueue(sqs, queue, 3))).toEqual(['same', 'same', 'other']);
  });

  // ElasticMQ takes the attributes into the digest.
  test.skipIf(lacksIt('elasticmq'))(
    'attributes are no part of the content that is compared',
    async () => {
      const sqs = sqsClient(peer);
      const queue = await newFifoQueue(sqs, CONTENT_BASED);
      await send(sqs, queue, 'same');
      await sqs.sendMessage({
        QueueUrl: queue,
        MessageBody: 'same',
        MessageGroupId: 'g',
        MessageAttributes: { a: { DataType: 'String', StringValue: 'b' } },
      });
      expect(await drainQueue(sqs, queue, 1)).toHaveLength(1);
      expect(await receive(sqs, queue)).toEqual([]);
    },
  );

  test('without an id and without content-based deduplication a message is refused', async () => {
    const sqs = sqsClient(peer);
    const queue = await newFifoQueue(sqs);
    expect(await refusal(send(sqs, queue, 'x'))).toMatchObject({
      name: 'InvalidParameterValue',
      status: 400,
    });
    expect(await attributesOf(sqs, queue)).toMatchObject({ ApproximateNumberOfMessages: '0' });
  });
});

describe('sending and deleting', () => {
  // ElasticMQ and moto number otherwise.
  test.skipIf(lacksIt('elasticmq', 'moto'))(
    'sequence numbers grow and come with the messages',
    async () => {
      const sqs = sqsClient(peer);
      const queue = await newFifoQueue(sqs, CONTENT_BASED);
      const numbers: string[] = [];
      for (const body of ['1', '2', '3']) {
        numbers.push((await send(sqs, queue, body)).SequenceNumber!);
      }
      expect([...numbers].sort()).toEqual(numbers);
      expect(new Set(numbers.map((number) => number.length))).toEqual(new Set([20]));
      const messages = await drainQueue(sqs, queue, 3);
      expect(messages.map(({ Attributes }) => Attributes!['SequenceNumber'])).toEqual(numbers);
      expect(messages[0]!.Attributes).toMatchObject({ MessageGroupId: 'g' });
      expect(messages[0]!.Attributes!['MessageDeduplicationId']).toMatch(/^[0-9a-f]{64}$/);
    },
  );

  // ElasticMQ and moto take a delay per message.
  test.skipIf(lacksIt('elasticmq', 'moto'))(
    'a delay of one message is refused, that of the queue holds for all',
    async () => {
      const sqs = sqsClient(peer);
      const queue = await newFifoQueue(sqs, { ...CONTENT_BASED, DelaySeconds: '2' });
      const delayed = sqs.sendMessage({
        QueueUrl: queue,
        MessageBody: 'x',
        MessageGroupId: 'g',
        DelaySeconds: 1,
      });
      expect(await refusedWith(delayed)).toBe('InvalidParameterValue');
      await send(sqs, queue, 'later');
      expect(await attributesOf(sqs, queue)).toMatchObject({
        ApproximateNumberOfMessages: '0',
        ApproximateNumberOfMessagesDelayed: '1',
      });
      expect(bodiesOf(await drainQueue(sqs, queue, 1))).toEqual(['later']);
    },
  );

  // ElasticMQ and moto delete it.
  test.skipIf(lacksIt('elasticmq', 'moto'))(
    'an expired receipt handle deletes nothing and says so',
    async () => {
      const { sqs, queue } = await filled({ VisibilityTimeout: '1' }, [['1', 'a']]);
      const stale = await one(sqs, queue);
      await eventually('it is visible again', async () => {
        const { ApproximateNumberOfMessages } = await attributesOf(sqs, queue);
        return ApproximateNumberOfMessages === '1' || undefined;
      });
      expect(await refusal(remove(sqs, queue, stale))).toMatchObject({
        name: 'InvalidParameterValue',
        status: 400,
        message: expect.stringMatching(/receipt handle has expired/),
      });
      const batch = await sqs.deleteMessageBatch({
        QueueUrl: queue,
        Entries: [{ Id: 'stale', ReceiptHandle: stale.ReceiptHandle }],
      });
      expect(batch.Successful ?? []).toEqual([]);
      expect(batch.Failed).toMatchObject([{ Id: 'stale', SenderFault: true }]);
      expect(bodiesOf(await receive(sqs, queue))).toEqual(['1']);
    },
  );

  test('a batch keeps its order and fails entry by entry', async () => {
    const sqs = sqsClient(peer);
    const queue = await newFifoQueue(sqs, CONTENT_BASED);
    const entries = Array.from({ length: 9 }, (_, index) => ({
      Id: `m${index}`,
      MessageBody: `${index}`,
      MessageGroupId: 'g',
    }));
    const sent = await sqs
      .sendMessageBatch({
        QueueUrl: queue,
        Entries: [...entries, { Id: 'no-group', MessageBody: 'x' }],
      })
      .catch(() => undefined);
    // ElasticMQ and moto refuse the whole batch.
    if (lacksIt('elasticmq', 'moto')) return;
    expect(sent!.Successful!.map(({ Id }) => Id)).toEqual(entries.map(({ Id }) => Id));
    expect(sent!.Failed).toMatchObject([{ Id: 'no-group', Code: 'MissingParameter' }]);
    const numbers = sent!.Successful!.map(({ SequenceNumber }) => SequenceNumber!);
    expect([...numbers].sort()).toEqual(numbers);
    expect(bodiesOf(await receive(sqs, queue))).toEqual(entries.map((entry) => entry.MessageBody));
  });

  test('the name of a FIFO queue ends in .fifo, and only its', async () => {
    const sqs = sqsClient(peer);
    const create = (QueueName: string, FifoQueue: string) =>
      refusedWith(sqs.createQueue({ QueueName, Attributes: { FifoQueue } }));
    expect(await create(uniqueName('plain'), 'true')).toMatch(
      /^Invalid(ParameterValue|AttributeName)$/,
    );
    // ElasticMQ and moto take `false` for nothing said.
    if (lacksIt('elasticmq', 'moto')) return;
    expect(await create(`${uniqueName('q')}.fifo`, 'false')).toMatch(
      /InvalidAttributeValue|InvalidParameterValue/,
    );
  });

  test('a dead letter of a FIFO queue keeps its group, and lets the group go on', async () => {
    const sqs = sqsClient(peer);
    const dead = await newFifoQueue(sqs);
    const queue = await newFifoQueue(sqs, {
      ...CONTENT_BASED,
      RedrivePolicy: JSON.stringify({
        deadLetterTargetArn: await arnOf(sqs, dead),
        maxReceiveCount: 1,
      }),
    });
    await send(sqs, queue, 'poison', 'a');
    await send(sqs, queue, 'next', 'a');
    await release(sqs, queue, await one(sqs, queue));
    // moto deadletters at the second receive, but forgets to look further.
    if (lacksIt('moto')) return;
    expect(bodiesOf(await receiveUntil(sqs, queue, 1))).toEqual(['next']);
    const [letter] = await receiveUntil(sqs, dead, 1);
    expect(letter).toMatchObject({ Body: 'poison', Attributes: { MessageGroupId: 'a' } });
  });
});

describe('receive request attempts', () => {
  const attempt = { ReceiveRequestAttemptId: 'attempt-1', MaxNumberOfMessages: 1 };

  // ElasticMQ and moto pay no attention to attempts.
  test.skipIf(lacksIt('elasticmq', 'moto'))(
    'the same attempt gets the same messages again',
    async () => {
      const { sqs, queue } = await filled({}, [
        ['1', 'a'],
        ['2', 'b'],
      ]);
      const first = await receive(sqs, queue, attempt);
      const again = await receive(sqs, queue, attempt);
      expect(again.map(({ MessageId }) => MessageId)).toEqual(
        first.map(({ MessageId }) => MessageId),
      );
      expect(bodiesOf(await receive(sqs, queue, { MaxNumberOfMessages: 10 }))).toEqual(['2']);
      await remove(sqs, queue, again[0]!);
      expect(await receive(sqs, queue)).toEqual([]);
    },
  );

  test('a standard queue takes no attempt ids', async () => {
    const sqs = sqsClient(peer);
    const { QueueUrl } = await sqs.createQueue({ QueueName: uniqueName('queue') });
    const polling = receive(sqs, QueueUrl!, attempt);
    // ElasticMQ and moto pay no attention to attempts.
    if (lacksIt('elasticmq', 'moto')) await polling.catch(() => undefined);
    else expect(await refusedWith(polling)).toBe('InvalidParameterValue');
    await sqs.deleteQueue({ QueueUrl });
  });
});
