/** The programs that people write with `redis` 6 and 4, each as its author would. */
import { createClient as createClient6 } from 'redis';
import { createClient as createClient4 } from 'redis-4';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { eventually, uniqueName } from './peer.ts';
import { type RedisPeer, startRedisPeer } from './redis-peer.ts';

/** What both versions have in common, as far as it is used here. */
interface NodeRedis {
  connect(): Promise<unknown>;
  destroy?(): unknown;
  disconnect(): Promise<unknown>;
  quit(): Promise<unknown>;
  duplicate(): NodeRedis;
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'sharded-channel-moved', listener: (...values: unknown[]) => void): unknown;
  ping(): Promise<unknown>;
  publish(channel: string, message: string | Buffer): Promise<number>;
  sPublish(channel: string, message: string | Buffer): Promise<number>;
  subscribe(channels: string | string[], listener: Listener<string>): Promise<void>;
  subscribe(channels: string, listener: Listener<Buffer>, bufferMode: true): Promise<void>;
  unsubscribe(channels?: string | string[], listener?: Listener<string>): Promise<void>;
  pSubscribe(patterns: string | string[], listener: Listener<string>): Promise<void>;
  pUnsubscribe(patterns?: string | string[]): Promise<void>;
  sSubscribe(channels: string, listener: Listener<string>): Promise<void>;
  sUnsubscribe(channels?: string): Promise<void>;
  pubSubChannels(pattern?: string): Promise<string[]>;
  pubSubNumSub(channels: string[]): Promise<Record<string, number>>;
  multi(): NodeRedisMulti;
}

interface NodeRedisMulti {
  publish(channel: string, message: string): NodeRedisMulti;
  ping(): NodeRedisMulti;
  exec(): Promise<unknown[]>;
}

type Listener<T> = (message: T, channel: T) => void;
type Create = (options: object) => NodeRedis;

let peer: RedisPeer;

beforeAll(async () => {
  peer = await startRedisPeer();
});
afterAll(() => peer?.stop());

const VERSIONS: [string, Create, object][] = [
  ['redis 6', createClient6 as unknown as Create, {}],
  ['redis 6, RESP 2', createClient6 as unknown as Create, { RESP: 2 }],
  ['redis 6, RESP 3', createClient6 as unknown as Create, { RESP: 3 }],
  ['redis 4', createClient4 as unknown as Create, {}],
];

