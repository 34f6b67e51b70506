/** Queues with limits, expiry and dead letters, and the order in which consumers get messages. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Channel, Options } from 'amqplib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type AmqpPeer, startAmqpPeer } from './amqp-peer.ts';
import {
  bodies,
  channelOf,
  closedWith,
  collect,
  drain,
  handled,
  isGone,
  newQueue,
  openChannel,
  openConfirmChannel,
  openConnection,
  sendAll,
  text,
  untilReady,
} from './amqplib-client.ts';
import { eventually, uniqueName } from './peer.ts';

let peer: AmqpPeer;

beforeAll(async () => {
  peer = await startAmqpPeer();
});
afterAll(() => peer?.stop());

/** Asking for a queue counts as using it, so this asks rarely. */
async function isGoneUnseen(queue: string): Promise<true | undefined> {
  await sleep(1000);
  return isGone(peer, queue);
}

/** Where the dead letters of `options` go. */
async function withDeadLetters(
  channel: Channel,
  options: Options.AssertQueue,
): Promise<{ queue: string; dead: string }> {
  const dead = await newQueue(channel);
  const queue = await newQueue(channel, {
    deadLetterExchange: '',
    deadLetterRoutingKey: dead,
    ...options,
  });
  return { queue, dead };
}

function reasonOf(message: { properties: { headers?: Record<string, unknown> | undefined } }) {
  const deaths = message.properties.headers?.['x-death'] as { reason: string }[] | undefined;
  return deaths?.[0]?.reason;
}

describe('length limits', () => {
  test('x-max-length drops the oldest messages', async () => {
    const channel = await openChannel(peer);
    const { queue, dead } = await withDeadLetters(channel, { maxLength: 3 });
    sendAll(channel, queue, bodies(5));
    await untilReady(channel, dead, 2);
    expect((await drain(channel, queue)).map(text)).toEqual(['m-2', 'm-3', 'm-4']);
    const dropped = await drain(channel, dead);
    expect(dropped.map(text)).toEqual(['m-0', 'm-1']);
    expect(dropped.map(reasonOf)).toEqual(['maxlen', 'maxlen']);
  });

  test('x-max-length counts messages that are ready, not those with a consumer', async () => {
    const channel = await openChannel(peer);
    const queue = await newQueue(channel, { maxLength: 2 });
    sendAll(channel, queue, ['a', 'b']);
    const held = [await channel.get(queue), await channel.get(queue)];
    expect(held.every(Boolean)).toBe(true);
    sendAll(channel, queue, ['c', 'd', 'e']);
    expect((await drain(channel, queue)).map(text)).toEqual(['d', 'e']);
  });

  test('x-max-length-bytes limits the sum of the bodies', async () => {
    const channel = await openChannel(peer);
    const queue = await newQueue(channel, { arguments: { 'x-max-length-bytes': 100 } });
    const sent = ['a', 'b', 'c', 'd'].map((letter) => letter.repeat(40));
    sendAll(channel, queue, sent);
    expect((await drain(channel, queue)).map(text)).toEqual(sent.slice(2));
  });

  test('overflow reject-publish refuses new messages with a nack', async () => {
    const channel = await openConfirmChannel(peer);
    const { queue, dead } = await withDeadLetters(channel, {
      maxLength: 2,
      overflow: 'reject-publish',
    });
    const outcomes: Record<string, string> = {};
    for (const body of ['a', 'b', 'c', 'd']) {
      await new Promise<void>((resolve) => {
        channel.sendToQueue(queue, Buffer.from(body), {}, (error) => {
          outcomes[body] = error ? 'nack' : 'ack';
          resolve();
        });
      });
    }
    expect(outcomes).toEqual({ a: 'ack', b: 'ack', c: 'nack', d: 'nack' });
    expect((await drain(channel, queue)).map(text)).toEqual(['a', 'b']);
    expect(await drain(channel, dead)).toEqual([]);
  });

  test('overflow reject-publish-dlx also dead-letters what it refuses', async () => {
    const channel = await openConfirmChannel(peer);
    const { queue, dead } = await withDeadLetters(channel, {
      maxLength: 1,
      overflow: 'reject-publish-dlx',
    });
    channel.sendToQueue(queue, Buffer.from('kept'));
    await channel.waitForConfirms();
    channel.sendToQueue(queue, Buffer.from('refused'));
    await expect(channel.waitForConfirms()).rejects.toThrow();
    await untilReady(channel, dead, 1);
    const [letter] = await drain(channel, dead);
    expect([text(letter!), reasonOf(letter!)]).toEqual(['refused', 'maxlen']);
  });

  test('a full queue with priorities drops what would have been next, the urgent ones', async () => {
    const channel = await openChannel(peer);
    const queue = await newQueue(channel, { maxLength: 2, maxPriority: 5 });
    for (const [body, priority] of [
      ['urgent', 5],
      ['low', 1],
      ['middle', 3],
    ] as const) {
      channel.sendToQueue(queue, Buffer.from(body), { priority });
    }
    expect((await drain(channel, queue)).map(text)).toEqual(['middle', 'low']);
  });
});

