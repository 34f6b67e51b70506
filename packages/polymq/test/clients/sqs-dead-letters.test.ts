/** Dead-letter queues, chains of them, and the way back by message move tasks. */
import type { SQS } from '@aws-sdk/client-sqs';
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
  refusal,
  refusedWith,
  release,
  sqsClient,
} from './aws-client.ts';
import { type AwsPeer, lacksIt, startAwsPeer } from './aws-peer.ts';
import { eventually } from './peer.ts';

let peer: AwsPeer;

beforeAll(async () => {
  peer = await startAwsPeer();
});
afterAll(() => peer?.stop());

function redrive(deadLetterTargetArn: string, maxReceiveCount = 1): Record<string, string> {
  return { RedrivePolicy: JSON.stringify({ deadLetterTargetArn, maxReceiveCount }) };
}

interface Pair {
  queue: string;
  queueArn: string;
  dead: string;
  deadArn: string;
}

async function withDeadLetters(sqs: SQS, maxReceiveCount = 1): Promise<Pair> {
  const dead = await newQueue(sqs);
  const deadArn = await arnOf(sqs, dead);
  const queue = await newQueue(sqs, redrive(deadArn, maxReceiveCount));
  return { queue, queueArn: await arnOf(sqs, queue), dead, deadArn };
}

async function sendBodies(sqs: SQS, queue: string, bodies: readonly string[]): Promise<void> {
  for (let at = 0; at < bodies.length; at += 10) {
    await sqs.sendMessageBatch({
      QueueUrl: queue,
      Entries: bodies.slice(at, at + 10).map((body, index) => ({
        Id: `${index}`,
        MessageBody: body,
      })),
    });
  }
}

/** Receives and releases whatever is there until the queue is empty and `count` are dead. */
async function killAll(sqs: SQS, { queue, dead }: Pair, count: number): Promise<void> {
  await eventually(`${count} are dead`, async () => {
    for (const message of await receive(sqs, queue)) await release(sqs, queue, message);
    return (await sizeOf(sqs, dead)) === count || undefined;
  });
}

async function sizeOf(sqs: SQS, queue: string): Promise<number> {
  return Number((await attributesOf(sqs, queue))['ApproximateNumberOfMessages']);
}

const NUMBERED = Array.from({ length: 25 }, (_, index) => `${index}`.padStart(2, '0'));

