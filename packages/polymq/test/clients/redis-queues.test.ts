/** Channels that lead to queues and streams: what is published there is kept, and Redis and AMQP clients meet. */
import { createConnection } from 'node:net';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { Push, RedisWire } from '../support/redis-wire.ts';
import { openChannel, openConfirmChannel } from './amqplib-client.ts';
import { eventually, uniqueName } from './peer.ts';
import { REDIS_PEER_IS_POLYMQ, type RedisPeer, startRedisPeer } from './redis-peer.ts';

describe.runIf(REDIS_PEER_IS_POLYMQ)('channels that lead to queues', () => {
  let peer: RedisPeer;

  beforeAll(async () => {
    peer = await startRedisPeer();
  });
  afterAll(() => peer?.stop());

  async function connect(): Promise<RedisWire> {
    const wire = await RedisWire.connect(peer.port);
    onTestFinished(() => wire.close());
    return wire;
  }

  function amqp(): {
    host: string;
    port: number;
    url: string;
    crashAndRestart: () => Promise<void>;
    stop: () => Promise<void>;
  } {
    const { port, hostname: host } = new URL(peer.amqpUrl);
    return { ...peer, url: peer.amqpUrl, host, port: Number(port) };
  }

  test('a queue bound by a glob gets what is published, with the channel as routing key', async () => {
    const name = uniqueName('news');
    const channel = await openChannel(amqp());
    await channel.assertQueue(name, { durable: true });
    await channel.bindQueue(name, 'redis', `${name}.*`);
    const wire = await connect();
    expect(await wire.call('PUBLISH', `${name}.a`, 'hello')).toBe(1);
    expect(await wire.call('PUBLISH', `${name}x`, 'no')).toBe(0);
    await wire.call('HELLO', 3);
    await wire.call('SUBSCRIBE', `${name}.a`);
    // The reply waits for the disk; who listens does not.
    expect(await wire.call('PUBLISH', `${name}.a`, 'both')).toEqual(
      new Push(['message', `${name}.a`, 'both']),
    );
    expect(await wire.read()).toBe(2);
    const first = await channel.get(name, { noAck: true });
    const second = await channel.get(name, { noAck: true });
    if (!first || !second) throw new Error('the queue has not got both');
    expect([first.content.toString(), second.content.toString()]).toEqual(['hello', 'both']);
    expect(first.fields).toMatchObject({ exchange: 'redis', routingKey: `${name}.a` });
    expect(await channel.get(name)).toBe(false);
  });

  test('a queue bound to the shard exchange gets what SPUBLISH sends', async () => {
    const name = uniqueName('shard');
    const channel = await openChannel(amqp());
    await channel.assertQueue(name);
    await channel.bindQueue(name, 'redis.sharded', name);
    const wire = await connect();
    expect(await wire.call('SPUBLISH', name, 'x')).toBe(1);
    expect(await wire.call('PUBLISH', name, 'y')).toBe(0);
    const got = await channel.get(name, { noAck: true });
    expect(got === false ? '' : got.content.toString()).toBe('x');
  });

  test('what AMQP publishes to the exchange reaches subscribers', async () => {
    const name = uniqueName('from-amqp');
    const [wire, patterned] = [await connect(), await connect()];
    await wire.call('SUBSCRIBE', `${name}.ü`);
    await patterned.call('HELLO', 3);
    await patterned.call('PSUBSCRIBE', `${name}.*`);
    const channel = await openConfirmChannel(amqp());
    channel.publish('redis', `${name}.ü`, Buffer.from('small'), { headers: { a: 1 } });
    channel.publish('redis', `${name}.ü`, Buffer.alloc(0));
    channel.publish('redis', `${name}.ü`, Buffer.alloc(500_000, 'large '));
    await channel.waitForConfirms();
    expect(await wire.readMany(2)).toEqual([
      ['message', `${name}.ü`, 'small'],
      ['message', `${name}.ü`, ''],
    ]);
    const [, , large] = (await wire.read()) as string[];
    expect(large).toBe('large '.repeat(90_000).slice(0, 500_000));
    const pushed = await patterned.read();
    expect(pushed).toEqual({ values: ['pmessage', `${name}.*`, `${name}.ü`, 'small'] });
  });

  test('what was answered is there after kill -9', async () => {
    const name = uniqueName('kept');
    const setup = await openChannel(amqp());
    await setup.assertQueue(name, { durable: true });
    await setup.bindQueue(name, 'redis', name);
    const wire = await connect();
    const count = 5000;
    for (let index = 0; index < count; index += 1) wire.send('PUBLISH', name, index);
    expect(await wire.readMany(count)).toEqual(Array.from({ length: count }, () => 1));
    await peer.crashAndRestart();
    const channel = await openChannel(amqp());
    const bodies: string[] = [];
    await channel.consume(name, (message) => message && bodies.push(message.content.toString()), {
      noAck: true,
    });
    await eventually('all are there', () => bodies.length >= count || undefined);
    expect(bodies).toEqual(Array.from({ length: count }, (_, index) => `${index}`));
    // The exchange and the binding are there again too.
    expect(await (await connect()).call('PUBLISH', name, 'again')).toBe(1);
  });

  test('replies keep their order around those that wait for the disk', async () => {
    const name = uniqueName('order');
    const channel = await openChannel(amqp());
    await channel.assertQueue(name);
    await channel.bindQueue(name, 'redis', name);
    const wire = await connect();
    const expected: unknown[] = [];
    for (let index = 0; index < 2000; index += 1) {
      const kind = index % 5;
      if (kind === 0) wire.send('PING', index);
      else if (kind === 1) wire.send('PUBLISH', 'nobody', index);
      else wire.send('PUBLISH', name, index);
      expected.push(kind === 0 ? `${index}` : kind === 1 ? 0 : 1);
    }
    wire.send('MULTI');
    wire.send('PUBLISH', name, 'in a transaction');
    wire.send('PING', 'x');
    wire.send('EXEC');
    wire.send('PING');
    expected.push('OK', 'QUEUED', 'QUEUED', [1, 'x'], 'PONG');
    expect(await wire.readMany(expected.length)).toEqual(expected);
    expect((await channel.checkQueue(name)).messageCount).toBe(1201);
  });

  test('a full queue that refuses says so', async () => {
    const name = uniqueName('full');
    const channel = await openChannel(amqp());
    await channel.assertQueue(name, {
      maxLength: 1,
      arguments: { 'x-overflow': 'reject-publish' },
    });
    await channel.bindQueue(name, 'redis', name);
    const wire = await connect();
    expect(await wire.call('PUBLISH', name, 'fits')).toBe(1);
    expect(((await wire.call('PUBLISH', name, 'too much')) as Error).message).toMatch(
      /^OOM a queue/,
    );
    await wire.call('MULTI');
    await wire.call('PUBLISH', name, 'too much');
    await wire.call('PUBLISH', 'nobody', 'x');
    const [refused, fine] = (await wire.call('EXEC')) as unknown[];
    expect([refused instanceof Error, fine]).toEqual([true, 0]);
  });

  test('a client that ends in the middle of a command leaves nothing', async () => {
    const name = uniqueName('half');
    const channel = await openChannel(amqp());
    await channel.assertQueue(name);
    await channel.bindQueue(name, 'redis', name);
    const socket = createConnection({ port: peer.port });
    socket.write(`*3\r\n$7\r\nPUBLISH\r\n$${name.length}\r\n${name}\r\n$10\r\nhal`);
    await new Promise<void>((resolve) => socket.end(() => resolve()));
    const wire = await connect();
    expect(await wire.call('PUBLISH', name, 'whole')).toBe(1);
    expect((await channel.checkQueue(name)).messageCount).toBe(1);
  });
});
