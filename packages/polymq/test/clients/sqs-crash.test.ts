/** What programs with @aws-sdk v3 find after `kill -9` of the broker. */
import type { Message, SQS } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  arnOf,
  attributesOf,
  bodiesOf,
  drainQueue,
  newFifoQueue,
  newQueue,
  receive,
  receiveUntil,
  remove,
  snsClient,
  sqsClient,
} from './aws-client.ts';
import { AWS_PEER_IS_POLYMQ, type AwsPeer, startAwsPeer } from './aws-peer.ts';
import { eventually, uniqueName } from './peer.ts';

let peer: AwsPeer;

beforeAll(async () => {
  if (AWS_PEER_IS_POLYMQ) peer = await startAwsPeer();
});
afterAll(() => peer?.stop());

async function sendNumbers(sqs: SQS, queue: string, count: number): Promise<string[]> {
  const bodies = Array.from({ length: count }, (_, index) => `m-${index}`);
  for (let at = 0; at < count; at += 10) {
    await sqs.sendMessageBatch({
      QueueUrl: queue,
      Entries: bodies
        .slice(at, at + 10)
        .map((MessageBody, index) => ({ Id: `${index}`, MessageBody })),
    });
  }
  return bodies;
}

// The emulators keep nothing.
describe.skipIf(!AWS_PEER_IS_POLYMQ)('after kill -9 and restart', () => {
  test('what was sent is there with its attributes, what was deleted is not', async () => {
    const sqs = sqsClient(peer);
    const queue = await newQueue(sqs, { VisibilityTimeout: '77' });
    await sqs.tagQueue({ QueueUrl: queue, Tags: { team: 'a' } });
    const before = await attributesOf(sqs, queue);
    const bodies = await sendNumbers(sqs, queue, 50);
    await sqs.sendMessage({
      QueueUrl: queue,
      MessageBody: 'typed',
      MessageAttributes: { n: { DataType: 'Number.int', StringValue: '5' } },
    });
    const taken = await receive(sqs, queue);
    for (const message of taken) await remove(sqs, queue, message);
    await peer.crashAndRestart();
    expect((await sqs.listQueueTags({ QueueUrl: queue })).Tags).toEqual({ team: 'a' });
    expect(await attributesOf(sqs, queue)).toEqual({
      ...before,
      ApproximateNumberOfMessages: `${51 - taken.length}`,
    });
    const rest = await drainQueue(sqs, queue, 51 - taken.length);
    expect(bodiesOf([...taken, ...rest]).sort()).toEqual([...bodies, 'typed'].sort());
    expect(rest.find(({ Body }) => Body === 'typed')!.MessageAttributes).toMatchObject({
      n: { DataType: 'Number.int', StringValue: '5' },
    });
  });

  test('messages in flight stay away, their handles go on working, and receives stay counted', async () => {
    const sqs = sqsClient(peer);
    const queue = await newQueue(sqs);
    await sendNumbers(sqs, queue, 2);
    const [long] = await receive(sqs, queue, { MaxNumberOfMessages: 1, VisibilityTimeout: 600 });
    const [short] = await receive(sqs, queue, { MaxNumberOfMessages: 1, VisibilityTimeout: 3 });
    // That they were handed out reaches the disk within 100 ms, not before the answer.
    await new Promise((resolve) => setTimeout(resolve, 500));
    await peer.crashAndRestart();
    expect(await attributesOf(sqs, queue)).toMatchObject({
      ApproximateNumberOfMessagesNotVisible: expect.stringMatching(/^[12]$/),
    });
    const [again] = await receiveUntil(sqs, queue, 1);
    expect(again).toMatchObject({
      MessageId: short!.MessageId,
      Attributes: { ApproximateReceiveCount: '2' },
    });
    await sqs.changeMessageVisibility({
      QueueUrl: queue,
      ReceiptHandle: long!.ReceiptHandle,
      VisibilityTimeout: 500,
    });
    await remove(sqs, queue, long!);
    await remove(sqs, queue, again!);
    expect(await attributesOf(sqs, queue)).toMatchObject({
      ApproximateNumberOfMessages: '0',
      ApproximateNumberOfMessagesNotVisible: '0',
    });
  });

  test('a message is dead after the allowed receives although the broker crashed between them', async () => {
    const sqs = sqsClient(peer);
    const dead = await newQueue(sqs);
    const queue = await newQueue(sqs, {
      VisibilityTimeout: '0',
      RedrivePolicy: JSON.stringify({
        deadLetterTargetArn: await arnOf(sqs, dead),
        maxReceiveCount: 3,
      }),
    });
    await sendNumbers(sqs, queue, 1);
    const counts: unknown[] = [];
    for (let round = 0; round < 3; round += 1) {
      const [message] = await receiveUntil(sqs, queue, 1);
      counts.push(message!.Attributes!['ApproximateReceiveCount']);
      // That a message was handed out reaches the disk within 100 ms, not before the answer.
      await new Promise((resolve) => setTimeout(resolve, 500));
      await peer.crashAndRestart();
    }
    expect(counts).toEqual(['1', '2', '3']);
    expect(await receive(sqs, queue)).toEqual([]);
    expect(bodiesOf(await receiveUntil(sqs, dead, 1))).toEqual(['m-0']);
  });

  test('delays and duplicates are remembered', async () => {
    const sqs = sqsClient(peer);
    const delayed = await newQueue(sqs);
    await sqs.sendMessage({ QueueUrl: delayed, MessageBody: 'later', DelaySeconds: 600 });
    const fifo = await newFifoQueue(sqs);
    const send = () =>
      sqs.sendMessage({
        QueueUrl: fifo,
        MessageBody: 'once',
        MessageGroupId: 'g',
        MessageDeduplicationId: 'id',
      });
    const first = await send();
    await drainQueue(sqs, fifo, 1);
    await peer.crashAndRestart();
    expect(await send()).toMatchObject({
      MessageId: first.MessageId,
      SequenceNumber: first.SequenceNumber,
    });
    expect(await receive(sqs, fifo)).toEqual([]);
    expect(await attributesOf(sqs, delayed)).toMatchObject({
      ApproximateNumberOfMessagesDelayed: '1',
      ApproximateNumberOfMessages: '0',
    });
  });

  test('topics, subscriptions and their policies are there', async () => {
    const sqs = sqsClient(peer);
    const sns = snsClient(peer);
    const { TopicArn } = await sns.createTopic({ Name: uniqueName('topic') });
    const queue = await newQueue(sqs);
    await sns.subscribe({
      TopicArn,
      Protocol: 'sqs',
      Endpoint: await arnOf(sqs, queue),
      Attributes: { RawMessageDelivery: 'true', FilterPolicy: '{"kind":["a"]}' },
    });
    const publish = (kind: string) =>
      sns.publish({
        TopicArn,
        Message: kind,
        MessageAttributes: { kind: { DataType: 'String', StringValue: kind } },
      });
    await publish('a');
    await peer.crashAndRestart();
    await publish('b');
    await publish('a');
    expect(bodiesOf(await drainQueue(sqs, queue, 2))).toEqual(['a', 'a']);
    expect(await receive(sqs, queue)).toEqual([]);
    await sns.deleteTopic({ TopicArn });
  });

  test('what was published is in all queues of the topic or in none', async () => {
    const sqs = sqsClient(peer);
    const sns = snsClient(peer);
    const { TopicArn } = await sns.createTopic({ Name: uniqueName('topic') });
    const queues = [await newQueue(sqs), await newQueue(sqs), await newQueue(sqs)];
    for (const queue of queues) {
      await sns.subscribe({
        TopicArn,
        Protocol: 'sqs',
        Endpoint: await arnOf(sqs, queue),
        Attributes: { RawMessageDelivery: 'true' },
      });
    }
    const answered = new Set<string>();
    let killed = false;
    const publishing = Array.from({ length: 10 }, async (_, publisher) => {
      for (let number = 0; !killed; number += 1) {
        const Message = `${publisher}-${number}`;
        const published = await sns.publish({ TopicArn, Message }).catch(() => undefined);
        if (published !== undefined) answered.add(Message);
      }
    });
    await eventually('many are published', () => answered.size >= 300 || undefined);
    const crashing = peer.crashAndRestart();
    killed = true;
    await Promise.all([crashing, ...publishing]);
    const counts = await Promise.all(queues.map((queue) => attributesOf(sqs, queue)));
    const [count, ...others] = counts.map((one) => Number(one['ApproximateNumberOfMessages']));
    expect(others).toEqual([count, count]);
    const [first] = queues as [string];
    const got = bodiesOf(await drainQueue(sqs, first, count!));
    expect(new Set(got).size).toBe(got.length);
    expect([...answered].filter((Message) => !got.includes(Message))).toEqual([]);
    await sns.deleteTopic({ TopicArn });
  });
});

