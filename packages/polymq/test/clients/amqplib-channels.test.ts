/** What happens on channels: publishing, confirms, acknowledgements, prefetch, consumers. */
import { randomBytes } from 'node:crypto';
import type { Message } from 'amqplib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type AmqpPeer, startAmqpPeer } from './amqp-peer.ts';
import {
  bodies,
  channelOf,
  closedWith,
  collect,
  drain,
  handled,
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

describe('publishing', () => {
  test('to an exchange that is not there closes the channel with 404, not the connection', async () => {
    const connection = await openConnection(peer);
    const channel = await channelOf(connection);
    const other = await channelOf(connection);
    const closed = closedWith(channel);
    const exchange = uniqueName('none');
    channel.publish(exchange, 'k', Buffer.from('lost'));
    expect(await closed).toMatchObject({
      code: 404,
      message: expect.stringContaining(`NOT_FOUND - no exchange '${exchange}' in vhost '/'`),
      classId: 60,
      methodId: 40,
    });
    await handled(other);
    // The number of the closed channel serves a new one.
    await handled(await channelOf(connection));
  });

  test('mandatory and not routed comes back before its confirm', async () => {
    const channel = await openConfirmChannel(peer);
    const order: string[] = [];
    const returned: Message[] = [];
    channel.on('return', (message: Message) => {
      order.push('return');
      returned.push(message);
    });
    const options = { mandatory: true, messageId: 'm1', headers: { a: 1 } };
    channel.publish('amq.direct', 'nobody', Buffer.from('back'), options, () =>
      order.push('confirm'),
    );
    await channel.waitForConfirms();
    expect(order).toEqual(['return', 'confirm']);
    expect(text(returned[0]!)).toBe('back');
    expect(returned[0]).toMatchObject({
      fields: {
        replyCode: 312,
        replyText: 'NO_ROUTE',
        exchange: 'amq.direct',
        routingKey: 'nobody',
      },
      properties: { messageId: 'm1', headers: { a: 1 } },
    });
  });

  test('without mandatory what has no queue is confirmed and gone', async () => {
    const channel = await openConfirmChannel(peer);
    channel.on('return', () => expect.unreachable('nothing should come back'));
    channel.publish('amq.direct', 'nobody', Buffer.from('gone'));
    await channel.waitForConfirms();
  });

  test('confirms cover every message, many at once', async () => {
    const channel = await openConfirmChannel(peer);
    const queue = await newQueue(channel);
    const numbers: { deliveryTag: number; multiple: boolean }[] = [];
    channel.on('ack', (fields) => numbers.push(fields));
    let called = 0;
    for (const body of bodies(2000)) {
      channel.sendToQueue(queue, Buffer.from(body), {}, (error) => {
        if (!error) called += 1;
      });
    }
    await channel.waitForConfirms();
    expect(called).toBe(2000);
    expect(Math.max(...numbers.map(({ deliveryTag }) => deliveryTag))).toBe(2000);
    expect(await channel.checkQueue(queue)).toMatchObject({ messageCount: 2000 });
  });

  test('all properties and header types arrive as they were sent', async () => {
    const channel = await openChannel(peer);
    const queue = await newQueue(channel);
    const headers = {
      text: 'grün',
      number: 42,
      negative: -7,
      big: 2 ** 40,
      float: 1.5,
      yes: true,
      no: false,
      nothing: null,
      bytes: Buffer.from([0, 255, 206]),
      list: ['a', 1, { deep: [true] }],
      table: { inner: 'x', empty: {} },
      when: { '!': 'timestamp', value: 1_700_000_000 },
      tiny: { '!': 'byte', value: -3 },
      small: { '!': 'short', value: 300 },
      single: { '!': 'float', value: 0.5 },
      decimal: { '!': 'decimal', value: { places: 2, digits: 314 } },
    };
    const properties = {
      contentType: 'application/json',
      contentEncoding: 'utf-8',
      deliveryMode: 2,
      priority: 3,
      correlationId: 'c1',
      replyTo: 'somewhere',
      messageId: 'm1',
      timestamp: 1_700_000_001,
      type: 'order',
      userId: 'guest',
      appId: 'test',
    };
    channel.sendToQueue(queue, Buffer.from('{}'), { ...properties, headers, expiration: '60000' });
    const [message] = await drain(channel, queue);
    expect(message!.properties).toMatchObject({ ...properties, expiration: '60000' });
    expect(message!.properties.headers).toEqual({
      ...headers,
      tiny: -3,
      small: 300,
      single: 0.5,
    });
  });

  test('a user-id that is not the connection’s closes the channel with 406', async () => {
    const channel = await openChannel(peer);
    const closed = closedWith(channel);
    channel.publish('amq.direct', '', Buffer.from(''), { userId: 'somebody' });
    const error = await closed;
    expect(error.code).toBe(406);
    expect(error.message).toContain(
      "user_id property set to 'somebody' but authenticated user was 'guest'",
    );
  });

  test('bodies of 0 bytes, of a frame, around it, and of 1 MiB arrive whole', async () => {
    const frameMax = 4096;
    const connection = await openConnection(peer, { frameMax });
    const channel = await channelOf(connection);
    const queue = await newQueue(channel);
    const collector = await collect(channel, queue, { noAck: true });
    const sizes = [0, 1, frameMax - 9, frameMax - 8, frameMax - 7, 2 * (frameMax - 8), 1 << 20, 0];
    const sent = sizes.map((size) => randomBytes(size));
    for (const body of sent) channel.sendToQueue(queue, body);
    const got = await collector.waitFor(sizes.length);
    expect(got.map(({ content }) => content.length)).toEqual(sizes);
    expect(got.every(({ content }, index) => content.equals(sent[index]!))).toBe(true);
  });

  test('a large body crosses from a connection with large frames to one with small ones', async () => {
    const large = await channelOf(await openConnection(peer, { frameMax: 131_072 }));
    const connection = await openConnection(peer, { frameMax: 4096 });
    const small = await channelOf(connection);
    const queue = uniqueName('sizes');
    await small.assertQueue(queue, { autoDelete: true });
    const body = randomBytes(100_000);
    large.sendToQueue(queue, body, { headers: { list: bodies(50) } });
    const [message] = await (await collect(small, queue, { noAck: true })).waitFor(1);
    expect(message!.content.equals(body)).toBe(true);
    expect(message!.properties.headers?.['list']).toEqual(bodies(50));
  });
});

describe('acknowledging', () => {
  test('with allUpTo acknowledges every earlier message', async () => {
    const connection = await openConnection(peer);
    const channel = await channelOf(connection);
    const queue = await newQueue(channel);
    sendAll(channel, queue, bodies(6));
    const other = await channelOf(connection);
    const messages = await (await collect(other, queue)).waitFor(6);
    other.ack(messages[3]!, true);
    await other.close();
    await untilReady(channel, queue, 2);
    expect((await drain(channel, queue)).map(text)).toEqual(['m-4', 'm-5']);
  });

  test('ackAll and nackAll mean all there is', async () => {
    const connection = await openConnection(peer);
    const channel = await channelOf(connection);
    const queue = await newQueue(channel);
    sendAll(channel, queue, bodies(3));
    const collector = await collect(channel, queue);
    await collector.waitFor(3);
    channel.ackAll();
    sendAll(channel, queue, ['again']);
    await collector.waitFor(4);
    await channel.cancel(collector.consumerTag);
    channel.nackAll(true);
    await untilReady(channel, queue, 1);
    expect((await drain(channel, queue)).map(text)).toEqual(['again']);
  });

  test('twice closes the channel with 406', async () => {
    const channel = await openChannel(peer);
    const queue = await newQueue(channel);
    sendAll(channel, queue, ['x']);
    const [message] = await (await collect(channel, queue)).waitFor(1);
    const closed = closedWith(channel);
    channel.ack(message!);
    channel.ack(message!);
    expect(await closed).toMatchObject({
      code: 406,
      message: expect.stringContaining('PRECONDITION_FAILED - unknown delivery tag 1'),
    });
  });

  test('what belongs to another channel closes the channel with 406', async () => {
    const connection = await openConnection(peer);
    const channel = await channelOf(connection);
    const queue = await newQueue(channel);
    sendAll(channel, queue, ['x']);
    const message = await channel.get(queue);
    const other = await channelOf(connection);
    const closed = closedWith(other);
    other.ack(message as Message);
    expect((await closed).code).toBe(406);
  });

  test('recover gives this channel’s messages again, marked as redelivered', async () => {
    const channel = await openChannel(peer);
    const queue = await newQueue(channel);
    sendAll(channel, queue, bodies(3));
    const collector = await collect(channel, queue);
    const first = await collector.waitFor(3);
    channel.ack(first[0]!);
    await channel.recover();
    const all = await collector.waitFor(5);
    expect(all.slice(3).map((one) => [text(one), one.fields.redelivered])).toEqual([
      ['m-1', true],
      ['m-2', true],
    ]);
    // The old tags are gone; the new ones work.
    for (const message of all.slice(3)) channel.ack(message);
    await handled(channel);
  });

  test('is not needed with noAck', async () => {
    const connection = await openConnection(peer);
    const channel = await channelOf(connection);
    const queue = await newQueue(channel);
    sendAll(channel, queue, bodies(3));
    const other = await channelOf(connection);
    await (await collect(other, queue, { noAck: true })).waitFor(3);
    await other.close();
    expect(await channel.checkQueue(queue)).toMatchObject({ messageCount: 0 });
  });

  test('what a cancelled consumer holds stays held until the channel closes', async () => {
    const connection = await openConnection(peer);
    const channel = await channelOf(connection);
    const queue = await newQueue(channel);
    sendAll(channel, queue, bodies(2));
    const other = await channelOf(connection);
    const collector = await collect(other, queue);
    const [first] = await collector.waitFor(2);
    await other.cancel(collector.consumerTag);
    expect(await channel.checkQueue(queue)).toMatchObject({ messageCount: 0, consumerCount: 0 });
    other.ack(first!);
    await handled(other);
    await other.close();
    await untilReady(channel, queue, 1);
    expect((await drain(channel, queue)).map(text)).toEqual(['m-1']);
  });
});

describe('prefetch', () => {
  test('of a consumer limits each consumer for itself', async () => {
    const channel = await openChannel(peer);
    const queues = [await newQueue(channel), await newQueue(channel)];
    for (const queue of queues) sendAll(channel, queue, bodies(10));
    await channel.prefetch(3);
    const one = await collect(channel, queues[0]!);
    await channel.prefetch(2);
    const two = await collect(channel, queues[1]!);
    await one.waitFor(3);
    await two.waitFor(2);
    await handled(channel);
    expect([one.messages.length, two.messages.length]).toEqual([3, 2]);
    channel.ack(one.messages[0]!);
    await one.waitFor(4);
    await handled(channel);
    expect([one.messages.length, two.messages.length]).toEqual([4, 2]);
  });

  test('of a channel limits its consumers together', async () => {
    const channel = await openChannel(peer);
    const queues = [await newQueue(channel), await newQueue(channel)];
    for (const queue of queues) sendAll(channel, queue, bodies(10));
    await channel.prefetch(4, true);
    const one = await collect(channel, queues[0]!);
    await one.waitFor(4);
    const two = await collect(channel, queues[1]!);
    await handled(channel);
    expect([one.messages.length, two.messages.length]).toEqual([4, 0]);
    channel.ack(one.messages[0]!);
    await eventually('the next came', () =>
      one.messages.length + two.messages.length === 5 ? true : undefined,
    );
  });

  test('does not limit noAck consumers nor get', async () => {
    const channel = await openChannel(peer);
    const queue = await newQueue(channel);
    sendAll(channel, queue, bodies(10));
    await channel.prefetch(1);
    expect([await channel.get(queue), await channel.get(queue)].every(Boolean)).toBe(true);
    const collector = await collect(channel, queue, { noAck: true });
    await collector.waitFor(8);
  });
});

describe('consumers', () => {
  test('get a cancel from the broker when their queue is deleted', async () => {
    const connection = await openConnection(peer);
    const channel = await channelOf(connection);
    const queue = await newQueue(channel);
    const collector = await collect(channel, queue);
    await (await channelOf(connection)).deleteQueue(queue);
    await eventually('the cancel came', () => collector.cancelled || undefined);
    expect(collector.cancelled).toBe(1);
    await handled(channel);
  });

  test('have a tag of the broker, or their own, which must be unique on the channel', async () => {
    const connection = await openConnection(peer);
    const channel = await channelOf(connection);
    const queue = await newQueue(channel);
    expect((await collect(channel, queue)).consumerTag).toMatch(/^amq\.ctag-.+/);
    expect((await collect(channel, queue, { consumerTag: 'mine' })).consumerTag).toBe('mine');
    const other = await channelOf(connection);
    expect((await collect(other, queue, { consumerTag: 'mine' })).consumerTag).toBe('mine');
    const closed = closedWith(connection);
    await expect(collect(channel, queue, { consumerTag: 'mine' })).rejects.toThrow();
    expect(await closed).toMatchObject({ code: 530, message: expect.stringContaining('mine') });
  });

  test('cancelling one that is not there is fine', async () => {
    const channel = await openChannel(peer);
    await channel.cancel('nobody');
    await handled(channel);
  });

  test('that stop before they have all get no more after cancel is answered', async () => {
    const channel = await openChannel(peer);
    const queue = await newQueue(channel);
    const collector = await collect(channel, queue, { noAck: true });
    await channel.cancel(collector.consumerTag);
    sendAll(channel, queue, bodies(3));
    await handled(channel);
    expect(collector.messages).toEqual([]);
    expect(await channel.checkQueue(queue)).toMatchObject({ messageCount: 3, consumerCount: 0 });
  });
});
