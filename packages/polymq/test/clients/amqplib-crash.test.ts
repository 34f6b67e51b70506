/** What a program with amqplib finds after `kill -9` of the broker. */
import { type ChannelModel, type ConfirmChannel, connect } from 'amqplib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AMQP_PEER_IS_POLYMQ, type AmqpPeer, startAmqpPeer } from './amqp-peer.ts';
import {
  bodies,
  closedWith,
  collect,
  drain,
  newQueue,
  openChannel,
  openConfirmChannel,
  text,
} from './amqplib-client.ts';
import { eventually, uniqueName } from './peer.ts';

let peer: AmqpPeer;

beforeAll(async () => {
  peer = await startAmqpPeer();
});
afterAll(() => peer?.stop());

// RabbitMQ is the oracle for what clients see, not for how fast it comes back from a crash.
describe.skipIf(!AMQP_PEER_IS_POLYMQ)('after kill -9 and restart', () => {
  async function sendAndWait(channel: ConfirmChannel, queue: string, count: number): Promise<void> {
    for (const body of bodies(count)) {
      channel.sendToQueue(queue, Buffer.from(body), { persistent: true });
    }
    await channel.waitForConfirms();
  }

  test('confirmed persistent messages, queues, exchanges and bindings are there', async () => {
    const channel = await openConfirmChannel(peer);
    const name = uniqueName('durable');
    await channel.assertExchange(name, 'topic', { durable: true });
    await channel.assertQueue(name, { durable: true });
    await channel.bindQueue(name, name, 'a.#');
    await sendAndWait(channel, name, 100);
    await peer.crashAndRestart();
    const after = await openChannel(peer);
    expect((await drain(after, name)).map(text)).toEqual(bodies(100));
    after.publish(name, 'a.b', Buffer.from('bound'));
    expect((await drain(after, name)).map(text)).toEqual(['bound']);
    await after.deleteQueue(name);
    await after.deleteExchange(name);
  });

  test('what was acknowledged stays away and what was held comes back as redelivered', async () => {
    const channel = await openConfirmChannel(peer);
    const queue = uniqueName('acked');
    await channel.assertQueue(queue, { durable: true });
    await sendAndWait(channel, queue, 10);
    const messages = await (await collect(channel, queue)).waitFor(10);
    for (const message of messages.slice(0, 4)) channel.ack(message);
    // A confirmed message behind the acknowledgements has them on disk too.
    await sendAndWait(channel, queue, 1);
    await peer.crashAndRestart();
    const after = await openChannel(peer);
    const got = await drain(after, queue);
    expect(got.map(text)).toEqual([...bodies(10).slice(4), 'm-0']);
    await after.deleteQueue(queue);
  });

  test('transient messages and transient queues are gone, exclusive ones too', async () => {
    const channel = await openConfirmChannel(peer);
    const durable = uniqueName('durable');
    const transient = uniqueName('transient');
    await channel.assertQueue(durable, { durable: true });
    await channel.assertQueue(transient, { durable: false });
    const exclusive = await newQueue(channel);
    channel.sendToQueue(durable, Buffer.from('transient'), { persistent: false });
    channel.sendToQueue(durable, Buffer.from('persistent'), { persistent: true });
    await channel.waitForConfirms();
    await peer.crashAndRestart();
    const after = await openChannel(peer);
    expect((await drain(after, durable)).map(text)).toEqual(['persistent']);
    await after.deleteQueue(durable);
    for (const queue of [transient, exclusive]) {
      const probe = await openChannel(peer);
      const closed = closedWith(probe);
      await expect(probe.checkQueue(queue)).rejects.toThrow();
      expect((await closed).code).toBe(404);
    }
  });

  test('a connection with amqplib’s own recovery consumes on', async () => {
    const queue = uniqueName('recovering');
    const got: string[] = [];
    const connection = await connect(peer.url, {
      recovery: {
        initialDelay: 50,
        maxDelay: 200,
        setup: async (model: ChannelModel) => {
          const channel = await model.createChannel();
          channel.on('error', () => undefined);
          await channel.assertQueue(queue, { durable: true });
          await channel.consume(queue, (message) => {
            if (!message) return;
            got.push(text(message));
            channel.ack(message);
          });
        },
      },
    });
    connection.on('error', () => undefined);
    const before = await openConfirmChannel(peer);
    await sendAndWait(before, queue, 1);
    await eventually('the first came', () => got.length === 1 || undefined);
    await peer.crashAndRestart();
    const after = await openConfirmChannel(peer);
    after.sendToQueue(queue, Buffer.from('after'), { persistent: true });
    await after.waitForConfirms();
    await eventually('the second came', () => got.includes('after') || undefined);
    await connection.close();
    await after.deleteQueue(queue);
  });
});
