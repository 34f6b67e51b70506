/** What a Redis port must survive: bytes that are no RESP, sizes that are lies, clients that do not read. */
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { type Polymq, startPolymq } from '../support/polymq.ts';
import { encodeCommand, RedisWire, type RespValue } from '../support/redis-wire.ts';
import { eventually } from './peer.ts';

const MIB = 1024 * 1024;
const MESSAGE_BYTES_MAX = 2 * MIB;
const OUTPUT_BYTES_MAX = 4 * MIB;
const SOFT_BYTES_MAX = MIB;
/** What clients that do not read may cost, their number times the limit, and what a process grows by anyway. */
const GROWTH_MIB_MAX = 160;

let broker: Polymq;

beforeAll(async () => {
  broker = await startPolymq({
    data: 'memory:',
    listen: ['redis://127.0.0.1:0', 'http://127.0.0.1:0'],
    args: [
      ...['--redis-message-bytes-max', `${MESSAGE_BYTES_MAX}`],
      ...['--redis-output-bytes-max', `${OUTPUT_BYTES_MAX}`],
      ...['--redis-output-soft-bytes-max', `${SOFT_BYTES_MAX}`],
      ...['--redis-output-soft-ms', '1000'],
      ...['--redis-subscriptions-max', '100'],
    ],
  });
});
afterAll(async () => {
  const exit = await broker?.stop();
  expect(exit?.code).toBe(0);
});

async function connect(): Promise<RedisWire> {
  const wire = await RedisWire.connect(broker.port('redis'));
  onTestFinished(() => wire.close());
  return wire;
}

async function stillServes(): Promise<void> {
  const wire = await connect();
  expect(await wire.call('PING', 'alive')).toBe('alive');
}

async function metric(name: string): Promise<number> {
  const page = await (await fetch(`http://127.0.0.1:${broker.port('http')}/metrics`)).text();
  const line = page.split('\n').find((one) => one.startsWith(name) && !one.startsWith(`# `));
  return Number(line?.split(' ').at(-1) ?? Number.NaN);
}

const residentMib = async (): Promise<number> =>
  (await metric('process_resident_memory_bytes')) / MIB;

describe('what is no RESP is answered once, and the connection closed', () => {
  test.for<[string, string | Buffer, string]>([
    ['a count that is no number', '*x\r\n', 'ERR Protocol error: invalid multibulk length'],
    [
      'more arguments than there may be',
      '*2000000000\r\n',
      'ERR Protocol error: invalid multibulk length',
    ],
    ['an argument without a length', '*1\r\nPING\r\n', "ERR Protocol error: expected '$', got 'P'"],
    ['a negative length', '*2\r\n$4\r\nPING\r\n$-5\r\n', 'ERR Protocol error: invalid bulk length'],
    [
      'an argument larger than any',
      '*2\r\n$4\r\nECHO\r\n$2097153\r\n',
      'ERR Protocol error: invalid bulk length',
    ],
    [
      'an argument of an exabyte',
      '*2\r\n$4\r\nECHO\r\n$999999999999999\r\n',
      'ERR Protocol error: invalid bulk length',
    ],
    [
      'a header that does not end',
      `*${'1'.repeat(1000)}`,
      'ERR Protocol error: too big mbulk count string',
    ],
    [
      'an inline command that does not end',
      Buffer.alloc(70_000, 'x'),
      'ERR Protocol error: too big inline request',
    ],
    ['quotes that do not match', 'ECHO "a\r\n', 'ERR Protocol error: unbalanced quotes in request'],
    [
      'many arguments of a command with few',
      encodeCommand(Array.from({ length: 1025 }, () => 'PING')),
      'ERR Protocol error: invalid multibulk length',
    ],
  ])('%s', async ([, bytes, expected]) => {
    const wire = await connect();
    const errors = await metric('polymq_protocol_errors_total{protocol="redis"}');
    wire.socket.write(bytes);
    expect(((await wire.read()) as Error).message).toBe(expected);
    await wire.closed;
    expect(await metric('polymq_protocol_errors_total{protocol="redis"}')).toBe(errors + 1);
    await stillServes();
  });

  test('commands before it are answered', async () => {
    const wire = await connect();
    wire.socket.write('PING\r\n*1\r\n$4\r\nPING\r\n*1\r\n!');
    expect(await wire.readMany(2)).toEqual(['PONG', 'PONG']);
    expect(await wire.read()).toBeInstanceOf(Error);
    await wire.closed;
  });

  test('browsers that are made to talk to the port', async () => {
    const wire = await connect();
    wire.socket.write('POST / HTTP/1.1\r\nHost: localhost\r\n\r\nPUBLISH a b\r\n');
    await wire.closed;
    expect(wire.rest).toHaveLength(0);
  });
});

