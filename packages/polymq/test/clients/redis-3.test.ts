/** The programs that people write with `redis` 3: callbacks and events. */
// @ts-expect-error: it came without types.
import redis3 from 'redis-3';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { eventually, uniqueName } from './peer.ts';
import { type RedisPeer, startRedisPeer } from './redis-peer.ts';

type Callback<T> = (error: Error | null, value: T) => void;
type Text = string | Buffer;

/** As far as it is used here. */
interface Redis3 {
  on(event: 'ready' | 'end', listener: () => void): this;
  on(event: 'error', listener: (error: Error) => void): this;
  on(event: 'subscribe' | 'unsubscribe', listener: (channel: string, count: number) => void): this;
  on(event: 'message', listener: (channel: string, message: string) => void): this;
  on(event: 'message_buffer', listener: (channel: Buffer, message: Buffer) => void): this;
  on(
    event: 'pmessage',
    listener: (pattern: string, channel: string, message: string) => void,
  ): this;
  subscribe(channel: string, callback?: Callback<string>): boolean;
  unsubscribe(channel?: string): boolean;
  psubscribe(pattern: string, callback?: Callback<string>): boolean;
  publish(channel: string, message: Text, callback?: Callback<number>): boolean;
  get(key: string, callback: Callback<string>): boolean;
  multi(): {
    publish(channel: string, message: string): unknown;
    exec(callback: Callback<number[]>): void;
  };
  quit(callback?: Callback<string>): boolean;
  end(flush: boolean): void;
  server_info: Record<string, string>;
}

let peer: RedisPeer;

beforeAll(async () => {
  peer = await startRedisPeer();
});
afterAll(() => peer?.stop());

function connect(options: object = {}): Promise<Redis3> {
  const client = redis3.createClient({ port: peer.port, db: 2, ...options }) as Redis3;
  client.on('error', () => undefined);
  onTestFinished(() => client.end(false));
  return new Promise((resolve) => client.on('ready', () => resolve(client)));
}

const publish = (client: Redis3, channel: string, message: Text): Promise<number> =>
  new Promise((resolve, reject) =>
    client.publish(channel, message, (error, count) => (error ? reject(error) : resolve(count))),
  );

test('a publisher and a subscriber', async () => {
  const channel = uniqueName('news');
  const [publisher, subscriber] = [await connect(), await connect()];
  expect(publisher.server_info['redis_version']).toMatch(/^7\./);
  const events: string[] = [];
  subscriber.on('subscribe', (name, count) => void events.push(`subscribe ${name} ${count}`));
  subscriber.on('unsubscribe', (name, count) => void events.push(`unsubscribe ${name} ${count}`));
  subscriber.on('message', (name, message) => {
    events.push(`${name} ${message}`);
    if (message === 'last') subscriber.unsubscribe();
  });
  await new Promise<void>((resolve) => subscriber.subscribe(channel, () => resolve()));
  expect(await publish(publisher, channel, 'first')).toBe(1);
  expect(await publish(publisher, channel, 'last')).toBe(1);
  await eventually('it has unsubscribed', () => events.length >= 4 || undefined);
  expect(events).toEqual([
    `subscribe ${channel} 1`,
    `${channel} first`,
    `${channel} last`,
    `unsubscribe ${channel} 0`,
  ]);
  const answer = await new Promise((resolve) => subscriber.quit((_, value) => resolve(value)));
  expect(answer).toBe('OK');
});

test('patterns', async () => {
  const prefix = uniqueName('p');
  const [publisher, subscriber] = [await connect(), await connect()];
  const heard: string[] = [];
  subscriber.on('pmessage', (pattern, channel, message) => {
    heard.push(`${pattern} ${channel} ${message}`);
  });
  await new Promise<void>((resolve) => subscriber.psubscribe(`${prefix}.*`, () => resolve()));
  expect(await publish(publisher, `${prefix}.a`, 'x')).toBe(1);
  await eventually('it is heard', () => heard.length > 0 || undefined);
  expect(heard).toEqual([`${prefix}.* ${prefix}.a x`]);
});

test('bytes that are no text', async () => {
  const channel = uniqueName('bytes');
  const publisher = await connect();
  const subscriber = await connect();
  const heard: Buffer[] = [];
  subscriber.on('message_buffer', (_channel, message) => void heard.push(message));
  await new Promise<void>((resolve) => subscriber.subscribe(channel, () => resolve()));
  const bytes = Buffer.from([0, 255, 13, 10, 128]);
  expect(await publish(publisher, channel, bytes)).toBe(1);
  await eventually('it is heard', () => heard.length > 0 || undefined);
  expect(heard[0]!.equals(bytes)).toBe(true);
});

test('a transaction', async () => {
  const client = await connect();
  const multi = client.multi();
  multi.publish('nobody', '1');
  multi.publish('nobody', '2');
  expect(await new Promise((resolve) => multi.exec((_, answers) => resolve(answers)))).toEqual([
    0, 0,
  ]);
});

test('goes on when the broker comes back', async () => {
  const channel = uniqueName('again');
  const [publisher, subscriber] = [await connect(), await connect()];
  const heard: string[] = [];
  subscriber.on('message', (_channel, message) => void heard.push(message));
  await new Promise<void>((resolve) => subscriber.subscribe(channel, () => resolve()));
  await peer.crashAndRestart();
  await eventually('both are back', async () => {
    const count = await publish(publisher, channel, 'x').catch(() => 0);
    return count === 1 ? true : undefined;
  });
  await eventually('it is heard', () => heard.length > 0 || undefined);
});
