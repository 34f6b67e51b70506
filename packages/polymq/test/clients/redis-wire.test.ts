/** What Redis answers, byte for byte as far as clients look: the same tests run against redis-server 7 itself. */
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { Push, RedisWire, type RespValue } from '../support/redis-wire.ts';
import { uniqueName } from './peer.ts';
import { REDIS_PEER_IS_POLYMQ, type RedisPeer, startRedisPeer } from './redis-peer.ts';

let peer: RedisPeer;

beforeAll(async () => {
  peer = await startRedisPeer();
});
afterAll(() => peer?.stop());

async function connect(version: 2 | 3 = 2): Promise<RedisWire> {
  const wire = await RedisWire.connect(peer.port);
  onTestFinished(() => wire.close());
  if (version === 3) await wire.call('HELLO', 3);
  return wire;
}

const failure = (value: RespValue): string => {
  expect(value).toBeInstanceOf(Error);
  return (value as Error).message;
};

const push = (...values: RespValue[]): Push => new Push(values);

describe('subscriptions', () => {
  test('one confirmation each, counted over channels and patterns; what is there already counts once', async () => {
    const wire = await connect();
    wire.send('SUBSCRIBE', 'a', 'b', 'a');
    expect(await wire.readMany(3)).toEqual([
      ['subscribe', 'a', 1],
      ['subscribe', 'b', 2],
      ['subscribe', 'a', 2],
    ]);
    expect(await wire.call('PSUBSCRIBE', 'a*')).toEqual(['psubscribe', 'a*', 3]);
    expect(await wire.call('SSUBSCRIBE', 'a')).toEqual(['ssubscribe', 'a', 1]);
    expect(await wire.call('UNSUBSCRIBE', 'nothing')).toEqual(['unsubscribe', 'nothing', 3]);
    wire.send('UNSUBSCRIBE');
    const left = await wire.readMany(2);
    expect(left.map((one) => (one as RespValue[])[1]).sort()).toEqual(['a', 'b']);
    expect(left.map((one) => (one as RespValue[])[2])).toEqual([2, 1]);
    expect(await wire.call('UNSUBSCRIBE')).toEqual(['unsubscribe', null, 1]);
    expect(await wire.call('PUNSUBSCRIBE')).toEqual(['punsubscribe', 'a*', 0]);
    expect(await wire.call('PUNSUBSCRIBE')).toEqual(['punsubscribe', null, 0]);
    expect(await wire.call('SUNSUBSCRIBE')).toEqual(['sunsubscribe', 'a', 0]);
    expect(await wire.call('SUNSUBSCRIBE')).toEqual(['sunsubscribe', null, 0]);
  });

  test('a client that has the channel and a pattern gets the message twice, and counts twice', async () => {
    const channel = uniqueName('both');
    const [wire, publisher] = [await connect(), await connect()];
    await wire.call('PSUBSCRIBE', `${channel}*`);
    await wire.call('SUBSCRIBE', channel);
    expect(await publisher.call('PUBLISH', channel, 'hi')).toBe(2);
    expect(await wire.readMany(2)).toEqual([
      ['message', channel, 'hi'],
      ['pmessage', `${channel}*`, channel, 'hi'],
    ]);
  });

  test('patterns are globs', async () => {
    const [wire, publisher] = [await connect(), await connect()];
    for (const pattern of ['h?llo', 'h[ae]llo', 'h[^e]llo', 'h[a-b]llo', 'h\\?llo', 'h*o']) {
      await wire.call('PSUBSCRIBE', pattern);
    }
    const matching = async (channel: string): Promise<RespValue[]> => {
      const count = (await publisher.call('PUBLISH', channel, '')) as number;
      const messages = (await wire.readMany(count)) as RespValue[][];
      return messages.map((message) => message[1]!).sort();
    };
    expect(await matching('hello')).toEqual(['h*o', 'h?llo', 'h[ae]llo']);
    expect(await matching('hallo')).toEqual(['h*o', 'h?llo', 'h[^e]llo', 'h[a-b]llo', 'h[ae]llo']);
    expect(await matching('h?llo')).toEqual(['h*o', 'h?llo', 'h[^e]llo', 'h\\?llo']);
    expect(await matching('heeeello')).toEqual(['h*o']);
    expect(await matching('hell')).toEqual([]);
  });

  test('a channel is its name, even if it looks like a pattern', async () => {
    const channel = `${uniqueName('literal')}[a]*?\\`;
    const [wire, publisher] = [await connect(), await connect()];
    await wire.call('SUBSCRIBE', channel);
    expect(await publisher.call('PUBLISH', channel, '1')).toBe(1);
    expect(await publisher.call('PUBLISH', channel.replace('[a]', 'a'), '2')).toBe(0);
    expect(await wire.read()).toEqual(['message', channel, '1']);
  });

  test('shard channels are others than channels, and know no patterns', async () => {
    const channel = uniqueName('shard');
    const [wire, publisher] = [await connect(), await connect()];
    await wire.call('SSUBSCRIBE', channel);
    expect(await publisher.call('PUBLISH', channel, 'no')).toBe(0);
    expect(await publisher.call('SPUBLISH', channel, 'yes')).toBe(1);
    expect(await publisher.call('SPUBLISH', `${channel}x`, 'no')).toBe(0);
    expect(await wire.read()).toEqual(['smessage', channel, 'yes']);
    expect(await publisher.call('PUBSUB', 'SHARDNUMSUB', channel)).toEqual([channel, 1]);
    expect(await publisher.call('PUBSUB', 'SHARDCHANNELS', channel)).toEqual([channel]);
    expect(await publisher.call('PUBSUB', 'NUMSUB', channel)).toEqual([channel, 0]);
  });

  test('end with the connection', async () => {
    const channel = uniqueName('gone');
    const [wire, publisher] = [await connect(), await connect()];
    await wire.call('SUBSCRIBE', channel);
    await wire.call('PSUBSCRIBE', `${channel}*`);
    expect(await publisher.call('PUBSUB', 'NUMSUB', channel)).toEqual([channel, 1]);
    await wire.close();
    let count: RespValue = 1;
    while (count !== 0)
      [, count = 0] = (await publisher.call('PUBSUB', 'NUMSUB', channel)) as RespValue[];
    expect(await publisher.call('PUBLISH', channel, 'x')).toBe(0);
  });

  test('introspection counts subscribers, and patterns once each', async () => {
    const prefix = uniqueName('spy');
    const wires = [await connect(), await connect()];
    const asker = await connect();
    const before = (await asker.call('PUBSUB', 'NUMPAT')) as number;
    for (const wire of wires) {
      await wire.call('SUBSCRIBE', `${prefix}-1`);
      await wire.call('PSUBSCRIBE', `${prefix}*`);
    }
    await wires[0]!.call('PSUBSCRIBE', `${prefix}-own`);
    expect(await asker.call('PUBSUB', 'CHANNELS', `${prefix}*`)).toEqual([`${prefix}-1`]);
    expect(await asker.call('PUBSUB', 'NUMSUB', `${prefix}-1`, 'x')).toEqual([
      `${prefix}-1`,
      2,
      'x',
      0,
    ]);
    expect(await asker.call('PUBSUB', 'NUMPAT')).toBe(before + 2);
  });
});