describe('limits', () => {
  test('channels and patterns are text of at most 255 bytes', async () => {
    const wire = await connect();
    const long = 'x'.repeat(256);
    for (const command of [
      ['SUBSCRIBE', long],
      ['PSUBSCRIBE', long],
      ['SSUBSCRIBE', long],
      ['PUBLISH', long, ''],
      ['PUBSUB', 'CHANNELS', long],
      ['PUBSUB', 'SHARDCHANNELS', long],
    ]) {
      const answer = (await wire.call(...command)) as Error;
      expect(answer.message).toMatch(/^ERR the (channel|pattern) has 256 bytes; .* at most 255$/);
    }
    const binary = Buffer.from([0xff, 0xfe]);
    expect(((await wire.call('PUBLISH', binary, '')) as Error).message).toContain('is not UTF-8');
    expect(((await wire.call('SUBSCRIBE', 'fine', binary)) as Error).message).toContain(
      'is not UTF-8',
    );
    // Nothing of a command that is refused is done.
    expect(await wire.call('PUBSUB', 'NUMSUB', 'fine')).toEqual(['fine', 0]);
    expect(await wire.call('PUBLISH', 'x'.repeat(255), '')).toBe(0);
  });

  test('subscriptions of a connection', async () => {
    const wire = await connect();
    const names = Array.from({ length: 100 }, (_, index) => `limited-${index}`);
    wire.send('SUBSCRIBE', ...names);
    await wire.readMany(100);
    expect(((await wire.call('PSUBSCRIBE', 'one-more')) as Error).message).toMatch(
      /^ERR this connection would have more than 100 subscriptions; .*redis\.subscriptionsMax$/,
    );
    expect(await wire.call('SUBSCRIBE', 'limited-0')).toEqual(['subscribe', 'limited-0', 100]);
  });

  test('one SUBSCRIBE may name thousands', async () => {
    const wire = await connect();
    const names = Array.from({ length: 10_000 }, (_, index) => `limited-${index}`);
    // More than a connection may have, but no protocol error.
    expect(((await wire.call('SUBSCRIBE', ...names)) as Error).message).toMatch(/^ERR this conn/);
    expect(await wire.call('PING')).toBe('PONG');
  });

  test('announced lengths take no memory', async () => {
    const before = await residentMib();
    const wires = await Promise.all(Array.from({ length: 100 }, connect));
    for (const wire of wires)
      wire.socket.write(`*3\r\n$7\r\nPUBLISH\r\n$1\r\na\r\n$${MESSAGE_BYTES_MAX}\r\nx`);
    await stillServes();
    expect((await residentMib()) - before).toBeLessThan(60);
  });

  test('the largest message arrives, in whatever pieces it comes', async () => {
    const [wire, publisher] = [await connect(), await connect()];
    await wire.call('SUBSCRIBE', 'large');
    const body = `${'x'.repeat(MESSAGE_BYTES_MAX - 1)}y`;
    const command = encodeCommand(['PUBLISH', 'large', body]);
    for (let at = 0; at < command.length; at += 100_003) {
      publisher.socket.write(command.subarray(at, at + 100_003));
      await new Promise((resolve) => setImmediate(resolve));
    }
    publisher.socket.write(encodeCommand(['PUBLISH', 'large', 'small']));
    expect(await publisher.readMany(2)).toEqual([1, 1]);
    const [, , received] = (await wire.read()) as RespValue[];
    expect(received === body).toBe(true);
    expect(await wire.read()).toEqual(['message', 'large', 'small']);
  });
});

describe('clients that do not read', () => {
  test('are cut off at the hard limit, and others go on', async () => {
    const channel = 'flood';
    const [healthy, publisher] = [await connect(), await connect()];
    const stalled = await Promise.all(Array.from({ length: 10 }, connect));
    for (const wire of [...stalled, healthy]) await wire.call('SUBSCRIBE', channel);
    for (const wire of stalled) wire.socket.pause();
    const before = await residentMib();
    const cut = await metric('polymq_redis_slow_clients_total');
    const body = 'x'.repeat(100_000);
    let received = 0;
    const count = 500;
    for (let sent = 0; sent < count; sent += 1) {
      expect(await publisher.call('PUBLISH', channel, body)).toBeGreaterThan(0);
      await healthy.read();
      received += 1;
    }
    expect(received).toBe(count);
    expect((await residentMib()) - before).toBeLessThan(GROWTH_MIB_MAX);
    await eventually('all are cut off', async () =>
      (await metric('polymq_redis_slow_clients_total')) === cut + 10 ? true : undefined,
    );
    expect(await publisher.call('PUBSUB', 'NUMSUB', channel)).toEqual([channel, 1]);
    expect(broker.stderr + broker.stdout).toContain('redis.outputBytesMax');
  });

  test('are cut off at the soft limit, after a while', async () => {
    const channel = 'drip';
    const [stalled, publisher] = [await connect(), await connect()];
    await stalled.call('SUBSCRIBE', channel);
    stalled.socket.pause();
    const body = 'x'.repeat(100_000);
    // What the kernel holds comes first; then more than the soft limit, but less than the hard one.
    const waiting = async (): Promise<number> => {
      const list = (await publisher.call('CLIENT', 'LIST', 'TYPE', 'PUBSUB')) as string;
      return Math.max(0, ...[...list.matchAll(/ omem=(\d+) /g)].map((match) => Number(match[1])));
    };
    while ((await waiting()) < SOFT_BYTES_MAX * 1.5) await publisher.call('PUBLISH', channel, body);
    expect(await publisher.call('PUBLISH', channel, 'still there')).toBe(1);
    await eventually('it is cut off', async () =>
      (await publisher.call('PUBLISH', channel, 'gone?')) === 0 ? true : undefined,
    );
    expect(broker.stderr + broker.stdout).toContain('redis.outputSoftBytesMax');
  });

  test('and only ask are not read either', async () => {
    const wire = await connect();
    wire.socket.pause();
    const before = await residentMib();
    const question = encodeCommand(['ECHO', 'x'.repeat(10_000)]);
    const burst = Buffer.concat(Array.from({ length: 100 }, () => question));
    // 400 MB, of which most stays with the client.
    for (let index = 0; index < 400; index += 1) wire.socket.write(burst);
    for (let index = 0; index < 10; index += 1) await stillServes();
    expect((await residentMib()) - before).toBeLessThan(GROWTH_MIB_MAX);
    wire.socket.resume();
    for (let index = 0; index < 2000; index += 1) {
      expect(((await wire.read()) as string).length).toBe(10_000);
    }
  });
});
