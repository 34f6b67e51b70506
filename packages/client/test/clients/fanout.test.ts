/** One topic, several queues, over every engine that binds them. */
import { type Client, fanout } from '@polymq/client';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { everyEngine } from '../support/every-engine.ts';

interface Placed {
  orderId: string;
}

const { ways, stop } = await everyEngine('fanout');
const opened: Client[] = [];

afterEach(async () => {
  await Promise.all(opened.splice(0).map((client) => client.close({ drain: 0 })));
});
afterAll(() => stop());

describe.each(ways)('a fan-out over %s', (name, open) => {
  it('gives each queue a copy of everything, with its own workers', async () => {
    const mq = await open();
    opened.push(mq);
    const suffix = `${name}-${process.pid}`;
    const topic = mq.topic<Placed>(`placed-${suffix}`);
    const payments = mq.queue<Placed>(`payments-${suffix}`);
    const inventory = mq.queue<Placed>(`inventory-${suffix}`);
    await fanout(mq, topic).to(payments, inventory);
    await fanout(mq, topic).to(payments);

    const orders = Array.from({ length: 30 }, (_, index) => `order-${index}`);
    await topic.publishBatch(
      orders.map((orderId) => ({ data: { orderId }, key: orderId, headers: { from: 'shop' } })),
    );
    const paid: string[] = [];
    const taken: string[] = [];
    const consumers = [
      payments.consume(
        (message) => void paid.push(`${message.data.orderId} ${message.headers['from']}`),
      ),
      inventory.consume(({ data }) => void taken.push(data.orderId), { concurrency: 5 }),
    ];
    await expect.poll(() => [paid.length, taken.length], { timeout: 30_000 }).toEqual([30, 30]);
    expect(paid.sort()).toEqual(orders.map((orderId) => `${orderId} shop`).sort());
    expect(taken.sort()).toEqual([...orders].sort());
    await Promise.all(consumers.map((consumer) => consumer.close()));
  });
});
