/** What happens on channels and connections: errors, confirms, acknowledgements, limits, negotiation. */
import { randomBytes } from 'node:crypto';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Channel, type ConfirmChannel, connect, credentials, type Message } from 'amqplib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AMQP_PEER_IS_POLYMQ, type AmqpPeer, startAmqpPeer } from './amqp-peer.ts';
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

async function newQueue(channel: Channel): Promise<string> {
  return (await channel.assertQueue('', { exclusive: true })).queue;
}

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

describe('connecting', () => {
  test('a wrong password is refused with 403', async () => {
    const failure = openConnection(peer, { password: 'wrong' });
    await expect(failure).rejects.toThrow(/403 \(ACCESS-REFUSED\)/);
    await expect(openConnection(peer, { password: 'wrong' })).rejects.toThrow(
      'ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN',
    );
  });

  test('a vhost that is not there is refused', async () => {
    await expect(openConnection(peer, { vhost: 'nowhere' })).rejects.toThrow(
      // amqplib keeps the reason for itself; see the same with amqp-client.
      'Expected ConnectionOpenOk; got <ConnectionClose channel:0>',
    );
  });

  test('AMQPLAIN works as PLAIN does', async () => {
    const connection = await openConnection(peer, {
      credentials: credentials.amqplain('guest', 'guest'),
    });
    await handled(await channelOf(connection));
  });

  test('EXTERNAL is refused without a certificate', async () => {
    await expect(openConnection(peer, { credentials: credentials.external() })).rejects.toThrow(
      /refused|mechanism/i,
    );
  });

  test('the broker says what it can', async () => {
    const connection = await openConnection(peer);
    expect(connection.connection.serverProperties).toMatchObject({
      capabilities: {
        publisher_confirms: true,
        exchange_exchange_bindings: true,
        'basic.nack': true,
        consumer_cancel_notify: true,
        'connection.blocked': true,
        consumer_priorities: true,
        authentication_failure_close: true,
        per_consumer_qos: true,
        direct_reply_to: true,
      },
    });
  });

  test('the client’s channelMax is agreed on, and the number of a closed channel serves again', async () => {
    const connection = await openConnection(peer, { channelMax: 3 });
    const channels = [];
    for (let index = 0; index < 3; index += 1) channels.push(await channelOf(connection));
    await expect(connection.createChannel()).rejects.toThrow();
    await channels[1]!.close();
    await handled(await channelOf(connection));
  });

  test('with a heartbeat of 1 s an idle connection lives', async () => {
    const connection = await openConnection(peer, { heartbeat: 1 });
    const closed = closedWith(connection);
    await Promise.race([sleep(4000), closed.then((error) => expect.unreachable(error.message))]);
    await handled(await channelOf(connection));
  });

  test('a client that falls silent is cut off after two heartbeats', async () => {
    const proxy = await startProxy(peer);
    const connection = await connect(
      {
        hostname: '127.0.0.1',
        port: proxy.port,
        username: 'guest',
        password: 'guest',
        heartbeat: 1,
      },
      {},
    );
    connection.on('error', () => undefined);
    const queue = uniqueName('silent');
    const channel = await channelOf(connection);
    await channel.assertQueue(queue, { exclusive: true });
    proxy.mute();
    const watcher = await openConnection(peer);
    await eventually('the exclusive queue is gone with its connection', async () => {
      const probe = await channelOf(watcher);
      const outcome = closedWith(probe);
      await probe.checkQueue(queue).catch(() => undefined);
      return (await outcome).code === 404 ? true : undefined;
    });
    proxy.stop();
  });

  test('closing a connection closes its channels and hands back what they held', async () => {
    const connection = await openConnection(peer);
    const channel = await openChannel(peer);
    const queue = uniqueName('held');
    await channel.assertQueue(queue, { durable: false });
    sendAll(channel, queue, bodies(3));
    const held = await channelOf(connection);
    for (let index = 0; index < 3; index += 1) await held.get(queue);
    expect(await channel.checkQueue(queue)).toMatchObject({ messageCount: 0 });
    await connection.close();
    await untilReady(channel, queue, 3);
    await channel.deleteQueue(queue);
  });

  test('something that is not AMQP gets the version of the protocol and the end', async () => {
    const socket = net.connect(peer.port, peer.host);
    const chunks: Buffer[] = [];
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.end('GET / HTTP/1.1\r\n\r\n');
    await new Promise((resolve) => socket.once('close', resolve));
    expect(Buffer.concat(chunks)).toEqual(Buffer.from([65, 77, 81, 80, 0, 0, 9, 1]));
  });

  test('AMQP 1.0 without its plugin gets the version that is spoken here', async () => {
    const socket = net.connect(peer.port, peer.host);
    const chunks: Buffer[] = [];
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.write(Buffer.from([65, 77, 81, 80, 0, 1, 0, 0]));
    await new Promise((resolve) => socket.once('close', resolve));
    expect(Buffer.concat(chunks)).toEqual(Buffer.from([65, 77, 81, 80, 0, 0, 9, 1]));
  });

  test('update-secret is answered', async () => {
    const connection = await openConnection(peer);
    await connection.updateSecret(Buffer.from('new'), 'rotation');
    await handled(await channelOf(connection));
  });
});

interface Proxy {
  port: number;
  /** From now on nothing from the client reaches the broker. */
  mute(): void;
  stop(): void;
}

function startProxy(target: AmqpPeer): Promise<Proxy> {
  let muted = false;
  const sockets: net.Socket[] = [];
  const server = net.createServer((client) => {
    const broker = net.connect(target.port, target.host);
    sockets.push(client, broker);
    for (const socket of [client, broker]) socket.on('error', () => undefined);
    client.on('data', (chunk) => void (muted || broker.write(chunk)));
    broker.on('data', (chunk) => client.write(chunk));
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      resolve({
        port: (server.address() as net.AddressInfo).port,
        mute: () => {
          muted = true;
        },
        stop: () => {
          for (const socket of sockets) socket.destroy();
          server.close();
        },
      });
    });
  });
}

describe('after kill -9 and restart', () => {
  async function sendAndWait(channel: ConfirmChannel, queue: string, count: number): Promise<void> {
    for (const body of bodies(count)) {
      channel.sendToQueue(queue, Buffer.from(body), { persistent: true });
    }
    await channel.waitForConfirms();
  }

  // RabbitMQ is the oracle for what clients see, not for how fast it comes back from a crash.
  test.skipIf(!AMQP_PEER_IS_POLYMQ)(
    'confirmed persistent messages, queues, exchanges and bindings are there',
    async () => {
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
    },
  );

  test.skipIf(!AMQP_PEER_IS_POLYMQ)(
    'what was acknowledged stays away and what was held comes back as redelivered',
    async () => {
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
    },
  );

  test.skipIf(!AMQP_PEER_IS_POLYMQ)(
    'transient messages and transient queues are gone, exclusive ones too',
    async () => {
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
    },
  );
});