describe.each(VERSIONS)('%s', (_version, create, options) => {
  async function connect(more: object = {}): Promise<NodeRedis> {
    const client = create({ url: peer.url, name: 'tester', database: 3, ...options, ...more });
    client.on('error', () => undefined);
    await client.connect();
    onTestFinished(async () => {
      if (client.destroy !== undefined) client.destroy();
      else await client.disconnect().catch(() => undefined);
    });
    return client;
  }

  test('a publisher and a subscriber', async () => {
    const channel = uniqueName('news');
    const [publisher, subscriber] = [await connect(), await connect()];
    const heard: string[] = [];
    const listener = (message: string, from: string): void =>
      void heard.push(`${from}: ${message}`);
    await subscriber.subscribe(channel, listener);
    for (let index = 0; index < 100; index += 1) {
      expect(await publisher.publish(channel, `${index}`)).toBe(1);
    }
    await eventually('all is heard', () => heard.length >= 100 || undefined);
    expect(heard).toEqual(Array.from({ length: 100 }, (_, index) => `${channel}: ${index}`));
    expect(await publisher.pubSubChannels(`${channel}*`)).toEqual([channel]);
    expect({ ...(await publisher.pubSubNumSub([channel])) }).toEqual({ [channel]: 1 });
    await subscriber.unsubscribe(channel);
    expect(await publisher.publish(channel, 'too late')).toBe(0);
    // In RESP2, version 6 gives bytes to a connection that was a subscriber.
    expect(String(await subscriber.ping())).toBe('PONG');
    await subscriber.quit();
  });

  test('patterns, beside channels', async () => {
    const prefix = uniqueName('sensors');
    const [publisher, subscriber] = [await connect(), await connect()];
    const heard: string[] = [];
    const patterns = [`${prefix}.*.t`, `${prefix}.[ab].?`];
    await subscriber.pSubscribe(patterns, (message, channel) => {
      heard.push(`pattern ${channel} ${message}`);
    });
    await subscriber.subscribe(`${prefix}.a.t`, (message) => heard.push(`channel ${message}`));
    expect(await publisher.publish(`${prefix}.a.t`, '20')).toBe(3);
    expect(await publisher.publish(`${prefix}.c.t`, '21')).toBe(1);
    expect(await publisher.publish(`${prefix}.c.h`, '22')).toBe(0);
    await eventually('all is heard', () => heard.length >= 4 || undefined);
    expect(heard.toSorted()).toEqual(
      [
        'channel 20',
        `pattern ${prefix}.a.t 20`,
        `pattern ${prefix}.a.t 20`,
        `pattern ${prefix}.c.t 21`,
      ].toSorted(),
    );
    await subscriber.pUnsubscribe(patterns);
    expect(await publisher.publish(`${prefix}.a.t`, '23')).toBe(1);
  });

  test('sharded channels', async () => {
    const channel = uniqueName('shard');
    const [publisher, subscriber] = [await connect(), await connect()];
    const heard: string[] = [];
    await subscriber.sSubscribe(channel, (message) => heard.push(message));
    expect(await publisher.publish(channel, 'no')).toBe(0);
    expect(await publisher.sPublish(channel, 'yes')).toBe(1);
    await eventually('it is heard', () => heard.length > 0 || undefined);
    expect(heard).toEqual(['yes']);
    await subscriber.sUnsubscribe(channel);
    expect(await publisher.sPublish(channel, 'too late')).toBe(0);
  });

  test('bytes that are no text, and large ones', async () => {
    const channel = uniqueName('bytes');
    const [publisher, subscriber] = [await connect(), await connect()];
    const heard: Buffer[] = [];
    await subscriber.subscribe(channel, (message: Buffer) => void heard.push(message), true);
    const all = Buffer.from(Array.from({ length: 256 }, (_, index) => index));
    const large = Buffer.alloc(10 * 1024 * 1024, all);
    for (const payload of [all, Buffer.alloc(0), large, Buffer.from('\r\n')]) {
      expect(await publisher.publish(channel, payload)).toBe(1);
    }
    await eventually('all is heard', () => heard.length >= 4 || undefined);
    expect(heard.map((payload) => payload.length)).toEqual([256, 0, large.length, 2]);
    expect(heard[0]!.equals(all) && heard[2]!.equals(large)).toBe(true);
  });

  test('a transaction', async () => {
    const channel = uniqueName('multi');
    const [publisher, subscriber] = [await connect(), await connect()];
    const heard: string[] = [];
    await subscriber.subscribe(channel, (message) => void heard.push(message));
    const answers = await publisher
      .multi()
      .publish(channel, '1')
      .ping()
      .publish(channel, '2')
      .exec();
    expect(answers).toEqual([1, 'PONG', 1]);
    await eventually('all is heard', () => heard.length >= 2 || undefined);
    expect(heard).toEqual(['1', '2']);
  });

  test('a hundred subscribers', async () => {
    const channel = uniqueName('crowd');
    const publisher = await connect();
    let heard = 0;
    const hear = (): void => {
      heard += 1;
    };
    const subscribers = await Promise.all(Array.from({ length: 100 }, () => connect()));
    await Promise.all(subscribers.map((one) => one.subscribe(channel, hear)));
    const counts = await Promise.all(
      Array.from({ length: 50 }, (_, index) => publisher.publish(channel, `${index}`)),
    );
    expect(new Set(counts)).toEqual(new Set([100]));
    await eventually('all is heard', () => heard >= 5000 || undefined);
    expect(heard).toBe(5000);
  });

  test('goes on when the broker comes back', async () => {
    const channel = uniqueName('again');
    const [publisher, subscriber] = [await connect(), await connect()];
    const heard: string[] = [];
    await subscriber.subscribe(channel, (message) => void heard.push(message));
    await subscriber.pSubscribe(`${channel}*`, (message) => void heard.push(`p${message}`));
    await peer.crashAndRestart();
    await eventually('both are back', async () => {
      const count = await publisher.publish(channel, 'x').catch(() => 0);
      return count === 2 ? true : undefined;
    });
    await eventually(
      'it is heard',
      () => (heard.includes('x') && heard.includes('px')) || undefined,
    );
  });
});
