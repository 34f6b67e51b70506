/** Connecting and staying connected: who is let in, what is agreed on, how bytes may arrive. */
import { randomBytes } from 'node:crypto';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, credentials } from 'amqplib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type AmqpPeer, startAmqpPeer } from './amqp-peer.ts';
import {
  bodies,
  channelOf,
  closedWith,
  collect,
  handled,
  newQueue,
  openChannel,
  openConnection,
  sendAll,
  untilReady,
} from './amqplib-client.ts';
import { eventually, uniqueName } from './peer.ts';

let peer: AmqpPeer;

beforeAll(async () => {
  peer = await startAmqpPeer();
});
afterAll(() => peer?.stop());

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
    await untilReady(channel, queue, 3);
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
    // RabbitMQ leaves the rest of the request unread, which resets the connection.
    socket.on('error', () => undefined);
    socket.end('GET / HTTP/1.1\r\n\r\n');
    await new Promise((resolve) => socket.once('close', resolve));
    expect(Buffer.concat(chunks)).toEqual(Buffer.from([65, 77, 81, 80, 0, 0, 9, 1]));
  });

  test('AMQP 1.0 without its plugin gets the version that is spoken here', async () => {
    const socket = net.connect(peer.port, peer.host);
    const chunks: Buffer[] = [];
    socket.on('data', (chunk) => chunks.push(chunk));
    // RabbitMQ leaves the rest of the request unread, which resets the connection.
    socket.on('error', () => undefined);
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

test('frames may arrive in pieces of any size', async () => {
  const proxy = await startProxy(peer, 7);
  const connection = await connect(`amqp://guest:guest@127.0.0.1:${proxy.port}`);
  const channel = await connection.createConfirmChannel();
  const queue = await newQueue(channel);
  const collector = await collect(channel, queue, { noAck: true });
  const sent = [Buffer.alloc(0), randomBytes(1), randomBytes(10_000), Buffer.alloc(0)];
  for (const body of sent) channel.sendToQueue(queue, body, { headers: { list: bodies(5) } });
  await channel.waitForConfirms();
  const got = await collector.waitFor(sent.length);
  expect(got.every(({ content }, index) => content.equals(sent[index]!))).toBe(true);
  await connection.close();
  proxy.stop();
});

interface Proxy {
  port: number;
  /** From now on nothing from the client reaches the broker. */
  mute(): void;
  stop(): void;
}

/** With `pieceBytes`, what the client sends reaches the broker in packets of that size. */
function startProxy(target: AmqpPeer, pieceBytes?: number): Promise<Proxy> {
  let muted = false;
  const sockets: net.Socket[] = [];
  const server = net.createServer((client) => {
    const broker = net.connect({ port: target.port, host: target.host, noDelay: true });
    sockets.push(client, broker);
    for (const socket of [client, broker]) socket.on('error', () => undefined);
    client.on('data', (chunk) => {
      if (muted) return;
      const step = pieceBytes ?? chunk.length;
      for (let at = 0; at < chunk.length; at += step) broker.write(chunk.subarray(at, at + step));
    });
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