describe('RESP2 subscribers', () => {
  test('may do little, and are told what', async () => {
    const wire = await connect();
    await wire.call('SUBSCRIBE', 'a');
    const allowed =
      'only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context';
    expect(failure(await wire.call('Publish', 'a', 'b'))).toBe(
      `ERR Can't execute 'publish': ${allowed}`,
    );
    expect(failure(await wire.call('CLIENT', 'ID'))).toBe(
      `ERR Can't execute 'client|id': ${allowed}`,
    );
    expect(await wire.call('PING')).toEqual(['pong', '']);
    expect(await wire.call('PING', 'x')).toEqual(['pong', 'x']);
    await wire.call('UNSUBSCRIBE', 'a');
    expect(await wire.call('PING')).toBe('PONG');
    expect(await wire.call('PING', 'x')).toBe('x');
  });

  test('may QUIT and RESET', async () => {
    const [wire, other] = [await connect(), await connect()];
    await wire.call('SUBSCRIBE', 'a');
    expect(await wire.call('RESET')).toBe('RESET');
    expect(await wire.call('ECHO', 'x')).toBe('x');
    await other.call('SUBSCRIBE', 'a');
    expect(await other.call('QUIT')).toBe('OK');
    await other.closed;
  });
});

describe('RESP3', () => {
  test('messages and confirmations are pushes, and every command is allowed', async () => {
    const channel = uniqueName('three');
    const wire = await connect(3);
    expect(await wire.call('SUBSCRIBE', channel)).toEqual(push('subscribe', channel, 1));
    expect(await wire.call('PSUBSCRIBE', `${channel}*`)).toEqual(
      push('psubscribe', `${channel}*`, 2),
    );
    expect(await wire.call('PING')).toBe('PONG');
    const publisher = await connect(3);
    expect(await publisher.call('PUBLISH', channel, 'x')).toBe(2);
    expect(await wire.readMany(2)).toEqual([
      push('message', channel, 'x'),
      push('pmessage', `${channel}*`, channel, 'x'),
    ]);
    expect(await wire.call('UNSUBSCRIBE')).toEqual(push('unsubscribe', channel, 1));
    expect(await wire.call('UNSUBSCRIBE')).toEqual(push('unsubscribe', null, 1));
  });

  test('subscribers of both versions get the same message each in their form', async () => {
    const channel = uniqueName('mixed');
    const [two, three, publisher] = [await connect(), await connect(3), await connect()];
    await two.call('SUBSCRIBE', channel);
    await three.call('SUBSCRIBE', channel);
    expect(await publisher.call('PUBLISH', channel, 'x')).toBe(2);
    expect(await two.read()).toEqual(['message', channel, 'x']);
    expect(await three.read()).toEqual(push('message', channel, 'x'));
    // Whoever changes the version gets messages in the new form.
    await three.call('HELLO', 2);
    expect(await publisher.call('PUBLISH', channel, 'y')).toBe(2);
    expect(await three.read()).toEqual(['message', channel, 'y']);
  });

  test('HELLO', async () => {
    const wire = await connect();
    const hello = (await wire.call('HELLO')) as RespValue[];
    expect(hello.slice(0, 2)).toEqual(['server', 'redis']);
    expect(hello.slice(4, 6)).toEqual(['proto', 2]);
    expect(hello.slice(8)).toEqual(['mode', 'standalone', 'role', 'master', 'modules', []]);
    expect(failure(await wire.call('HELLO', 4))).toBe('NOPROTO unsupported protocol version');
    expect(failure(await wire.call('HELLO', 'x'))).toBe(
      'ERR Protocol version is not an integer or out of range',
    );
    expect(failure(await wire.call('HELLO', 3, 'NOPE'))).toBe(
      "ERR Syntax error in HELLO option 'NOPE'",
    );
    expect(failure(await wire.call('HELLO', 3, 'AUTH', 'me', 'x'))).toBe(
      'WRONGPASS invalid username-password pair or user is disabled.',
    );
    const three = (await wire.call(
      'HELLO',
      3,
      'AUTH',
      'default',
      'any',
      'SETNAME',
      'me',
    )) as RespValue[];
    expect(three.slice(4, 6)).toEqual(['proto', 3]);
    expect(await wire.call('CLIENT', 'GETNAME')).toBe('me');
  });
});

