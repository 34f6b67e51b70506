/**
 * The driver for SQS against the real broker, or against what `TEST_SQS` names (`given-engines.ts`). What every driver must do stands in
 * the contract suite; here is what is particular to SQS.
 */
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';

import {
  CreateQueueCommand,
  DeleteQueueCommand,
  ListQueuesCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
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
import { type GivenEngine, givenSqs } from '../support/given-engines.ts';

let given: GivenEngine | undefined;
/** A proxy that knows no TLS is of no use there. */
const isFar: boolean = process.env['TEST_SQS']?.startsWith('https:') === true;
let server: Polymq | undefined;
let url: URL;
const drivers: Driver[] = [];

beforeAll(async () => {
  given = await givenSqs();
  if (given === undefined) server = await startPolymq({ data: 'memory:' });
  url = new URL(given?.address ?? `sqs://127.0.0.1:${server!.port('aws')}`);
});

afterAll(async () => {
  for (const driver of drivers) await driver.close();
  await server?.stop();
  await given?.stop();
});

const context = {
  clock: systemClock,
  timeoutMs: 10_000,
  clientName: 'test',
  onConnection: () => {},
};

async function openDriver(options: SqsOptions = {}, at: URL = url): Promise<Driver> {
  const driver = await open(at, options, context);
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

const foreignUrl = (): string => url.href.replace(/^sqs:/, 'http:');

function foreignClient(): SQSClient {
  return new SQSClient({
    endpoint: foreignUrl(),
    region: 'us-east-1',
    credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
  });
}

/** The engine, farther away. */
async function slowAnswers(
  to: URL,
  delayMs: number,
): Promise<{ url: URL; close(): Promise<void> }> {
  const proxy = createServer((near) => {
    const far = connect(Number(to.port), to.hostname);
    near.pipe(far);
    far.on('data', (chunk) => setTimeout(() => near.write(chunk), delayMs));
    far.on('error', () => {}).on('close', () => near.destroy());
    near.on('error', () => {}).on('close', () => far.destroy());
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  const { port } = proxy.address() as AddressInfo;
  const close = async (): Promise<void> => {
    proxy.close();
    proxy.unref();
  };
  return { url: new URL(`sqs://127.0.0.1:${port}`), close };
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

  // Skipped for a service behind TLS: it looks at the requests through a proxy that speaks plain HTTP.
  it.skipIf(isFar)('gives back at once what is on its way when it closes', async () => {
    const slow = await slowAnswers(url, 15);
    onTestFinished(slow.close);
    const driver = await openDriver({}, slow.url);
    const [queues, others] = [driver.queues!, await openQueues()];
    for (const fifo of [false, true]) {
      const name = newName();
      await others.declareQueue(specOf(name, { fifo }));
      const texts = ['1', '2', '3'];
      await others.send(
        name,
        texts.map((text) => textMessage(text, { key: 'k' })),
      );
      let delivered = 0;
      const sink = { deliver: () => void delivered++, lost: () => {}, ended: () => {} };
      const credit = { prefetch: 10, leaseMs: LEASE_MS };
      const subscription = await queues.subscribeQueue(name, credit, sink);
      await subscription.close();
      const receiving = new AbortController();
      const received = queues.receive(name, { ...now, waitMs: 10_000, signal: receiving.signal });
      receiving.abort();
      expect([delivered, await received]).toEqual([0, []]);
      const [first] = await others.receive(name, now);
      expect(textOf(first!)).toBe('1');
      expect(await others.queueStats(name)).toMatchObject({ leased: fifo ? 1 : 3 });
    }
  });

  it('counts no attempt for what was given back untouched, and one for what was not', async () => {
    const queues = await openQueues();
    const name = newName();
    await queues.declareQueue(specOf(name));
    await queues.send(name, [textMessage('a')]);
    const counts: number[] = [];
    for (const untouched of [true, true, false]) {
      const [delivery] = await queues.receive(name, { ...now, waitMs: 10_000 });
      counts.push(delivery!.redeliveries);
      await queues.release(delivery!, 0, untouched);
    }
    const [last] = await queues.receive(name, { ...now, waitMs: 10_000 });
    expect([...counts, last!.redeliveries]).toEqual([0, 0, 0, 1]);
    await queues.ack(last!);
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

    const responder = await serving.requests!.serve(service, 5, (request, done) => {
      const answer = textMessage(`${textOf(request)}!`, { correlationId: request.id });
      void serving.requests!.reply(request.replyTo!, answer).then(done);
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

describe('what is particular to SQS', () => {
  it('makes a FIFO queue of the name with .fifo, and finds it by either', async () => {
    const queues = await openQueues();
    const name = newName();
    await queues.declareQueue(specOf(name, { fifo: true }));
    await queues.send(name, [
      textMessage('a1', { key: 'a' }),
      textMessage('a2', { key: 'a' }),
      textMessage('b1', { key: 'b / ü' }),
      textMessage('c1'),
    ]);
    const other = await openQueues();
    const first = await other.receive(`${name}.fifo`, now);
    const keys = new Map(first.map((delivery) => [textOf(delivery), delivery.key]));
    expect(keys).toEqual(
      new Map([
        ['a1', 'a'],
        ['b1', 'b / ü'],
        ['c1', undefined],
      ]),
    );
    await other.ack(first.find((delivery) => delivery.key === 'a')!);
    expect((await queues.receive(name, now)).map(textOf)).toEqual(['a2']);
    await expect(queues.declareQueue(specOf(name))).rejects.toMatchObject({
      code: 'declared-otherwise',
    });
  });

  it('hands the messages of a group to a subscriber one by one, also after a retry', async () => {
    const queues = await openQueues();
    const name = newName();
    await queues.declareQueue(specOf(name, { fifo: true }));
    const texts = ['1', '2', '3', '4', '5'];
    await queues.send(
      name,
      texts.map((text) => textMessage(text, { key: 'k' })),
    );
    const seen: string[] = [];
    let open = 0;
    let openMax = 0;
    const deliver = (deliveries: readonly Delivery[]): void => {
      for (const delivery of deliveries) {
        open += 1;
        openMax = Math.max(openMax, open);
        seen.push(textOf(delivery));
        const again = seen.length === 2;
        setImmediate(() => {
          open -= 1;
          void (again ? queues.release(delivery, 0) : queues.ack(delivery));
        });
      }
    };
    const credit = { prefetch: 10, leaseMs: LEASE_MS };
    const subscription = await queues.subscribeQueue(name, credit, {
      deliver,
      lost: () => {},
      ended: () => {},
    });
    await vi.waitFor(() => expect(seen).toEqual(['1', '2', '2', '3', '4', '5']));
    expect(openMax).toBe(1);
    await subscription.close();
  });

  it('stores what is moved back into a FIFO queue, however soon after it was first sent', async () => {
    const queues = await openQueues();
    const [name, letters] = [newName(), newName('dlq')];
    await queues.declareQueue(specOf(name, { fifo: true }));
    await queues.declareQueue(specOf(letters, { fifo: true }));
    const message = textMessage('a', { key: 'k' });
    await queues.send(name, [message]);
    for (let round = 0; round < 2; round += 1) {
      for (const [from, to] of [
        [name, letters],
        [letters, name],
      ] as const) {
        const [delivery] = await queues.receive(from, { ...now, waitMs: 5_000 });
        expect([from, delivery?.id]).toEqual([from, message.id]);
        await queues.move(delivery!, to, message);
      }
    }
    expect(await queues.queueStats(letters)).toMatchObject({ ready: 0, leased: 0 });
    expect((await queues.receive(name, { ...now, waitMs: 5_000 })).map(textOf)).toEqual(['a']);
  });

  it('says what it cannot do, message by message', async () => {
    const queues = await openQueues();
    const name = newName();
    await queues.declareQueue(specOf(name));
    const outcomes = await queues.send(name, [
      textMessage('fine', { delayMs: 15 * 60 * 1000 }),
      textMessage('late', { delayMs: 15 * 60 * 1000 + 1 }),
      textMessage('x'.repeat(1024 * 1024)),
      textMessage('twice', { dedupe: 'd' }),
    ]);
    expect(outcomes).toMatchObject([
      { duplicate: false },
      { error: { code: 'unsupported', message: expect.stringContaining('15 minutes') } },
      { error: { code: 'message-too-large', message: expect.stringContaining('1048576') } },
      { error: { code: 'unsupported', message: expect.stringContaining('fifo: true') } },
    ]);
    await expect(queues.declareQueue(specOf('no spaces'))).rejects.toMatchObject({
      code: 'invalid-argument',
    });
    await expect(queues.send(newName(), [textMessage('x')])).rejects.toMatchObject({
      code: 'not-found',
    });
  });

  it('sends large messages, alone or in batches, and brings back their bytes', async () => {
    const queues = await openQueues();
    const name = newName();
    await queues.declareQueue(specOf(name));
    const bodies = [1, 100_000, 180_000, 700_000, 250_000].map((size) => randomBytes(size));
    const contentType = 'application/octet-stream';
    const outcomes = await queues.send(
      name,
      bodies.map((body) => textMessage('', { body, contentType })),
    );
    expect(outcomes).toEqual(bodies.map(() => ({ duplicate: false })));
    const received: Delivery[] = [];
    while (received.length < bodies.length) {
      received.push(...(await queues.receive(name, { ...now, waitMs: 1000 })));
    }
    const hashOf = (bytes: Uint8Array) => createHash('sha1').update(bytes).digest('hex');
    expect(received.map(({ body }) => hashOf(body)).sort()).toEqual(bodies.map(hashOf).sort());
  });

  it('removes the temporary queues of processes that were killed, and no others', async () => {
    const sqs = foreignClient();
    const old = `polymq-tmp-${randomUUID()}`;
    const young = `polymq-tmp-${randomUUID()}`;
    for (const [QueueName, ageMs] of [
      [old, 2 * 3_600_000],
      [young, 60_000],
    ] as const) {
      const tags = { 'polymq-alive': `${Date.now() - ageMs}` };
      await sqs.send(new CreateQueueCommand({ QueueName, tags }));
    }
    const driver = await openDriver();
    const topic = newName('t');
    await driver.topics!.declareTopic({ name: topic, live: true });
    const sink = { deliver: () => {}, ended: () => {} };
    const subscription = await driver.topics!.subscribeTopic(topic, { at: 'new' }, sink);
    const list = new ListQueuesCommand({ QueueNamePrefix: 'polymq-tmp-' });
    await vi.waitFor(async () => {
      const names = ((await sqs.send(list)).QueueUrls ?? []).map((each) => each.split('/').pop());
      expect(names).not.toContain(old);
      expect(names).toContain(young);
    });
    await subscription.close();
    await sqs.send(new DeleteQueueCommand({ QueueUrl: `${foreignUrl()}/000000000000/${young}` }));
  });

  it('rejects an address where nobody answers, in time', async () => {
    const nobody = new URL('http://127.0.0.1:1');
    const opened = open(nobody, {}, { ...context, timeoutMs: 300 });
    await expect(opened).rejects.toMatchObject({ code: 'disconnected', retryable: true });
  });
});