describe('expiry', () => {
  test('expiration of a message ends its time in the queue', async () => {
    const channel = await openChannel(peer);
    const { queue, dead } = await withDeadLetters(channel, {});
    channel.sendToQueue(queue, Buffer.from('brief'), { expiration: 100 });
    channel.sendToQueue(queue, Buffer.from('lasting'));
    await untilReady(channel, dead, 1);
    const [letter] = await drain(channel, dead);
    expect(text(letter!)).toBe('brief');
    // It would expire again on its way: RabbitMQ keeps what it was in the history.
    expect(letter!.properties.expiration).toBeUndefined();
    expect(letter!.properties.headers?.['x-death']).toMatchObject([
      { reason: 'expired', 'original-expiration': '100', queue, count: 1 },
    ]);
    expect((await drain(channel, queue)).map(text)).toEqual(['lasting']);
  });

  test('the shorter of x-message-ttl and expiration counts', async () => {
    const channel = await openChannel(peer);
    const { queue, dead } = await withDeadLetters(channel, { messageTtl: 100 });
    channel.sendToQueue(queue, Buffer.from('patient'), { expiration: 600_000 });
    await untilReady(channel, dead, 1);
    expect((await drain(channel, dead)).map(text)).toEqual(['patient']);
  });

  test('a time to live of 0 delivers to a waiting consumer or not at all', async () => {
    const channel = await openChannel(peer);
    const { queue, dead } = await withDeadLetters(channel, { messageTtl: 0 });
    sendAll(channel, queue, ['nobody waits']);
    await untilReady(channel, dead, 1);
    const collector = await collect(channel, queue, { noAck: true });
    sendAll(channel, queue, ['somebody waits']);
    await collector.waitFor(1);
    expect(collector.texts()).toEqual(['somebody waits']);
  });

  test('a message that a consumer holds does not expire before it comes back', async () => {
    const channel = await openChannel(peer);
    const { queue, dead } = await withDeadLetters(channel, { messageTtl: 200 });
    sendAll(channel, queue, ['held', 'left alone']);
    const held = await channel.get(queue);
    await untilReady(channel, dead, 1);
    channel.nack(held || fail('nothing to get'));
    await untilReady(channel, dead, 2);
    expect((await drain(channel, dead)).map(text)).toEqual(['left alone', 'held']);
  });

  test('a queue nobody uses goes after x-expires', async () => {
    const connection = await openConnection(peer);
    const channel = await channelOf(connection);
    const { queue } = await channel.assertQueue(uniqueName('brief'), { expires: 200 });
    await eventually('the queue is gone', () => isGoneUnseen(queue));
  });

  test('a queue with a consumer does not go after x-expires', async () => {
    const channel = await openChannel(peer);
    const { queue } = await channel.assertQueue(uniqueName('used'), { expires: 200 });
    const collector = await collect(channel, queue, { noAck: true });
    const other = await channel.assertQueue(uniqueName('unused'), { expires: 400 });
    await eventually('the other is gone', () => isGoneUnseen(other.queue));
    sendAll(channel, queue, ['still here']);
    await collector.waitFor(1);
  });

  test.each(['-1', 'soon', '1.5'])('expiration %j is refused with 406', async (expiration) => {
    const channel = await openChannel(peer);
    const queue = await newQueue(channel);
    const closed = closedWith(channel);
    channel.sendToQueue(queue, Buffer.from('x'), { expiration });
    expect(await closed).toMatchObject({
      code: 406,
      message: expect.stringContaining('PRECONDITION_FAILED - invalid expiration'),
    });
  });
});

function fail(reason: string): never {
  throw new Error(reason);
}

