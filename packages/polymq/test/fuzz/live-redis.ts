/**
 * A running broker under attack by Redis clients, with one healthy client beside: the counterpart of `live.ts`.
 *
 * Attackers send noise, mutated commands, lengths that lie, lines without an end, subscriptions by the thousand, patterns
 * made to be slow, transactions that never end, and publish to themselves without reading.
 */
import { Redis } from 'ioredis';
import type { SeededRandom } from '../crash/random.ts';
import { encodeCommand } from '../support/redis-wire.ts';
import {
  type HealthyConnection,
  type HealthyEvents,
  HealthySubscriber,
} from './healthy-subscriber.ts';
import { mutate } from './mutate.ts';
import { besiege, type SiegeOptions } from './siege.ts';
import { type Attack, noise, SocketAttackers } from './socket-attackers.ts';

const CHANNEL = 'healthy';
const MIB = 2 ** 20;

const COMMANDS: readonly Buffer[] = [
  ['HELLO', '3', 'AUTH', 'default', 'x', 'SETNAME', 'attacker'],
  ['HELLO', '2'],
  ['CLIENT', 'SETNAME', 'attacker'],
  ['CLIENT', 'LIST'],
  ['CLIENT', 'REPLY', 'SKIP'],
  ['CLIENT', 'NO-EVICT', 'on'],
  ['SELECT', '3'],
  ['SUBSCRIBE', 'a', 'b', 'attack'],
  ['PSUBSCRIBE', 'att*', 'h[ae]llo', '\\*'],
  ['SSUBSCRIBE', 's1', 's2'],
  ['PUBLISH', 'attack', 'x'.repeat(100)],
  ['SPUBLISH', 's1', 'y'],
  ['UNSUBSCRIBE'],
  ['PUNSUBSCRIBE', 'att*'],
  ['PUBSUB', 'CHANNELS', '*'],
  ['PUBSUB', 'NUMSUB', 'a', 'b'],
  ['PUBSUB', 'SHARDNUMSUB', 's1'],
  ['MULTI'],
  ['PUBLISH', 'attack', 'in a transaction'],
  ['EXEC'],
  ['DISCARD'],
  ['PING', 'hello'],
  ['INFO'],
  ['COMMAND', 'DOCS'],
  ['RESET'],
  ['SET', 'key', 'value'],
  ['QUIT'],
].map(encodeCommand);

