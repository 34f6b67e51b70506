/**
 * The driver for SQS against the real broker, or against `TEST_SQS=http://HOST:PORT` (LocalStack, ElasticMQ, AWS). What every driver must do stands in
 * the contract suite; here is what is particular to SQS.
 */
import { randomUUID } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Polymq, startPolymq } from '../../../polymq/test/support/polymq.ts';
import type { Driver, QueueDriver, QueueSpec } from '../../src/driver/driver.ts';
import { open, type SqsOptions } from '../../src/drivers/sqs/index.ts';
import { systemClock } from '../../src/lib/clock.ts';
import type { Delivery, OutgoingMessage } from '../../src/message/wire-message.ts';

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
});
