import type { Delivery, Driver, OutgoingMessage, QueueSpec } from '@polymq/client/driver';
import { afterEach, describe, expect, it } from 'vitest';
import { openEmbeddedDriver } from './open-driver.ts';

const CONTEXT = { timeoutMs: 5_000, clientName: 'test' };
const open: Driver[] = [];

afterEach(async () => {
  for (const driver of open.splice(0)) await driver.close();
});

async function memory(): Promise<Driver> {
  const driver = await openEmbeddedDriver(new URL('memory:'), undefined, CONTEXT);
  open.push(driver);
  return driver;
}

function spec(name: string, more: Partial<QueueSpec> = {}): QueueSpec {
  return { name, durable: true, fifo: false, priorityMax: 0, leaseMs: 30_000, ...more };
}

function message(text: string, more: Partial<OutgoingMessage> = {}): OutgoingMessage {
  return {
    id: `id-${text}`,
    body: Buffer.from(text),
    contentType: 'text/plain',
    headers: {},
    timestampMs: 1_700_000_000_000,
    ...more,
  };
}

function text(delivery: Pick<Delivery, 'body'>): string {
  return Buffer.from(delivery.body).toString();
}

const NOW = { max: 10, waitMs: 0, leaseMs: 30_000 };

describe('the embedded driver', () => {
  it('hands out what was sent, until it is acknowledged', async () => {
    const { queues } = await memory();
    await queues!.declareQueue(spec('orders'));
    const headers = { tenant: 'acme' };
    await queues!.send('orders', [
      message('a', { headers, key: 'k', type: 'order' }),
      message('b'),
    ]);
    const [a, b] = await queues!.receive('orders', NOW);
    expect(a).toMatchObject({ id: 'id-a', headers, key: 'k', type: 'order', redeliveries: 0 });
    expect(text(b!)).toBe('b');
    await queues!.ack(a!);
    await queues!.release(b!, 0);
    const [again] = await queues!.receive('orders', NOW);
    expect(again).toMatchObject({ id: 'id-b', redeliveries: 1 });
    await expect(queues!.ack(a!)).rejects.toMatchObject({ code: 'lease-lost' });
  });

  it('keeps the order of large batches that are sent at once', async () => {
    const { queues } = await memory();
    await queues!.declareQueue(spec('orders'));
    const ids = Array.from({ length: 2_000 }, (_, index) => `id-${index}`);
    const batches = [ids.slice(0, 800), ids.slice(800, 1_600), ids.slice(1_600, 1_999)];
    await Promise.all(
      [...batches, ids.slice(1_999)].map((batch) =>
        queues!.send(
          'orders',
          batch.map((id) => message('x', { id })),
        ),
      ),
    );
    const got = await queues!.receive('orders', { ...NOW, max: 3_000 });
    expect(got.map(({ id }) => id)).toEqual(ids);
  });

  it('gives back at once what nobody has settled when it is closed', async () => {
    const one = await openEmbeddedDriver(new URL('memory:given-back'), undefined, CONTEXT);
    const two = await openEmbeddedDriver(new URL('memory:given-back'), undefined, CONTEXT);
    open.push(two);
    await one.queues!.declareQueue(spec('orders'));
    const got: Delivery[] = [];
    await one.queues!.send(
      'orders',
      ['a', 'b', 'c'].map((each) => message(each)),
    );
    const [a, b] = await one.queues!.receive('orders', { ...NOW, max: 2 });
    await one.queues!.subscribeQueue(
      'orders',
      { prefetch: 1, leaseMs: 30_000 },
      { deliver: (list) => got.push(...list), lost: () => undefined, ended: () => undefined },
    );
    await expect.poll(() => got.map(text)).toEqual(['c']);
    await one.queues!.ack(a!);
    expect(await two.queues!.receive('orders', NOW)).toEqual([]);
    await one.close();
    const again = await two.queues!.receive('orders', NOW);
    expect(again.map((each) => [text(each), each.redeliveries])).toEqual([
      ['b', 1],
      ['c', 1],
    ]);
    await expect(one.queues!.ack(b!)).rejects.toMatchObject({ code: 'lease-lost' });
  });

  it('ends reads of events that wait when it is closed', async () => {
    const one = await openEmbeddedDriver(new URL('memory:events'), undefined, CONTEXT);
    const two = await openEmbeddedDriver(new URL('memory:events'), undefined, CONTEXT);
    open.push(two);
    const options = { max: 10, waitMs: 60_000 };
    const waiting = one.eventLog!.readAll('store', undefined, options);
    const others = two.eventLog!.readAll('store', undefined, options);
    await one.close();
    await expect(waiting).rejects.toMatchObject({ code: 'closed' });
    await two.eventLog!.append('store', 'stream', [message('a')], 0);
    expect((await others).map(({ id }) => id)).toEqual(['id-a']);
  });

  it('hands messages to a subscription, at most so many unsettled', async () => {
    const { queues } = await memory();
    await queues!.declareQueue(spec('orders'));
    const got: Delivery[] = [];
    const subscription = await queues!.subscribeQueue(
      'orders',
      { prefetch: 2, leaseMs: 30_000 },
      { deliver: (list) => got.push(...list), lost: () => undefined, ended: () => undefined },
    );
    await queues!.send(
      'orders',
      ['a', 'b', 'c'].map((each) => message(each)),
    );
    await expect.poll(() => got.map(text)).toEqual(['a', 'b']);
    await queues!.ack(got[0]!);
    await expect.poll(() => got.map(text)).toEqual(['a', 'b', 'c']);
    await subscription.close();
  });
});
