/** The programs that people write with ioredis 6 and 5, each as its author would. */
import { Redis as Redis6 } from 'ioredis';
import { Redis as Redis5 } from 'ioredis-5';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { eventually, uniqueName } from './peer.ts';
import { REDIS_PEER_IS_POLYMQ, type RedisPeer, startRedisPeer } from './redis-peer.ts';

let peer: RedisPeer;

beforeAll(async () => {
  peer = await startRedisPeer();
});
afterAll(() => peer?.stop());

type Ioredis = Redis5;
type Create = (options: object) => Ioredis;

const VERSIONS: [string, Create][] = [
  ['ioredis 6', (options) => new Redis6(options) as unknown as Ioredis],
  [
    'ioredis 6, protocol 2',
    (options) => new Redis6({ ...options, protocol: 2 }) as unknown as Ioredis,
  ],
  [
    'ioredis 6, protocol 3',
    (options) => new Redis6({ ...options, protocol: 3 }) as unknown as Ioredis,
  ],
  ['ioredis 5', (options) => new Redis5(options)],
];

describe.each(VERSIONS)('%s', (_version, create) => {
  async function connect(options: object = {}): Promise<Ioredis> {
    const client = create({ port: peer.port, db: 1, connectionName: 'tester', ...options });
    client.on('error', () => undefined);
    onTestFinished(() => client.disconnect());
    if (client.status !== 'ready') {
      await new Promise<void>((resolve) => client.once('ready', () => resolve()));
    }
    return client;
  }

  test('a publisher and a subscriber', async () => {
    const channel = uniqueName('news');
    const [publisher, subscriber] = [await connect(), await connect()];
    const heard: string[] = [];
    subscriber.on('message', (from, message) => void heard.push(`${from}: ${message}`));
    expect(await subscriber.subscribe(channel, `${channel}-2`)).toBe(2);
    for (let index = 0; index < 100; index += 1) {
      expect(await publisher.publish(channel, `${index}`)).toBe(1);
    }
    await eventually('all is heard', () => heard.length >= 100 || undefined);
    expect(heard).toEqual(Array.from({ length: 100 }, (_, index) => `${channel}: ${index}`));
    expect(await publisher.pubsub('CHANNELS', `${channel}*`)).toHaveLength(2);
    expect(await publisher.pubsub('NUMSUB', channel)).toEqual([channel, 1]);
    expect(await subscriber.unsubscribe(channel)).toBe(1);
    expect(await publisher.publish(channel, 'too late')).toBe(0);
    expect(await subscriber.quit()).toBe('OK');
  });

  test('patterns, and bytes that are no text', async () => {
    const prefix = uniqueName('bytes');
    const [publisher, subscriber] = [await connect(), await connect()];
    const heard: [string, Buffer, Buffer][] = [];
    subscriber.on('pmessageBuffer', (pattern, channel, message) => {
      heard.push([String(pattern), channel, message]);
    });
    expect(await subscriber.psubscribe(`${prefix}.*`)).toBe(1);
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, index) => index));
    expect(await publisher.publish(`${prefix}.ü`, bytes)).toBe(1);
    await eventually('it is heard', () => heard.length > 0 || undefined);
    const [pattern, channel, message] = heard[0]!;
    expect([pattern, channel.toString()]).toEqual([`${prefix}.*`, `${prefix}.ü`]);
    expect(message.equals(bytes)).toBe(true);
  });

  test('sharded channels', async () => {
    const channel = uniqueName('shard');
    const [publisher, subscriber] = [await connect(), await connect()];
    const heard: string[] = [];
    subscriber.on('smessage', (from: string, message: string) => heard.push(`${from} ${message}`));
    expect(await subscriber.ssubscribe(channel)).toBe(1);
    expect(await publisher.spublish(channel, 'yes')).toBe(1);
    expect(await publisher.publish(channel, 'no')).toBe(0);
    await eventually('it is heard', () => heard.length > 0 || undefined);
    expect(heard).toEqual([`${channel} yes`]);
    expect(await subscriber.sunsubscribe(channel)).toBe(0);
  });

  test('pipelines and transactions', async () => {
    const channel = uniqueName('pipeline');
    const [publisher, subscriber] = [
      await connect({ enableAutoPipelining: true }),
      await connect(),
    ];
    const heard: string[] = [];
    subscriber.on('message', (_from, message) => void heard.push(message));
    await subscriber.subscribe(channel);
    const pipeline = publisher.pipeline();
    for (let index = 0; index < 1000; index += 1) pipeline.publish(channel, `${index}`);
    const answers = await pipeline.exec();
    expect(answers).toEqual(Array.from({ length: 1000 }, () => [null, 1]));
    const exec = await publisher.multi().publish(channel, '1000').ping().exec();
    expect(exec).toEqual([
      [null, 1],
      [null, 'PONG'],
    ]);
    await Promise.all(Array.from({ length: 10 }, () => publisher.publish(channel, 'x')));
    await eventually('all is heard', () => heard.length >= 1011 || undefined);
    expect(heard.slice(0, 1001)).toEqual(Array.from({ length: 1001 }, (_, index) => `${index}`));
  });

  test('a large message, and a hundred subscribers', async () => {
    const channel = uniqueName('crowd');
    const publisher = await connect();
    const subscribers = await Promise.all(Array.from({ length: 100 }, () => connect()));
    let heard = 0;
    const large = 'x'.repeat(1_000_000);
    for (const subscriber of subscribers) {
      subscriber.on('message', (_from, message) => {
        if (message === large) heard += 1;
      });
    }
    await Promise.all(subscribers.map((subscriber) => subscriber.subscribe(channel)));
    expect(await publisher.publish(channel, large)).toBe(100);
    await eventually('all have heard', () => heard >= 100 || undefined);
  });

  test('goes on when the broker comes back', async () => {
    const channel = uniqueName('again');
    const options = { retryStrategy: () => 100, maxRetriesPerRequest: null };
    const [publisher, subscriber] = [await connect(options), await connect(options)];
    const heard: string[] = [];
    subscriber.on('message', (_from, message) => void heard.push(message));
    await subscriber.subscribe(channel);
    await subscriber.psubscribe(`${channel}*`);
    await peer.crashAndRestart();
    await eventually('both are back', async () => {
      const count = await publisher.publish(channel, 'x').catch(() => 0);
      return count === 2 ? true : undefined;
    });
    await eventually('it is heard', () => heard.includes('x') || undefined);
  });

  test('what is not served fails with a hint', async () => {
    if (!REDIS_PEER_IS_POLYMQ) return;
    const client = await connect();
    await expect(client.get('key')).rejects.toThrow(/^ERR unknown command 'get', PolyMQ serves/);
    expect(await client.publish('nobody', 'x')).toBe(0);
  });
});
