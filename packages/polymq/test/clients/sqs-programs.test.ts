/** What people build on SQS: sqs-consumer, sqs-producer, and a pool of workers of which one dies. */
import { fileURLToPath } from 'node:url';
import type { Message } from '@aws-sdk/client-sqs';
import { Consumer } from 'sqs-consumer';
import { Producer } from 'sqs-producer';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { type Child, startChild } from '../support/child.ts';
import { attributesOf, newFifoQueue, newQueue, receiveUntil, sqsClient } from './aws-client.ts';
import { type AwsPeer, lacksIt, startAwsPeer } from './aws-peer.ts';
import { eventually } from './peer.ts';

let peer: AwsPeer;

beforeAll(async () => {
  peer = await startAwsPeer();
});
afterAll(() => peer?.stop());

const NUMBERS = Array.from({ length: 100 }, (_, index) => `${index}`);
const numbered = (id: string) => ({ id, body: id });

describe('sqs-producer and sqs-consumer', () => {
  test('every message is handled once and the queue is empty then', async () => {
    const sqs = sqsClient(peer);
    const queueUrl = await newQueue(sqs);
    const producer = Producer.create({ queueUrl, sqs, batchSize: 10 });
    const sent = await producer.send(NUMBERS.map(numbered));
    expect(sent).toHaveLength(NUMBERS.length);
    expect(await producer.queueSize()).toBe(NUMBERS.length);
    const handled: string[] = [];
    const consumer = Consumer.create({
      queueUrl,
      sqs,
      batchSize: 10,
      waitTimeSeconds: 5,
      handleMessage: async (message: Message) => {
        handled.push(message.Body!);
        return message;
      },
    });
    const errors: Error[] = [];
    consumer.on('error', (error) => errors.push(error));
    consumer.on('processing_error', (error) => errors.push(error));
    consumer.start();
    await eventually('all are handled', () => handled.length >= NUMBERS.length || undefined);
    await eventually('all are deleted', async () => {
      const attributes = await attributesOf(sqs, queueUrl);
      const left = ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'];
      return left.every((name) => attributes[name] === '0') || undefined;
    });
    consumer.stop({ abort: true });
    expect([...handled].sort()).toEqual([...NUMBERS].sort());
    expect(errors).toEqual([]);
  });

  test('batches whose handler fails come again', async () => {
    const sqs = sqsClient(peer);
    const queueUrl = await newQueue(sqs, { VisibilityTimeout: '60' });
    await Producer.create({ queueUrl, sqs }).send(['a', 'b', 'c']);
    const handled: string[] = [];
    let failures = 0;
    const consumer = Consumer.create({
      queueUrl,
      sqs,
      batchSize: 10,
      waitTimeSeconds: 5,
      // Brings what failed back at once, by ChangeMessageVisibilityBatch.
      terminateVisibilityTimeout: true,
      handleMessageBatch: async (messages: Message[]) => {
        failures += 1;
        if (failures === 1) throw new Error('not this time');
        handled.push(...messages.map((message) => message.Body!));
        return messages;
      },
    });
    consumer.on('processing_error', () => undefined);
    consumer.on('error', () => undefined);
    consumer.start();
    await eventually('all are handled', () => handled.length >= 3 || undefined);
    consumer.stop({ abort: true });
    expect(handled.sort()).toEqual(['a', 'b', 'c']);
  });

  test('a heartbeat keeps a message while its handler works', async () => {
    const sqs = sqsClient(peer);
    const queueUrl = await newQueue(sqs);
    await Producer.create({ queueUrl, sqs }).send('slow');
    let handled = 0;
    let ended = 0;
    const consumer = Consumer.create({
      queueUrl,
      sqs,
      visibilityTimeout: 2,
      heartbeatInterval: 1,
      waitTimeSeconds: 1,
      handleMessage: async (message: Message) => {
        handled += 1;
        // Longer than the visibility timeout: without the heartbeat it would be handled twice.
        await new Promise((resolve) => setTimeout(resolve, 3500));
        ended += 1;
        return message;
      },
    });
    const second = Consumer.create({
      queueUrl,
      sqs,
      waitTimeSeconds: 1,
      handleMessage: async (message: Message) => {
        handled += 1;
        return message;
      },
    });
    consumer.start();
    await eventually('the handler works', () => handled === 1 || undefined);
    second.start();
    await eventually('it is done', () => ended === 1 || undefined);
    consumer.stop({ abort: true });
    second.stop({ abort: true });
    expect(handled).toBe(1);
  });

  test('a FIFO queue is consumed in order', async () => {
    const sqs = sqsClient(peer);
    const queueUrl = await newFifoQueue(sqs, { ContentBasedDeduplication: 'true' });
    const producer = Producer.create({ queueUrl, sqs });
    await producer.send(NUMBERS.slice(0, 30).map((id) => ({ ...numbered(id), groupId: 'g' })));
    const handled: string[] = [];
    const consumer = Consumer.create({
      queueUrl,
      sqs,
      batchSize: 5,
      waitTimeSeconds: 5,
      handleMessageBatch: async (messages: Message[]) => {
        handled.push(...messages.map((message) => message.Body!));
        return messages;
      },
    });
    consumer.start();
    await eventually('all are handled', () => handled.length >= 30 || undefined);
    consumer.stop({ abort: true });
    expect(handled).toEqual(NUMBERS.slice(0, 30));
  });
});

