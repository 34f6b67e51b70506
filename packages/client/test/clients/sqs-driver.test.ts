/**
 * The driver for SQS against the real broker, or against `TEST_SQS=http://HOST:PORT` (LocalStack, ElasticMQ, AWS). What every driver must do stands in
 * the contract suite; here is what is particular to SQS.
 */
import { randomUUID } from 'node:crypto';

import { ListQueuesCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Polymq, startPolymq } from '../../../polymq/test/support/polymq.ts';
import type { Driver, QueueDriver, QueueSpec } from '../../src/driver/driver.ts';
import { open, type SqsOptions } from '../../src/drivers/sqs/index.ts';
import { systemClock } from '../../src/lib/clock.ts';
import type {
  Delivery,
  OutgoingMessage,
  TopicRecord,
  WireMessage,
} from '../../src/message/wire-message.ts';

let server: Polymq | undefined;
let url: URL;
const drivers: Driver[] = [];

beforeAll(async () => {
  const given = process.env['TEST_SQS'];
  if (given === undefined) server = await startPolymq({ data: 'memory:' });
  url = new URL(given ?? `sqs://127.0.0.1:${server!.port('aws')}`);
});

afterAll(async () => {
  for (const driver of drivers) await driver.close();
  await server?.stop();
});

const context = {
  clock: systemClock,
  timeoutMs: 10_000,
  clientName: 'test',
  onConnection: () => {},
};

async function openDriver(options: SqsOptions = {}): Promise<Driver> {
  const driver = await open(url, options, context);
  drivers.push(driver);
  return driver;
}

async function openQueues(): Promise<QueueDriver> {
  return (await openDriver()).queues!;
}

const newName = (what = 'q'): string => `${what}-${randomUUID()}`;

function specOf(name: string, more: Partial<QueueSpec> = {}): QueueSpec {
  return { name, durable: true, fifo: false, priorityMax: 0, leaseMs: 30_000, ...more };
}

function textMessage(text: string, more: Partial<OutgoingMessage> = {}): OutgoingMessage {
  return {
    id: randomUUID(),
    body: Buffer.from(text),
    contentType: 'text/plain',
    headers: {},
    timestampMs: Date.now(),
    ...more,
  };
}

const textOf = (message: { body: Uint8Array }): string => Buffer.from(message.body).toString();

function foreignClient(): SQSClient {
  return new SQSClient({
    endpoint: url.href.replace(/^sqs:/, 'http:'),
    region: 'us-east-1',
    credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
  });
}

const LEASE_MS = 30_000;
const now = { max: 10, waitMs: 0, leaseMs: LEASE_MS };

describe('the driver for SQS', () => {
  it('sends, receives and deletes', async () => {
    const queues = await openQueues();
    const name = newName();
    await queues.declareQueue(specOf(name));
    const outcomes = await queues.send(name, [textMessage('a'), textMessage('b')]);
    expect(outcomes).toEqual([{ duplicate: false }, { duplicate: false }]);

    const deliveries = await queues.receive(name, now);
    expect(deliveries.map(textOf)).toEqual(['a', 'b']);
    expect(deliveries[0]).toMatchObject({ contentType: 'text/plain', redeliveries: 0 });
    for (const delivery of deliveries) await queues.ack(delivery);
    expect(await queues.queueStats(name)).toEqual({ ready: 0, leased: 0, delayed: 0 });
  });

  it('delivers to a subscriber as long as there is credit', async () => {
    const queues = await openQueues();
    const name = newName();
    await queues.declareQueue(specOf(name));
    const texts = Array.from({ length: 45 }, (_, index) => `${index}`);
    await queues.send(
      name,
      texts.map((text) => textMessage(text)),
    );
    const seen: Delivery[] = [];
    let unsettled = 0;
    let unsettledMax = 0;
    const subscription = await queues.subscribeQueue(
      name,
      { prefetch: 15, leaseMs: LEASE_MS },
      {
        deliver: (deliveries) => {
          unsettled += deliveries.length;
          unsettledMax = Math.max(unsettledMax, unsettled);
          seen.push(...deliveries);
        },
        lost: () => {},
        ended: () => {},
      },
    );
    await vi.waitFor(() => expect(seen.length).toBe(15));
    for (let index = 0; index < texts.length; index++) {
      await vi.waitFor(() => expect(seen.length).toBeGreaterThan(index));
      unsettled -= 1;
      await queues.ack(seen[index]!);
    }
    expect(seen.map(textOf).sort()).toEqual([...texts].sort());
    expect(unsettledMax).toBe(15);
    await subscription.close();
    expect(await queues.queueStats(name)).toMatchObject({ ready: 0, leased: 0 });
  });

  it('leaves nothing leased that it has not handed out', async () => {
    const queues = await openQueues();
    const name = newName();
    await queues.declareQueue(specOf(name));
    const sink = { deliver: () => {}, lost: () => {}, ended: () => {} };
    const credit = { prefetch: 10, leaseMs: LEASE_MS };
    const subscription = await queues.subscribeQueue(name, credit, sink);
    await subscription.close();
    await queues.send(name, [textMessage('after')]);
    expect((await queues.receive(name, now)).map(textOf)).toEqual(['after']);
  });

  it('publishes to topics, subscribers and bound queues', async () => {
    const driver = await openDriver();
    const topics = driver.topics!;
    const queues = driver.queues!;
    const topic = newName('t');
    const bound = newName();
    await topics.declareTopic({ name: topic, live: false });
    await queues.declareQueue(specOf(bound));
    await topics.bindQueue!(topic, bound);
    await topics.bindQueue!(topic, bound);
    const seen: string[] = [];
    const sink = {
      deliver: (records: readonly TopicRecord[]) => void seen.push(...records.map(textOf)),
      ended: () => {},
    };
    const subscription = await topics.subscribeTopic(topic, { at: 'new' }, sink);
    const texts = Array.from({ length: 25 }, (_, index) => `${index}`);
    await topics.publish(
      topic,
      texts.map((text) => textMessage(text, { headers: { a: 'b' } })),
    );
    await vi.waitFor(() => expect(seen).toEqual(texts));
    const copies = await queues.receive(bound, { ...now, max: 100 });
    expect(copies.map(textOf)).toEqual(texts);
    expect(copies[0]).toMatchObject({ headers: { a: 'b' }, contentType: 'text/plain' });
    await subscription.close();
    const { QueueUrls = [] } = await foreignClient().send(
      new ListQueuesCommand({ QueueNamePrefix: 'polymq-tmp-' }),
    );
    expect(QueueUrls).toEqual([]);
    await topics.deleteTopic(topic);
    await topics.deleteTopic(topic);
  });

  it('requests and replies', async () => {
    const [asking, serving] = [await openDriver(), await openDriver()];
    const service = newName('s');
    const question = textMessage('question');
    expect(await asking.requests!.request(service, question)).toBe('no-responder');

    const responder = await serving.requests!.serve(service, 5, async (request, done) => {
      const answer = textMessage(`${textOf(request)}!`, { correlationId: request.id });
      await serving.requests!.reply(request.replyTo!, answer);
      done();
    });
    const replies: WireMessage[] = [];
    const { address } = await asking.requests!.openReplies((reply) => replies.push(reply));
    expect(await asking.requests!.request(service, { ...question, replyTo: address })).toBe('sent');
    await vi.waitFor(() => expect(replies.map(textOf)).toEqual(['question!']));
    expect(replies[0]?.correlationId).toBe(question.id);

    await responder.close();
    const other = (await openDriver()).requests!;
    expect(await other.request(service, question)).toBe('no-responder');
  });
});