describe('dead-letter queues', () => {
  test('a message is dead when it would come once more than the policy allows', async () => {
    const sqs = sqsClient(peer);
    const pair = await withDeadLetters(sqs, 3);
    const { MessageId } = await sqs.sendMessage({
      QueueUrl: pair.queue,
      MessageBody: 'poison',
      MessageAttributes: { a: { DataType: 'String', StringValue: 'b' } },
    });
    const counts: unknown[] = [];
    for (const _ of [1, 2, 3]) {
      const [message] = await receiveUntil(sqs, pair.queue, 1);
      counts.push(message!.Attributes!['ApproximateReceiveCount']);
      await release(sqs, pair.queue, message!);
    }
    expect(counts).toEqual(['1', '2', '3']);
    expect(await receive(sqs, pair.queue)).toEqual([]);
    const [letter] = await receiveUntil(sqs, pair.dead, 1);
    expect(letter).toMatchObject({
      MessageId,
      Body: 'poison',
      MessageAttributes: { a: { DataType: 'String', StringValue: 'b' } },
    });
    // moto does not tell where it is from.
    if (lacksIt('moto')) return;
    expect(letter!.Attributes).toMatchObject({ DeadLetterQueueSourceArn: pair.queueArn });
  });

  test('a visibility timeout that is over counts as a receive', async () => {
    const sqs = sqsClient(peer);
    const pair = await withDeadLetters(sqs);
    await sqs.sendMessage({ QueueUrl: pair.queue, MessageBody: 'slow' });
    expect(await receive(sqs, pair.queue, { VisibilityTimeout: 1 })).toHaveLength(1);
    // moto moves it only when somebody receives.
    const polling = receive(sqs, pair.queue, { WaitTimeSeconds: 3 });
    expect(bodiesOf(await receiveUntil(sqs, pair.dead, 1))).toEqual(['slow']);
    expect(await polling).toEqual([]);
  });

  test('dead letters go on to the dead-letter queue of their queue', async () => {
    const sqs = sqsClient(peer);
    const last = await newQueue(sqs);
    const middle = await newQueue(sqs, redrive(await arnOf(sqs, last)));
    const first = await newQueue(sqs, redrive(await arnOf(sqs, middle)));
    await sqs.sendMessage({ QueueUrl: first, MessageBody: 'passed on' });
    await killAll(sqs, { queue: first, dead: middle, queueArn: '', deadArn: '' }, 1);
    await killAll(sqs, { queue: middle, dead: last, queueArn: '', deadArn: '' }, 1);
    expect(bodiesOf(await receive(sqs, last))).toEqual(['passed on']);
    expect([await sizeOf(sqs, first), await sizeOf(sqs, middle)]).toEqual([0, 0]);
  });

  // ElasticMQ and moto forget the message.
  test.skipIf(lacksIt('elasticmq', 'moto'))(
    'a message goes on being received while its dead-letter queue is deleted',
    async () => {
      const sqs = sqsClient(peer);
      const pair = await withDeadLetters(sqs);
      await sqs.sendMessage({ QueueUrl: pair.queue, MessageBody: 'kept' });
      await sqs.deleteQueue({ QueueUrl: pair.dead });
      for (const _ of [1, 2, 3]) {
        const [message] = await receiveUntil(sqs, pair.queue, 1);
        await release(sqs, pair.queue, message!);
      }
      await sqs.createQueue({ QueueName: pair.dead.split('/').at(-1) });
      expect(await receive(sqs, pair.queue)).toEqual([]);
      expect(bodiesOf(await receiveUntil(sqs, pair.dead, 1))).toEqual(['kept']);
    },
  );

  test('the sources of a dead-letter queue are listed', async () => {
    const sqs = sqsClient(peer);
    const pair = await withDeadLetters(sqs);
    const other = await newQueue(sqs, redrive(pair.deadArn));
    const { queueUrls } = await sqs.listDeadLetterSourceQueues({ QueueUrl: pair.dead });
    expect([...queueUrls!].sort()).toEqual([pair.queue, other].sort());
  });

  // ElasticMQ takes any target and knows no allow policy; moto checks neither.
  test.skipIf(lacksIt('elasticmq', 'moto'))(
    'a dead-letter queue says who may use it, and must be of the same kind and there',
    async () => {
      const sqs = sqsClient(peer);
      const closed = await newQueue(sqs, {
        RedriveAllowPolicy: JSON.stringify({ redrivePermission: 'denyAll' }),
      });
      const fifo = await newFifoQueue(sqs);
      const missing = `${await arnOf(sqs, closed)}-missing`;
      const queue = await newQueue(sqs);
      const use = (arn: string) =>
        refusedWith(sqs.setQueueAttributes({ QueueUrl: queue, Attributes: redrive(arn) }));
      expect(await use(await arnOf(sqs, closed))).toBe('InvalidParameterValue');
      expect(await use(await arnOf(sqs, fifo))).toBe('InvalidParameterValue');
      expect(await use(missing)).toBe('InvalidParameterValue');
      expect((await attributesOf(sqs, queue))['RedrivePolicy']).toBeUndefined();
    },
  );
});