describe('a pool of five processes', () => {
  const program = fileURLToPath(new URL('sqs-worker.ts', import.meta.url));

  function startWorker(queueUrl: string, ...mode: string[]): Child {
    const worker = startChild({
      name: `worker ${mode.join('')}`,
      command: process.execPath,
      args: ['--import', import.meta.resolve('tsx'), program, peer.endpoint, queueUrl, ...mode],
    });
    onTestFinished(async () => void (await worker.kill9()));
    return worker;
  }

  test('nothing is lost when a worker is killed while it holds messages', async () => {
    const sqs = sqsClient(peer);
    const queueUrl = await newQueue(sqs);
    const doomed = startWorker(queueUrl, 'hang');
    const others = [1, 2, 3, 4].map(() => startWorker(queueUrl));
    const workers = [doomed, ...others];
    await Promise.all(workers.map((worker) => worker.waitForLine(/^waiting for tasks/, 60_000)));
    await Producer.create({ queueUrl, sqs }).send(NUMBERS.map(numbered));
    const [, held] = await doomed.waitForLine(/^started (\d+)/, 30_000);
    await doomed.kill9();
    const finished = () =>
      others.flatMap(({ stdout }) =>
        [...stdout.matchAll(/^finished (\d+)$/gm)].map(([, id]) => id!),
      );
    const ids = await eventually('all are finished', () => {
      const done = finished();
      return new Set(done).size === NUMBERS.length ? done : undefined;
    });
    // What the dead one held was handed on when its visibility timeout was over.
    expect(ids).toContain(held);
    expect([...ids].sort()).toEqual([...NUMBERS].sort());
    expect(await attributesOf(sqs, queueUrl)).toMatchObject({
      ApproximateNumberOfMessages: '0',
      ApproximateNumberOfMessagesNotVisible: '0',
    });
  });

  // moto forgets which messages of a group were held.
  test.skipIf(lacksIt('moto'))(
    'the group of a dead worker goes on with its first message',
    async () => {
      const sqs = sqsClient(peer);
      const queueUrl = await newFifoQueue(sqs, { ContentBasedDeduplication: 'true' });
      const doomed = startWorker(queueUrl, 'hang');
      await doomed.waitForLine(/^waiting for tasks/, 60_000);
      const messages = NUMBERS.slice(0, 8).map((id) => ({ ...numbered(id), groupId: 'g' }));
      await Producer.create({ queueUrl, sqs }).send(messages);
      await doomed.waitForLine(/^started \d+/, 30_000);
      await doomed.kill9();
      const [first] = await receiveUntil(sqs, queueUrl, 1, { MaxNumberOfMessages: 1 });
      expect(first).toMatchObject({ Body: '0', Attributes: { ApproximateReceiveCount: '2' } });
    },
  );
});
