/** Queues with arguments, lifetimes and limits, as programs with amqplib declare them. */
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

/** A queue that goes with its connection. */
async function newQueue(channel: Channel, options: Options.AssertQueue = {}): Promise<string> {
  return (await channel.assertQueue('', { exclusive: true, ...options })).queue;
}

async function isGone(queue: string): Promise<true | undefined> {
  const connection = await openConnection(peer);
  const channel = await channelOf(connection);
  const gone = await channel.checkQueue(queue).then(
    () => undefined,
    () => true as const,
  );
  await connection.close();
  return gone;
}

/** Asking for a queue counts as using it, so this asks rarely. */
async function isGoneUnseen(queue: string): Promise<true | undefined> {
  await sleep(1000);
  return isGone(queue);
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

describe('lifetimes', () => {
  test('the broker names queues amq.gen-… and no two alike', async () => {
    const channel = await openChannel(peer);
    const names = [await newQueue(channel), await newQueue(channel)];
    for (const name of names) expect(name).toMatch(/^amq\.gen-.{10,}/);
    expect(names[0]).not.toBe(names[1]);
    // Without a name, the last one declared on the channel is meant.
    await channel.bindQueue('', 'amq.fanout', '');
    channel.publish('amq.fanout', '', Buffer.from('for the last'));
    expect((await drain(channel, names[1]!)).map(text)).toEqual(['for the last']);
  });

  test('an exclusive queue is locked for others with 405 and goes with its connection', async () => {
    const owner = await openConnection(peer);
    const channel = await channelOf(owner);
    const { queue } = await channel.assertQueue(uniqueName('mine'), { exclusive: true });
    const attempts: ((other: Channel) => Promise<unknown>)[] = [
      (other) => other.checkQueue(queue),
      (other) => other.assertQueue(queue, { exclusive: true }),
      (other) => other.consume(queue, () => undefined),
      (other) => other.get(queue),
      (other) => other.purgeQueue(queue),
      (other) => other.deleteQueue(queue),
      (other) => other.bindQueue(queue, 'amq.direct', 'k'),
    ];
    const stranger = await openConnection(peer);
    for (const attempt of attempts) {
      const other = await channelOf(stranger);
      const closed = closedWith(other);
      await expect(attempt(other)).rejects.toThrow();
      expect(await closed).toMatchObject({
        code: 405,
        message: expect.stringContaining('RESOURCE_LOCKED - cannot obtain exclusive access'),
      });
    }
    await (await channelOf(owner)).checkQueue(queue);
    await owner.close();
    await eventually('the queue is gone', () => isGone(queue));
  });

  test('an auto-delete queue goes with its last consumer, not before its first', async () => {
    const channel = await openChannel(peer);
    const queue = uniqueName('auto');
    await channel.assertQueue(queue, { autoDelete: true, durable: false });
    await channel.checkQueue(queue);
    const one = await collect(channel, queue);
    const two = await collect(channel, queue);
    await channel.cancel(one.consumerTag);
    expect(await channel.checkQueue(queue)).toMatchObject({ consumerCount: 1 });
    await channel.cancel(two.consumerTag);
    await eventually('the queue is gone', () => isGone(queue));
  });

  test('purge counts and removes what is ready, not what somebody holds', async () => {
    const channel = await openChannel(peer);
    const queue = await newQueue(channel);
    sendAll(channel, queue, bodies(5));
    const held = await channel.get(queue);
    expect(await channel.purgeQueue(queue)).toEqual({ messageCount: 4 });
    expect(await channel.checkQueue(queue)).toMatchObject({ messageCount: 0 });
    channel.nack(held || fail('nothing to get'));
    await untilReady(channel, queue, 1);
    expect((await drain(channel, queue)).map(text)).toEqual(['m-0']);
  });

  test('deleting a queue tells how many messages it had, and a missing one is no error', async () => {
    const channel = await openChannel(peer);
    const queue = await newQueue(channel);
    sendAll(channel, queue, bodies(3));
    expect(await channel.deleteQueue(queue)).toEqual({ messageCount: 3 });
    expect(await channel.deleteQueue(queue)).toEqual({ messageCount: 0 });
  });

  test('get tells how many messages remain, and an empty queue answers false', async () => {
    const channel = await openChannel(peer);
    const queue = await newQueue(channel);
    sendAll(channel, queue, bodies(2));
    expect(await channel.get(queue)).toMatchObject({ fields: { messageCount: 1 } });
    expect(await channel.get(queue)).toMatchObject({ fields: { messageCount: 0 } });
    expect(await channel.get(queue)).toBe(false);
  });
});

describe('declaring queues', () => {
  const refusals: [string, number, string, (channel: Channel) => Promise<unknown>][] = [
    [
      'a queue that is not there',
      404,
      'NOT_FOUND - no queue',
      (channel) => channel.checkQueue(uniqueName('none')),
    ],
    [
      'consuming from a queue that is not there',
      404,
      'NOT_FOUND - no queue',
      (channel) => channel.consume(uniqueName('none'), () => undefined),
    ],
    [
      'getting from a queue that is not there',
      404,
      'NOT_FOUND - no queue',
      (channel) => channel.get(uniqueName('none')),
    ],
    [
      'a name of its own that begins with amq.',
      403,
      'ACCESS_REFUSED - ',
      (channel) => channel.assertQueue('amq.mine'),
    ],
    [
      'deleting with ifEmpty while there is a message',
      406,
      'PRECONDITION_FAILED - ',
      async (channel) => {
        const queue = await newQueue(channel);
        sendAll(channel, queue, ['x']);
        await channel.deleteQueue(queue, { ifEmpty: true });
      },
    ],
    [
      'deleting with ifUnused while there is a consumer',
      406,
      'PRECONDITION_FAILED - ',
      async (channel) => {
        const queue = await newQueue(channel);
        await collect(channel, queue);
        await channel.deleteQueue(queue, { ifUnused: true });
      },
    ],
    [
      'a second consumer beside an exclusive one',
      403,
      'ACCESS_REFUSED - ',
      async (channel) => {
        const queue = await newQueue(channel);
        await collect(channel, queue, { exclusive: true });
        await collect(channel, queue);
      },
    ],
    [
      'an exclusive consumer beside another',
      403,
      'ACCESS_REFUSED - ',
      async (channel) => {
        const queue = await newQueue(channel);
        await collect(channel, queue);
        await collect(channel, queue, { exclusive: true });
      },
    ],
  ];
  test.each(refusals)('%s is refused with %i', async (_, code, reason, program) => {
    const connection = await openConnection(peer);
    const channel = await channelOf(connection);
    const closed = closedWith(channel);
    await expect(program(channel)).rejects.toThrow();
    const error = await closed;
    expect(error.code).toBe(code);
    expect(error.message).toContain(reason);
    await (await channelOf(connection)).checkExchange('amq.direct');
  });

  const differences: [string, Options.AssertQueue, Options.AssertQueue, string][] = [
    ['durable', { durable: true }, { durable: false }, "inequivalent arg 'durable' for queue"],
    [
      'auto-delete',
      { durable: true },
      { durable: true, autoDelete: true },
      "inequivalent arg 'auto_delete' for queue",
    ],
    ['a limit', { maxLength: 5 }, { maxLength: 6 }, "inequivalent arg 'x-max-length' for queue"],
    [
      'an argument left out',
      { messageTtl: 5000 },
      {},
      "inequivalent arg 'x-message-ttl' for queue",
    ],
    [
      'an argument more',
      {},
      { deadLetterExchange: 'x' },
      "inequivalent arg 'x-dead-letter-exchange' for queue",
    ],
  ];
  test.each(differences)(
    'declaring again with another value is refused with 406: %s',
    async (_, first, second, reason) => {
      const connection = await openConnection(peer);
      const channel = await channelOf(connection);
      const queue = uniqueName('twice');
      await channel.assertQueue(queue, first);
      await channel.assertQueue(queue, first);
      const closed = closedWith(channel);
      await expect(channel.assertQueue(queue, second)).rejects.toThrow();
      const error = await closed;
      expect(error.code).toBe(406);
      expect(error.message).toContain(`PRECONDITION_FAILED - ${reason} '${queue}' in vhost '/'`);
      await (await channelOf(connection)).deleteQueue(queue);
    },
  );

  const badArguments: [Record<string, unknown>][] = [
    [{ 'x-message-ttl': -1 }],
    [{ 'x-message-ttl': 'long' }],
    [{ 'x-expires': 0 }],
    [{ 'x-max-length': -5 }],
    [{ 'x-max-priority': 256 }],
    [{ 'x-overflow': 'explode' }],
    [{ 'x-dead-letter-routing-key': 'k' }],
    [{ 'x-queue-type': 'heap' }],
    [{ 'x-single-active-consumer': 'yes' }],
  ];
  test.each(badArguments)('%j is refused with 406', async (args) => {
    const channel = await openChannel(peer);
    const closed = closedWith(channel);
    await expect(
      channel.assertQueue(uniqueName('bad'), { durable: true, arguments: args }),
    ).rejects.toThrow();
    expect((await closed).code).toBe(406);
  });

  test('arguments that matter to other set-ups are accepted', async () => {
    const channel = await openChannel(peer);
    const queue = uniqueName('lazy');
    const args = { 'x-queue-mode': 'lazy', 'x-queue-version': 2, 'x-queue-type': 'classic' };
    await channel.assertQueue(queue, { durable: true, arguments: args });
    await channel.assertQueue(queue, { durable: true, arguments: args });
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