describe('transactions', () => {
  test('run at EXEC, and answer everything at once', async () => {
    const channel = uniqueName('multi');
    const [wire, subscriber] = [await connect(), await connect()];
    await subscriber.call('SUBSCRIBE', channel);
    expect(await wire.call('MULTI')).toBe('OK');
    expect(await wire.call('PUBLISH', channel, '1')).toBe('QUEUED');
    expect(await wire.call('PING', 'x')).toBe('QUEUED');
    expect(await wire.call('PUBLISH', channel, '2')).toBe('QUEUED');
    expect(await wire.call('EXEC')).toEqual([1, 'x', 1]);
    expect(await subscriber.readMany(2)).toEqual([
      ['message', channel, '1'],
      ['message', channel, '2'],
    ]);
  });

  test('are discarded after an error, or when asked', async () => {
    const wire = await connect();
    await wire.call('MULTI');
    expect(failure(await wire.call('PUBLISH', 'x'))).toBe(
      "ERR wrong number of arguments for 'publish' command",
    );
    expect(await wire.call('PING')).toBe('QUEUED');
    expect(failure(await wire.call('EXEC'))).toBe(
      'EXECABORT Transaction discarded because of previous errors.',
    );
    await wire.call('MULTI');
    await wire.call('PING');
    expect(await wire.call('DISCARD')).toBe('OK');
    expect(failure(await wire.call('EXEC'))).toBe('ERR EXEC without MULTI');
    expect(failure(await wire.call('DISCARD'))).toBe('ERR DISCARD without MULTI');
    expect(await wire.call('WATCH', 'k')).toBe('OK');
    await wire.call('MULTI');
    expect(failure(await wire.call('MULTI'))).toBe('ERR MULTI calls can not be nested');
    expect(failure(await wire.call('WATCH', 'k'))).toBe('ERR WATCH inside MULTI is not allowed');
  });

  test('may subscribe', async () => {
    const wire = await connect();
    await wire.call('MULTI');
    await wire.call('SUBSCRIBE', 'in-multi');
    await wire.call('PING', 'x');
    expect(await wire.call('EXEC')).toEqual([
      ['subscribe', 'in-multi', 1],
      // Redis looks at what is allowed when commands are queued.
      ['pong', 'x'],
    ]);
  });
});

