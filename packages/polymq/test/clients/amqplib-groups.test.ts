/** Queues with `x-message-groups`: order per key with many consumers, which RabbitMQ does not have. */
import type { Channel, GetMessage } from 'amqplib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AMQP_PEER_IS_POLYMQ, type AmqpPeer, startAmqpPeer } from './amqp-peer.ts';
import {
  closedWith,
  collect,
  newQueue,
  openChannel,
  openConfirmChannel,
  text,
  untilReady,
} from './amqplib-client.ts';
import { uniqueName } from './peer.ts';

let peer: AmqpPeer;

beforeAll(async () => {
  peer = await startAmqpPeer();
});
afterAll(() => peer?.stop());

const GROUPS = { arguments: { 'x-message-groups': true } };

function send(channel: Channel, queue: string, bodies: string, exchange = '', delayMs = 0): void {
  for (const body of bodies.split(' ')) {
    const key = body.startsWith('-') ? {} : { 'polymq-key': body[0]! };
    const delay = delayMs === 0 ? {} : { 'x-delay': delayMs };
    channel.publish(exchange, queue, Buffer.from(body), { headers: { ...key, ...delay } });
  }
}

/** All that is handed out while nothing is acknowledged. */
async function take(channel: Channel, queue: string): Promise<GetMessage[]> {
  const messages: GetMessage[] = [];
  for (;;) {
    const message = await channel.get(queue);
    if (!message) return messages;
    messages.push(message);
  }
}

async function takeOne(channel: Channel, queue: string): Promise<GetMessage> {
  return (await channel.get(queue)) as GetMessage;
}

describe.skipIf(!AMQP_PEER_IS_POLYMQ)('message groups', () => {
  test('hand out one message of a key at a time, and what has no key at once', async () => {
    const channel = await openChannel(peer);
    const queue = await newQueue(channel, GROUPS);
    send(channel, queue, 'a1 a2 b1 -1 -2 a3 b2');
    await untilReady(channel, queue, 7);
    const first = await take(channel, queue);
    expect(first.map(text)).toEqual(['a1', 'b1', '-1', '-2']);
    channel.ack(first[1]!);
    expect((await take(channel, queue)).map(text)).toEqual(['b2']);
    channel.ack(first[0]!);
    expect((await take(channel, queue)).map(text)).toEqual(['a2']);
  });

  test('keep the place of what comes back, and count how often it did', async () => {
    const channel = await openChannel(peer);
    const queue = await newQueue(channel, GROUPS);
    send(channel, queue, 'a1 a2 b1');
    await untilReady(channel, queue, 3);
    for (const count of [undefined, 1, 2]) {
      const message = await takeOne(channel, queue);
      expect(text(message)).toBe('a1');
      expect(message.properties.headers?.['x-delivery-count']).toBe(count);
      channel.nack(message);
    }
    channel.reject(await takeOne(channel, queue), false);
    expect((await take(channel, queue)).map(text)).toEqual(['a2', 'b1']);
  });

  test('are shared by consumers, in order per key, over the end of one of them', async () => {
    const channel = await openChannel(peer);
    const queue = await newQueue(channel, { ...GROUPS, exclusive: false, autoDelete: false });
    const gone = await openChannel(peer);
    const stuck = await collect(gone, queue);
    send(channel, queue, 'a1 a2 b1 b2');
    await stuck.waitFor(2);
    expect(stuck.texts()).toEqual(['a1', 'b1']);
    const other = await collect(channel, queue);
    await gone.close();
    await other.waitFor(2);
    expect(other.texts()).toEqual(['a1', 'b1']);
    for (const message of [...other.messages]) channel.ack(message);
    await other.waitFor(4);
    expect(other.texts()).toEqual(['a1', 'b1', 'a2', 'b2']);
    await channel.deleteQueue(queue);
  });

  test('hold for messages that come late, by an exchange that delays', async () => {
    const channel = await openChannel(peer);
    const queue = await newQueue(channel, GROUPS);
    const exchange = uniqueName('late');
    const delayed = { autoDelete: true, arguments: { 'x-delayed-type': 'direct' } };
    await channel.assertExchange(exchange, 'x-delayed-message', delayed);
    await channel.bindQueue(queue, exchange, queue);
    send(channel, queue, 'a1 a2', exchange, 50);
    await untilReady(channel, queue, 2);
    const [first, ...none] = await take(channel, queue);
    expect([text(first!), none]).toEqual(['a1', []]);
    channel.ack(first!);
    expect((await take(channel, queue)).map(text)).toEqual(['a2']);
  });

  test('last over a crash', async () => {
    const channel = await openConfirmChannel(peer);
    const queue = uniqueName('lasting');
    await channel.assertQueue(queue, { durable: true, ...GROUPS });
    for (const body of ['a1', 'a2', 'b1']) {
      const headers = { 'polymq-key': body[0] };
      channel.sendToQueue(queue, Buffer.from(body), { persistent: true, headers });
    }
    await channel.waitForConfirms();
    await peer.crashAndRestart();
    const again = await openChannel(peer);
    expect((await take(again, queue)).map(text)).toEqual(['a1', 'b1']);
    await again.deleteQueue(queue);
  });

  test('belong to the queue: who declares it otherwise is refused', async () => {
    const channel = await openChannel(peer);
    const queue = await newQueue(channel, { ...GROUPS, exclusive: false });
    const other = await openChannel(peer);
    const closed = closedWith(other);
    await other.assertQueue(queue).catch(() => undefined);
    expect((await closed).message).toContain("inequivalent arg 'x-message-groups'");
    await channel.deleteQueue(queue);
  });
});