// moto has no move tasks.
describe.skipIf(lacksIt('moto'))('message move tasks', () => {
  test('messages go back to the queues they come from', async () => {
    const sqs = sqsClient(peer);
    const pair = await withDeadLetters(sqs);
    await sendBodies(sqs, pair.queue, NUMBERED);
    await killAll(sqs, pair, NUMBERED.length);
    const { TaskHandle } = await sqs.startMessageMoveTask({ SourceArn: pair.deadArn });
    expect(TaskHandle).toBeTruthy();
    const back = await drainQueue(sqs, pair.queue, NUMBERED.length);
    expect(bodiesOf(back).sort()).toEqual(NUMBERED);
    // ElasticMQ goes on counting.
    if (!lacksIt('elasticmq')) {
      expect(new Set(back.map(({ Attributes }) => Attributes!['ApproximateReceiveCount']))).toEqual(
        new Set(['1']),
      );
    }
    expect(await sizeOf(sqs, pair.dead)).toBe(0);
    const { Results } = await eventually('the task is done', async () => {
      const answer = await sqs.listMessageMoveTasks({ SourceArn: pair.deadArn });
      return answer.Results?.[0]?.Status === 'COMPLETED' ? answer : undefined;
    });
    expect(Results![0]).toMatchObject({ SourceArn: pair.deadArn });
    // ElasticMQ counts down instead of up.
    if (lacksIt('elasticmq')) return;
    expect(Results![0]).toMatchObject({
      ApproximateNumberOfMessagesMoved: NUMBERED.length,
      ApproximateNumberOfMessagesToMove: NUMBERED.length,
    });
    // Only a task that runs has a handle.
    expect(Results![0]!.TaskHandle).toBeUndefined();
  });

  test('messages go where they are told, as fast as they are told, until somebody stops it', async () => {
    const sqs = sqsClient(peer);
    const pair = await withDeadLetters(sqs);
    const destination = await newQueue(sqs);
    await sendBodies(sqs, pair.queue, NUMBERED);
    await killAll(sqs, pair, NUMBERED.length);
    const { TaskHandle } = await sqs.startMessageMoveTask({
      SourceArn: pair.deadArn,
      DestinationArn: await arnOf(sqs, destination),
      MaxNumberOfMessagesPerSecond: 2,
    });
    const running = await eventually('it has begun', async () => {
      const { Results } = await sqs.listMessageMoveTasks({ SourceArn: pair.deadArn });
      return (Results?.[0]?.ApproximateNumberOfMessagesMoved ?? 0) > 0 ? Results![0]! : undefined;
    });
    expect(running).toMatchObject({
      Status: 'RUNNING',
      TaskHandle,
      MaxNumberOfMessagesPerSecond: 2,
      DestinationArn: await arnOf(sqs, destination),
    });
    const again = sqs.startMessageMoveTask({ SourceArn: pair.deadArn });
    expect(await refusal(again)).toMatchObject({ status: 400 });
    const { ApproximateNumberOfMessagesMoved: moved } = await sqs.cancelMessageMoveTask({
      TaskHandle,
    });
    expect(moved).toBeGreaterThan(0);
    // ElasticMQ does not keep tasks that are over.
    if (lacksIt('elasticmq')) return;
    expect(moved).toBeLessThan(NUMBERED.length);
    const { Results } = await eventually('it is cancelled', async () => {
      const answer = await sqs.listMessageMoveTasks({ SourceArn: pair.deadArn });
      return answer.Results?.[0]?.Status === 'CANCELLED' ? answer : undefined;
    });
    const total = Results![0]!.ApproximateNumberOfMessagesMoved!;
    const there = await sizeOf(sqs, destination);
    const left = await sizeOf(sqs, pair.dead);
    expect([there, there + left]).toEqual([total, NUMBERED.length]);
  });

  test('a queue that is nobody’s dead-letter queue is no source, and unknown handles are refused', async () => {
    const sqs = sqsClient(peer);
    const plain = await newQueue(sqs);
    // ElasticMQ moves from any queue.
    if (!lacksIt('elasticmq')) {
      const start = sqs.startMessageMoveTask({ SourceArn: await arnOf(sqs, plain) });
      expect(await refusedWith(start)).toBe('InvalidParameterValue');
    }
    const missing = sqs.startMessageMoveTask({ SourceArn: `${await arnOf(sqs, plain)}-missing` });
    expect(await refusedWith(missing)).toMatch(/^ResourceNotFoundException$|^QueueDoesNotExist$/);
    const cancel = sqs.cancelMessageMoveTask({ TaskHandle: 'nothing' });
    expect(await refusal(cancel)).toMatchObject({ fault: 'client' });
  });

  // ElasticMQ forgets tasks with the process as it does messages.
  test.skipIf(lacksIt('elasticmq'))(
    'a task goes on after a crash, and nothing is lost or doubled',
    async () => {
      const sqs = sqsClient(peer);
      const pair = await withDeadLetters(sqs);
      await sendBodies(sqs, pair.queue, NUMBERED);
      await killAll(sqs, pair, NUMBERED.length);
      await sqs.startMessageMoveTask({ SourceArn: pair.deadArn, MaxNumberOfMessagesPerSecond: 5 });
      await eventually(
        'some are moved',
        async () => (await sizeOf(sqs, pair.queue)) > 2 || undefined,
      );
      await peer.crashAndRestart();
      await eventually('all are somewhere', async () => {
        const there = (await sizeOf(sqs, pair.queue)) + (await sizeOf(sqs, pair.dead));
        return there === NUMBERED.length || undefined;
      });
      // It goes on by itself.
      await eventually('the task is done', async () => {
        const { Results } = await sqs.listMessageMoveTasks({ SourceArn: pair.deadArn });
        return Results?.[0]?.Status === 'COMPLETED' || undefined;
      });
      const back = await drainQueue(sqs, pair.queue, NUMBERED.length);
      expect(bodiesOf(back).sort()).toEqual(NUMBERED);
    },
  );
});