describe('returning messages', () => {
  test('nacked messages go back to where they were, marked as redelivered', async () => {
    const channel = await openChannel(peer);
    const queue = await newQueue(channel);
    sendAll(channel, queue, bodies(5));
    const collector = await collect(channel, queue);
    const messages = [...(await collector.waitFor(5))];
    await channel.cancel(collector.consumerTag);
    for (const index of [3, 0, 1]) channel.nack(messages[index]!);
    await handled(channel);
    await untilReady(channel, queue, 3);
    sendAll(channel, queue, ['new']);
    const again = await drain(channel, queue);
    expect(again.map((one) => [text(one), one.fields.redelivered])).toEqual([
      ['m-0', true],
      ['m-1', true],
      ['m-3', true],
      ['new', false],
    ]);
  });

  test('what a closed channel held goes back in order', async () => {
    const connection = await openConnection(peer);
    const channel = await channelOf(connection);
    const queue = await newQueue(channel);
    sendAll(channel, queue, bodies(10));
    const other = await channelOf(connection);
    await other.prefetch(4);
    await (await collect(other, queue)).waitFor(4);
    await other.close();
    await untilReady(channel, queue, 10);
    const got = await drain(channel, queue);
    expect(got.map(text)).toEqual(bodies(10));
    expect(got.map(({ fields }) => fields.redelivered)).toEqual(bodies(10).map((_, i) => i < 4));
  });

  test('reject without requeue dead-letters one message, nack with allUpTo many', async () => {
    const channel = await openChannel(peer);
    const { queue, dead } = await withDeadLetters(channel, {});
    sendAll(channel, queue, bodies(5));
    const messages = await (await collect(channel, queue)).waitFor(5);
    channel.reject(messages[4]!, false);
    channel.nack(messages[2]!, true, false);
    await untilReady(channel, dead, 4);
    expect((await drain(channel, dead)).map(text).toSorted()).toEqual(['m-0', 'm-1', 'm-2', 'm-4']);
  });

  test('a dead letter that would go around without a rejection is dropped', async () => {
    const channel = await openChannel(peer);
    const name = uniqueName('circle');
    await channel.assertQueue(name, {
      exclusive: true,
      messageTtl: 50,
      deadLetterExchange: '',
      deadLetterRoutingKey: name,
    });
    sendAll(channel, name, ['around']);
    await untilReady(channel, name, 0);
    const { queue, dead } = await withDeadLetters(channel, { messageTtl: 200 });
    sendAll(channel, queue, ['marks the time']);
    await untilReady(channel, dead, 1);
    expect(await drain(channel, name)).toEqual([]);
  });

  test('a quorum queue counts deliveries and dead-letters after x-delivery-limit', async () => {
    const channel = await openChannel(peer);
    const dead = await newQueue(channel);
    const queue = uniqueName('quorum');
    await channel.assertQueue(queue, {
      durable: true,
      deadLetterExchange: '',
      deadLetterRoutingKey: dead,
      arguments: { 'x-queue-type': 'quorum', 'x-delivery-limit': 2 },
    });
    sendAll(channel, queue, ['poison']);
    const counts: unknown[] = [];
    await channel.consume(queue, (message) => {
      if (!message) return;
      counts.push(message.properties.headers?.['x-delivery-count'] ?? 0);
      channel.nack(message);
    });
    await untilReady(channel, dead, 1);
    const [letter] = await drain(channel, dead);
    expect(counts).toEqual([0, 1, 2]);
    expect(reasonOf(letter!)).toBe('delivery_limit');
    await channel.deleteQueue(queue);
  });
});

describe('consumers of one queue', () => {
  test('take turns', async () => {
    const channel = await openChannel(peer);
    const queue = await newQueue(channel);
    const consumers = [];
    for (let index = 0; index < 3; index += 1) {
      consumers.push(await collect(channel, queue, { noAck: true }));
    }
    sendAll(channel, queue, bodies(9));
    for (const consumer of consumers) await consumer.waitFor(3);
    expect(consumers.map(({ messages }) => messages.length)).toEqual([3, 3, 3]);
  });

  test('with a higher x-priority are served first while they have room', async () => {
    const connection = await openConnection(peer);
    const channel = await channelOf(connection);
    const queue = await newQueue(channel);
    const low = await collect(await channelOf(connection), queue, { priority: 1 });
    const busy = await channelOf(connection);
    await busy.prefetch(3);
    const high = await collect(busy, queue, { priority: 10 });
    sendAll(channel, queue, bodies(5));
    await high.waitFor(3);
    await low.waitFor(2);
    expect(high.texts()).toEqual(['m-0', 'm-1', 'm-2']);
    expect(low.texts()).toEqual(['m-3', 'm-4']);
  });

  test('with x-single-active-consumer one gets all, then the next in line', async () => {
    const connection = await openConnection(peer);
    const channel = await channelOf(connection);
    const queue = await newQueue(channel, { arguments: { 'x-single-active-consumer': true } });
    const firstChannel = await channelOf(connection);
    const first = await collect(firstChannel, queue);
    const second = await collect(channel, queue, { noAck: true });
    const third = await collect(channel, queue, { noAck: true });
    sendAll(channel, queue, bodies(6));
    const held = await first.waitFor(6);
    for (const message of held.slice(0, 4)) firstChannel.ack(message);
    expect([second.messages.length, third.messages.length]).toEqual([0, 0]);
    await firstChannel.close();
    sendAll(channel, queue, ['new']);
    await second.waitFor(3);
    expect(second.texts()).toEqual(['m-4', 'm-5', 'new']);
    expect(third.messages).toEqual([]);
    await channel.cancel(second.consumerTag);
    sendAll(channel, queue, ['for the third']);
    await third.waitFor(1);
    expect(second.messages).toHaveLength(3);
  });
});
