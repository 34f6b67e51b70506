/** Declaring queues and deleting them: names, lifetimes, arguments, and what is refused. */
import type { Channel, Options } from 'amqplib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type AmqpPeer, startAmqpPeer } from './amqp-peer.ts';
import {
  bodies,
  channelOf,
  closedWith,
  collect,
  drain,
  isGone,
  newQueue,
  openChannel,
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

function fail(reason: string): never {
  throw new Error(reason);
}

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
    await eventually('the queue is gone', () => isGone(peer, queue));
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
    await eventually('the queue is gone', () => isGone(peer, queue));
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