/**
 * Twenty groups, each with its own numbers in order. Senders repeat batches, and whatever was not answered. Each receiver
 * processes what it got and then deletes it. What the broker owes them, whenever it is killed:
 *
 *   - the first deliveries of a group are its numbers in order, each once, under one message id
 *   - a number comes only when the one before it was asked to be deleted, or came with it
 *   - what it said was deleted never comes again
 */
class Processing {
  readonly violations: string[] = [];
  readonly #ids = new Map<string, string>();
  readonly #next = new Map<string, number>();
  readonly #asked = new Set<string>();
  readonly #deleted = new Set<string>();

  get deleted(): number {
    return this.#deleted.size;
  }

  received(messages: readonly Message[]): void {
    const together = new Set(messages.map(keyOf));
    for (const message of messages) {
      const key = keyOf(message);
      const { group, number } = partsOf(message);
      const next = this.#next.get(group) ?? 0;
      const before = `${group}/${number - 1}`;
      if (number > next) this.violations.push(`${key} came before ${group}/${next}`);
      if (number > 0 && !this.#asked.has(before) && !together.has(before)) {
        this.violations.push(`${key} came while ${before} was not done`);
      }
      if (this.#deleted.has(key)) this.violations.push(`${key} came after it was deleted`);
      const id = this.#ids.get(key) ?? message.MessageId!;
      if (id !== message.MessageId) this.violations.push(`${key} came as two messages`);
      this.#ids.set(key, id);
      this.#next.set(group, Math.max(next, number + 1));
    }
  }

  asked(messages: readonly Message[]): void {
    for (const message of messages) this.#asked.add(keyOf(message));
  }

  done(message: Message): void {
    this.#deleted.add(keyOf(message));
  }
}

function partsOf({ Attributes, Body }: Message): { group: string; number: number } {
  return { group: Attributes!['MessageGroupId']!, number: Number(Body) };
}

function keyOf(message: Message): string {
  const { group, number } = partsOf(message);
  return `${group}/${number}`;
}

// Only of our broker: the emulators have nothing to compare it with.
describe.skipIf(!AWS_PEER_IS_POLYMQ)('exactly-once processing', () => {
  const GROUPS = 20;
  const PER_GROUP = 500;

  test('10,000 messages are processed once and in order over crashes and duplicates', async () => {
    const sqs = sqsClient(peer);
    const queue = await newFifoQueue(sqs, {
      VisibilityTimeout: '5',
      DeduplicationScope: 'messageGroup',
      FifoThroughputLimit: 'perMessageGroupId',
    });
    const processing = new Processing();
    const count = GROUPS * PER_GROUP;
    const sent = { count: 0 };
    const groups = Array.from({ length: GROUPS }, (_, index) => `g${index}`);
    const sending = Promise.all(groups.map((group) => sendGroup(sqs, queue, group, sent)));
    const isOver = () => processing.deleted === count || processing.violations.length > 0;
    const receiving = Promise.all(
      Array.from({ length: 6 }, () => work(sqs, queue, processing, isOver)),
    );
    for (const share of [0.25, 0.5, 0.75]) {
      const enough = () => sent.count >= count * share || undefined;
      await eventually(`${share} is sent`, enough, 60_000);
      await peer.crashAndRestart();
    }
    await sending;
    await receiving;
    expect(processing.violations).toEqual([]);
    expect(processing.deleted).toBe(count);
    expect(await attributesOf(sqs, queue)).toMatchObject({
      ApproximateNumberOfMessages: '0',
      ApproximateNumberOfMessagesNotVisible: '0',
    });
  });

  async function sendGroup(
    sqs: SQS,
    queue: string,
    group: string,
    sent: { count: number },
  ): Promise<void> {
    for (let at = 0; at < PER_GROUP; at += 10) {
      const Entries = Array.from({ length: 10 }, (_, index) => ({
        Id: `${index}`,
        MessageBody: `${at + index}`,
        MessageGroupId: group,
        MessageDeduplicationId: `${at + index}`,
      }));
      const send = () => sqs.sendMessageBatch({ QueueUrl: queue, Entries });
      const { Failed = [] } = await untilAnswered(send);
      if (Failed.length > 0) throw new Error(`entries failed: ${JSON.stringify(Failed)}`);
      sent.count += Entries.length;
      if (at % 30 === 0) await untilAnswered(send);
    }
  }

  async function work(
    sqs: SQS,
    queue: string,
    processing: Processing,
    isOver: () => boolean,
  ): Promise<void> {
    while (!isOver()) {
      const messages = await untilAnswered(() => receive(sqs, queue, { WaitTimeSeconds: 1 }));
      if (messages.length === 0) continue;
      processing.received(messages);
      processing.asked(messages);
      const Entries = messages.map(({ ReceiptHandle }, index) => ({
        Id: `${index}`,
        ReceiptHandle,
      }));
      const { Successful = [] } = await untilAnswered(() =>
        sqs.deleteMessageBatch({ QueueUrl: queue, Entries }),
      );
      for (const { Id } of Successful) processing.done(messages[Number(Id)]!);
    }
  }

  /** As programs do: what gets no answer is tried again, what is refused is a failure. */
  function untilAnswered<T>(ask: () => Promise<T>): Promise<T> {
    return eventually('there is an answer', async () => {
      try {
        return await ask();
      } catch (error) {
        const { $metadata } = error as { $metadata?: { httpStatusCode?: number } };
        if ($metadata?.httpStatusCode === undefined) return undefined;
        throw error;
      }
    });
  }
});