const ATTACKS: Readonly<Record<string, Attack>> = {
  noise,
  'mutated commands': (random) =>
    Buffer.concat(COMMANDS.map((each) => (random.chance(0.15) ? mutated(each, random) : each))),
  'commands in any order': (random) =>
    Buffer.concat(Array.from({ length: 60 }, () => random.pick(COMMANDS))),
  'lying lengths': (random) => {
    const length = random.pick([
      '2147483647',
      '99999999999999999999',
      '-1',
      '-2',
      '16777217',
      '01',
    ]);
    const text = random.pick([
      `*2\r\n$4\r\nPING\r\n$${length}\r\nx`,
      `*${length}\r\n$4\r\nPING\r\n`,
      `*3\r\n$7\r\nPUBLISH\r\n$${length}\r\na\r\n$1\r\nb\r\n`,
      `*1\r\n$${length}\r\nPING\r\n`,
    ]);
    return Buffer.from(text);
  },
  'long lines': (random) =>
    Buffer.from(random.pick(['x', '"', '\\', 'a "b" ', "'"]).repeat(100_000)),
  'many empty arguments': () =>
    Buffer.from(`*100000\r\n$9\r\nSUBSCRIBE\r\n${'$0\r\n\r\n'.repeat(99_999)}`),
  'subscriptions by the thousand': (random) =>
    encodeCommand([
      random.pick(['SUBSCRIBE', 'SSUBSCRIBE']),
      ...Array.from({ length: random.pick([100, 9000, 11_000]) }, (_, i) => `c${i}`),
    ]),
  'slow patterns': (random) => {
    const patterns = Array.from({ length: 30 }, (_, i) => `*${'[a-z]'.repeat(40)}${i}`);
    const texts = Array.from({ length: 20 }, () =>
      encodeCommand(['PUBLISH', 'q'.repeat(random.between(200, 250)), 'x']),
    );
    return Buffer.concat([encodeCommand(['PSUBSCRIBE', ...patterns]), ...texts]);
  },
  'slow introspection': (random) => {
    const names = Array.from({ length: 200 }, (_, i) => `${'a'.repeat(250)}${i}`);
    const pattern = random.pick([`*${'[aaaaaaaaaaaa]'.repeat(70_000)}`, '*a'.repeat(500_000)]);
    return Buffer.concat([
      encodeCommand(['SUBSCRIBE', ...names]),
      encodeCommand(['HELLO', '3']),
      encodeCommand(['PUBSUB', 'CHANNELS', pattern]),
    ]);
  },
  'endless transaction': () =>
    Buffer.concat([
      encodeCommand(['MULTI']),
      ...Array.from({ length: 5000 }, () => encodeCommand(['PUBLISH', 'attack', 'x'.repeat(200)])),
    ]),
  'large messages': () =>
    Buffer.concat(
      Array.from({ length: 4 }, () => encodeCommand(['PUBLISH', 'attack', 'x'.repeat(MIB)])),
    ),
  'odd names': (random) => {
    const name = random.pick(['x'.repeat(256), '\udc80', '', '\0', 'é'.repeat(128)]);
    const command = random.pick(['SUBSCRIBE', 'PSUBSCRIBE', 'CLIENT', 'PUBLISH', 'PUBSUB']);
    return Buffer.concat([
      encodeCommand([command, Buffer.from([0xff, 0xfe]), 'x']),
      encodeCommand([command, command === 'CLIENT' ? 'SETNAME' : name, name]),
    ]);
  },
};

/** Publishes to itself, or asks for long answers, and does not read. */
function greedy(random: SeededRandom): Buffer {
  const name = `greedy-${random.between(0, 1e9)}`;
  if (random.chance(0.3)) {
    return Buffer.concat(Array.from({ length: 2000 }, () => encodeCommand(['COMMAND', 'DOCS'])));
  }
  const subscribe = random.chance(0.5) ? ['SUBSCRIBE', name] : ['PSUBSCRIBE', '*'];
  return Buffer.concat([
    encodeCommand(['HELLO', '3']),
    encodeCommand(subscribe),
    ...Array.from({ length: 60 }, () => encodeCommand(['PUBLISH', name, 'x'.repeat(60_000)])),
  ]);
}

function mutated(bytes: Buffer, random: SeededRandom): Buffer {
  return mutate(bytes, random.pick(COMMANDS), random);
}

async function connectHealthy(port: number, events: HealthyEvents): Promise<HealthyConnection> {
  const options = { port, host: '127.0.0.1', retryStrategy: () => null, lazyConnect: true };
  const [publisher, subscriber] = [new Redis(options), new Redis(options)];
  for (const client of [publisher, subscriber]) {
    client.on('error', (error: unknown) => events.onProblem(String(error)));
    await client.connect();
  }
  subscriber.on('message', (_channel: string, text: string) => events.onMessage(text));
  await subscriber.subscribe(CHANNEL);
  return {
    publish: (text) => publisher.publish(CHANNEL, text),
    close: async () => {
      await publisher.quit();
      await subscriber.quit();
    },
  };
}

export function fuzzLiveRedis(options: SiegeOptions): Promise<string[]> {
  return besiege(
    {
      name: 'live-redis',
      scheme: 'redis',
      // A hundred that never read would hold more than a siege allows.
      args: ['--redis-output-bytes-max', '1MiB', '--redis-output-soft-bytes-max', '512KiB'],
      healthy: (port) => new HealthySubscriber((events) => connectHealthy(port, events)),
      attackers: (port, random) => {
        const conversation = () => Buffer.concat(COMMANDS);
        return new SocketAttackers([{ port, attacks: ATTACKS, conversation, greedy }], random);
      },
      bugLine: /a command failed/,
    },
    options,
  );
}