describe('connections', () => {
  test('CLIENT REPLY leaves replies out, and never messages or confirmations', async () => {
    const channel = uniqueName('quiet');
    const [wire, publisher] = [await connect(3), await connect()];
    wire.send('CLIENT', 'REPLY', 'SKIP');
    wire.send('PING', 'skipped');
    expect(await wire.call('PING', 'heard')).toBe('heard');
    wire.send('CLIENT', 'REPLY', 'OFF');
    wire.send('PING', 'skipped');
    expect(await wire.call('SUBSCRIBE', channel)).toEqual(push('subscribe', channel, 1));
    expect(await publisher.call('PUBLISH', channel, 'x')).toBe(1);
    expect(await wire.read()).toEqual(push('message', channel, 'x'));
    wire.send('PUBLISH', channel, 'to myself');
    expect(await wire.read()).toEqual(push('message', channel, 'to myself'));
    expect(await wire.call('CLIENT', 'REPLY', 'ON')).toBe('OK');
    expect(await wire.call('PING')).toBe('PONG');
  });

  test('databases are chosen, and are all the same', async () => {
    const wire = await connect();
    expect(await wire.call('SELECT', 15)).toBe('OK');
    expect(failure(await wire.call('SELECT', 16))).toBe('ERR DB index is out of range');
    expect(failure(await wire.call('SELECT', 'x'))).toBe(
      'ERR value is not an integer or out of range',
    );
    expect(await wire.call('DBSIZE')).toBe(0);
    expect(await wire.call('FLUSHALL')).toBe('OK');
  });

  test('AUTH without users', async () => {
    const wire = await connect();
    expect(failure(await wire.call('AUTH', 'secret'))).toBe(
      'ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?',
    );
    expect(await wire.call('AUTH', 'default', 'x')).toBe('OK');
    expect(failure(await wire.call('AUTH', 'me', 'x'))).toBe(
      'WRONGPASS invalid username-password pair or user is disabled.',
    );
  });

  test('have names and numbers, and may be killed', async () => {
    const [wire, victim] = [await connect(), await connect()];
    expect(await wire.call('CLIENT', 'GETNAME')).toBeNull();
    expect(await wire.call('CLIENT', 'SETNAME', 'me')).toBe('OK');
    expect(await wire.call('CLIENT', 'GETNAME')).toBe('me');
    expect(failure(await wire.call('CLIENT', 'SETNAME', 'a b'))).toBe(
      'ERR Client names cannot contain spaces, newlines or special characters.',
    );
    const id = (await wire.call('CLIENT', 'ID')) as number;
    const info = (await wire.call('CLIENT', 'INFO')) as string;
    expect(info).toMatch(
      new RegExp(`^id=${id} addr=127\\.0\\.0\\.1:\\d+ .* name=me .* cmd=client\\|info `),
    );
    expect(await wire.call('CLIENT', 'LIST', 'ID', id)).toContain('name=me');
    expect(await wire.call('CLIENT', 'KILL', 'ID', 1_000_000)).toBe(0);
    expect(
      await wire.call('CLIENT', 'KILL', 'ID', (await victim.call('CLIENT', 'ID')) as number),
    ).toBe(1);
    await victim.closed;
    const second = await connect();
    await second.call('PING');
    const { localAddress, localPort } = second.socket;
    expect(await wire.call('CLIENT', 'KILL', `${localAddress}:${localPort}`)).toBe('OK');
    expect(failure(await wire.call('CLIENT', 'KILL', '1.2.3.4:5'))).toBe('ERR No such client');
    expect(await wire.call('CLIENT', 'NO-EVICT', 'ON')).toBe('OK');
    expect(failure(await wire.call('CLIENT', 'NONSENSE'))).toBe(
      "ERR unknown subcommand 'NONSENSE'. Try CLIENT HELP.",
    );
  });

  test('tell what the server is', async () => {
    const wire = await connect();
    const info = (await wire.call('INFO')) as string;
    expect(info).toMatch(/^redis_version:7\./m);
    expect(info).toContain('\r\nredis_mode:standalone\r\n');
    expect(info).toContain('\r\nloading:0\r\n');
    expect(info).toContain('\r\nrole:master\r\n');
    expect(await wire.call('INFO', 'clients')).not.toContain('redis_version');
    expect(await wire.call('CONFIG', 'GET', 'databases')).toEqual(['databases', '16']);
    expect(await wire.call('CONFIG', 'SET', 'databases', '17').then(failure)).toContain('ERR');
    expect(failure(await wire.call('CLUSTER', 'INFO'))).toBe(
      'ERR This instance has cluster support disabled',
    );
    expect(await wire.call('COMMAND', 'COUNT')).toBeGreaterThan(20);
    const [publish] = (await wire.call('COMMAND', 'INFO', 'publish')) as RespValue[][];
    expect(publish?.slice(0, 2)).toEqual(['publish', 3]);
    expect(await wire.call('COMMAND', 'INFO', 'nonsense')).toEqual([null]);
    expect((await wire.call('TIME')) as RespValue[]).toHaveLength(2);
    expect(await wire.call('ECHO', 'x')).toBe('x');
  });

  test('errors name the command, and what is not served says what is', async () => {
    const wire = await connect();
    expect(failure(await wire.call('NONSENSE', 'x'))).toMatch(/^ERR unknown command 'NONSENSE', /);
    expect(failure(await wire.call('SUBSCRIBE'))).toBe(
      "ERR wrong number of arguments for 'subscribe' command",
    );
    expect(failure(await wire.call('PUBSUB', 'NUMPAT', 'x'))).toBe(
      "ERR wrong number of arguments for 'pubsub|numpat' command",
    );
    expect(failure(await wire.call('PUBSUB', 'CHANNELS', 'a', 'b'))).toBe(
      "ERR unknown subcommand or wrong number of arguments for 'CHANNELS'. Try PUBSUB HELP.",
    );
    const help = (await wire.call('PUBSUB', 'HELP')) as RespValue[];
    expect(help).toHaveLength(14);
    expect(help[0]).toBe('PUBSUB <subcommand> [<arg> [value] [opt] ...]. Subcommands are:');
    if (!REDIS_PEER_IS_POLYMQ) return;
    expect(failure(await wire.call('GET', 'x'))).toMatch(/PolyMQ serves Redis Pub\/Sub: PUBLISH, /);
  });

  test('inline commands', async () => {
    const wire = await connect();
    wire.socket.write('PING\r\n\r\n  \nPING "a b"\nECHO "\\x41\\n"\r\nPUBLISH nobody \'x y\'\r\n');
    expect(await wire.readMany(4)).toEqual(['PONG', 'a b', 'A\n', 0]);
  });

  test('twenty thousand commands in pieces of every size are answered in order', async () => {
    const wire = await connect();
    const count = 20_000;
    const commands = Array.from({ length: count }, (_, index) =>
      index % 3 === 0
        ? `*2\r\n$4\r\nPING\r\n$${String(index).length}\r\n${index}\r\n`
        : `*3\r\n$7\r\nPUBLISH\r\n$6\r\nnobody\r\n$${String(index).length}\r\n${index}\r\n`,
    ).join('');
    const writing = (async () => {
      let at = 0;
      for (let step = 1; at < commands.length; step = (step * 7) % 9973) {
        const room = wire.socket.write(commands.slice(at, at + step));
        at += step;
        if (!room) await new Promise((resolve) => wire.socket.once('drain', resolve));
        else await new Promise((resolve) => setImmediate(resolve));
      }
    })();
    for (let index = 0; index < count; index += 1) {
      expect(await wire.read()).toBe(index % 3 === 0 ? String(index) : 0);
    }
    await writing;
  });
});

describe('publishing to oneself', () => {
  test('the message comes behind the reply, as in Redis 7.2', async () => {
    if (!REDIS_PEER_IS_POLYMQ) return;
    const channel = uniqueName('self');
    const wire = await connect(3);
    await wire.call('SUBSCRIBE', channel);
    expect(await wire.call('PUBLISH', channel, 'a')).toBe(1);
    expect(await wire.read()).toEqual(push('message', channel, 'a'));
    await wire.call('MULTI');
    await wire.call('PUBLISH', channel, 'b');
    await wire.call('UNSUBSCRIBE', channel);
    await wire.call('PING', 'x');
    expect(await wire.call('EXEC')).toEqual([1, push('unsubscribe', channel, 0), 'x']);
    expect(await wire.read()).toEqual(push('message', channel, 'b'));
  });
});
