import { afterEach, describe, expect, it } from 'vitest';
import { type EmbeddedClient, embed } from './embed.ts';

const open: EmbeddedClient[] = [];

afterEach(async () => {
  for (const client of open.splice(0)) await client.close();
});

async function manual(): Promise<EmbeddedClient> {
  const client = await embed({ data: 'memory:', clock: 'manual' });
  open.push(client);
  return client;
}

describe('embed', () => {
  it('gives a client of a broker in this process, which listens nowhere', async () => {
    const mq = await embed({ data: 'memory:' });
    open.push(mq);
    expect(mq.broker.listeners).toEqual([]);
    const orders = mq.queue<{ orderId: string }>('orders');
    await orders.send({ orderId: '123' });
    const message = await orders.receive();
    expect(message?.data).toEqual({ orderId: '123' });
    await message!.ack();
    expect(await orders.receive()).toBeUndefined();
    await mq.close();
    expect(mq.broker.state).toBe('stopped');
  });

  it('shares the broker with other clients until the last of them is closed', async () => {
    const mq = await embed({ data: 'memory:shop' });
    const twin = await embed({ data: 'memory:shop' });
    const third = await mq.another();
    open.push(mq, twin, third);
    await mq.queue('orders').send('x');
    await mq.close();
    expect((await twin.queue('orders').receive())?.data).toBe('x');
    await twin.close();
    expect(third.broker.state).toBe('running');
    await third.close();
    expect(third.broker.state).toBe('stopped');
  });

  it('moves no clock that runs by itself', async () => {
    const mq = await embed({ data: 'memory:' });
    open.push(mq);
    await expect(mq.clock.advance('1s')).rejects.toMatchObject({ code: 'invalid-argument' });
  });
});

describe('a manual clock', () => {
  it('brings delayed messages when they are due', async () => {
    const mq = await manual();
    const orders = mq.queue('orders');
    const got: unknown[] = [];
    const consumer = orders.consume((message) => got.push(message.data));
    await consumer.ready();
    await orders.send('later', { delay: '1h' });
    await mq.clock.advance('59m');
    expect(got).toEqual([]);
    await mq.clock.advance('1m');
    expect(got).toEqual(['later']);
  });

  it('moves retries with their backoff, to the dead letters at last', async () => {
    const mq = await manual();
    const orders = mq.queue('orders', { retry: { max: 2, base: '1m', jitter: 0 } });
    let attempts = 0;
    const consumer = orders.consume(() => {
      attempts += 1;
      throw new Error('no stock');
    });
    await consumer.ready();
    await orders.send('x');
    await mq.clock.advance(0);
    expect(attempts).toBe(1);
    await mq.clock.advance('1m');
    expect(attempts).toBe(2);
    await mq.clock.advance('2m');
    expect(attempts).toBe(3);
    const [letter] = await orders.deadLetters.list();
    expect(letter).toMatchObject({ data: 'x', queue: 'orders', retryCount: 3 });
  });

  it('ends leases and expires messages', async () => {
    const mq = await manual();
    const orders = mq.queue('orders', { lease: '10s', deadLetter: false });
    await orders.send('x');
    await orders.send('short', { ttl: '5s' });
    const message = await orders.receive();
    await mq.clock.advance('10s');
    await expect(message!.ack()).rejects.toMatchObject({ code: 'lease-lost' });
    const again = await orders.receive();
    expect([again?.data, again?.retryCount]).toEqual(['x', 1]);
    expect(await orders.receive()).toBeUndefined();
  });

  it('lets a call that waits come to its end', async () => {
    const mq = await manual();
    const received = mq.queue('orders').receive({ wait: '20s' });
    await mq.queue('orders').ready();
    await mq.clock.advance('20s');
    expect(await received).toBeUndefined();
  });
});
