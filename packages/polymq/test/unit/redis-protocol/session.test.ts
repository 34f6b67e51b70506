/** Sessions over exchanges and queues whose disk the test holds in its hands. */
import { beforeEach, describe, expect, it } from 'vitest';
import { Alarms } from '../../../src/core/alarms.ts';
import type { Broker } from '../../../src/core/broker.ts';
import { CLASSIC } from '../../../src/core/exchange/testing/fake-queues.ts';
import { type ExchangeKit, openExchangeKit } from '../../../src/core/exchange/testing/kit.ts';
import { ArenaPool, ArenaWriter } from '../../../src/lib/arena.ts';
import { CounterRegistry } from '../../../src/lib/counters.ts';
import type { Environment } from '../../../src/lib/environment/environment.ts';
import { SimulatedClock } from '../../../src/lib/environment/simulated/simulated-clock.ts';
import { silentLogger } from '../../../src/lib/logger.ts';
import type { ReadMemory } from '../../../src/net/byte-reader.ts';
import { Connection } from '../../../src/net/connection.ts';
import type { ProtocolContext, ProtocolServer } from '../../../src/net/protocol.ts';
import { redis } from '../../../src/protocols/redis/index.ts';
import { encodeCommand } from '../../support/redis-wire.ts';
import { FakeSocket } from '../transcripts/fake-network.ts';

const MIB = 1024 * 1024;

class FakeStore {
  position = 0;
  committed = 0;
  uncommittedBytes = 0;
  readonly #listeners: (() => void)[] = [];

  onCommitted(listener: () => void): () => void {
    this.#listeners.push(listener);
    return () => undefined;
  }

  commit(position: number): void {
    this.committed = position;
    for (const listener of this.#listeners) listener();
  }
}

let kit: ExchangeKit;
let store: FakeStore;
let alarms: Alarms;
let server: ProtocolServer;

const turns = async (count = 5): Promise<void> => {
  for (let turn = 0; turn < count; turn += 1) {
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
};

beforeEach(async () => {
  const clock = new SimulatedClock();
  store = new FakeStore();
  alarms = new Alarms();
  kit = await openExchangeKit({ predeclared: redis.exchanges! });
  await kit.queues.declare('', 'kept', CLASSIC);
  await kit.bind('redis', 'kept', { routingKey: 'kept' });
  const { exchanges, publisher } = kit;
  const broker = { exchanges, publisher, alarms, queues: { store }, clusterId: 'test' };
  const settings: [string, string][] = [
    ['redis.messageBytesMax', `${MIB}`],
    ['redis.subscriptionsMax', '100'],
    ['redis.outputBytesMax', `${MIB}`],
    ['redis.outputSoftBytesMax', '0'],
    ['redis.outputSoftMs', '1000'],
  ];
  server = redis.open({
    environment: { clock, timers: clock } as unknown as Environment,
    broker: broker as unknown as Broker,
    logger: silentLogger,
    counters: new CounterRegistry(),
    settings: new Map(settings),
    version: 'test',
  } as unknown as ProtocolContext);
});

interface Client {
  socket: FakeSocket;
  send(...args: (string | number)[]): void;
  /** All that has come since the last call, as lines. */
  lines(): Promise<string[]>;
}

function connect(remoteAddress = '127.0.0.1'): Client {
  const socket = new FakeSocket(remoteAddress);
  const registry = new CounterRegistry();
  const counters = {
    bytesIn: registry.counter('in'),
    bytesOut: registry.counter('out'),
    protocolErrors: registry.counter('errors'),
  };
  const arenas = new ArenaPool(MIB);
  const memory: ReadMemory = {
    scratch: Buffer.alloc(64 * 1024),
    arenas,
    frames: new ArenaWriter(arenas, 64 * 1024),
  };
  const connection = new Connection(socket, 0, counters, silentLogger, () => undefined);
  connection.start(server.framing, memory, server.connect(connection));
  return {
    socket,
    send: (...args) => socket.send(encodeCommand(args)),
    lines: async () => {
      await turns();
      return socket.receive().toString().split('\r\n').slice(0, -1);
    },
  };
}

describe('what a queue keeps', () => {
  it('is answered when it is on disk, and everything behind it too', async () => {
    const client = connect();
    store.position = 10;
    client.send('PUBLISH', 'kept', 'a');
    client.send('PUBLISH', 'nobody', 'b');
    client.send('PUBLISH', 'kept', 'c');
    client.send('SUBSCRIBE', 'news');
    client.send('PING');
    expect(await client.lines()).toEqual([]);
    expect(client.socket.paused).toBe(true);
    store.commit(9);
    expect(await client.lines()).toEqual([]);
    store.commit(10);
    const confirmation = ['*3', '$9', 'subscribe', '$4', 'news', ':1'];
    const pong = ['*2', '$4', 'pong', '$0', ''];
    expect(await client.lines()).toEqual([':1', ':0', ':1', ...confirmation, ...pong]);
    expect(client.socket.paused).toBe(false);
    expect(kit.queues.get('', 'kept')?.readyCount).toBe(2);
  });

  it('has the properties of a message without any', async () => {
    const client = connect();
    client.send('PUBLISH', 'kept', 'in place');
    client.socket.send(Buffer.from('PUBLISH kept "typed in"\r\n'));
    const views = kit.queues.get('', 'kept')!.messages.map((stored) => stored.view());
    expect(views.map((view) => view.body.toString())).toEqual(['in place', 'typed in']);
    for (const view of views) {
      expect([view.exchange, view.routingKey, view.format]).toEqual(['redis', 'kept', 0]);
      expect(view.persistent).toBe(true);
      expect(kit.formats.neutralOf(view)).toEqual({ headers: [] });
    }
  });

  it('is refused while memory or disk are short; subscribers get theirs', async () => {
    const [client, subscriber] = [connect(), connect()];
    subscriber.send('SUBSCRIBE', 'live');
    await subscriber.lines();
    for (const [resource, code] of [
      ['memory', '-OOM'],
      ['disk', '-MISCONF'],
    ] as const) {
      alarms.set(resource, true);
      client.send('PUBLISH', 'kept', 'x');
      client.send('PUBLISH', 'live', 'x');
      const [refusal, count] = await client.lines();
      expect(refusal?.split(' ')[0]).toBe(code);
      expect(count).toBe(':1');
      alarms.set(resource, false);
    }
    client.send('PUBLISH', 'kept', 'x');
    expect(await client.lines()).toEqual([':1']);
    expect(kit.queues.get('', 'kept')?.readyCount).toBe(1);
  });

  it('in a transaction holds the whole answer', async () => {
    const client = connect();
    store.position = 5;
    for (const command of ['MULTI', 'PING', 'PUBLISH kept x', 'EXEC', 'PING']) {
      client.send(...command.split(' '));
    }
    expect(await client.lines()).toEqual(['+OK', '+QUEUED', '+QUEUED']);
    store.commit(5);
    expect(await client.lines()).toEqual(['*2', '+PONG', ':1', '+PONG']);
  });

  it('is not read on while too much waits for the disk', async () => {
    const client = connect();
    store.position = 5;
    store.uncommittedBytes = 100 * MIB;
    client.send('PUBLISH', 'kept', 'a');
    client.send('PUBLISH', 'kept', 'b');
    await turns();
    expect(kit.queues.get('', 'kept')?.readyCount).toBe(1);
    store.uncommittedBytes = MIB;
    store.commit(5);
    expect(await client.lines()).toEqual([':1', ':1']);
  });

  it('is answered before the broker stops', async () => {
    const client = connect();
    store.position = 5;
    client.send('PUBLISH', 'kept', 'a');
    const session = [
      ...(server as unknown as { sessions: Map<number, { drain(): void }> }).sessions.values(),
    ];
    session[0]!.drain();
    await turns();
    expect(client.socket.closed).toBe(false);
    store.commit(5);
    expect(await client.lines()).toEqual([':1']);
    expect(client.socket.closed).toBe(true);
  });

  it('needs no answer for who wants none', async () => {
    const client = connect();
    store.position = 5;
    for (const command of ['CLIENT REPLY OFF', 'PUBLISH kept a', 'CLIENT REPLY ON', 'PING']) {
      client.send(...command.split(' '));
    }
    expect(await client.lines()).toEqual(['+OK', '+PONG']);
    expect(kit.queues.get('', 'kept')?.readyCount).toBe(1);
  });
});

describe('connections', () => {
  it('from other machines are refused before they say anything', async () => {
    const client = connect('192.0.2.1');
    const [line] = await client.lines();
    expect(line).toMatch(/^-DENIED PolyMQ lets no user in from another machine/);
    expect(client.socket.closed).toBe(true);
  });

  it('with a thousand commands at once do not keep others waiting', async () => {
    const [busy, other] = [connect(), connect()];
    busy.socket.send(Buffer.concat(Array.from({ length: 3000 }, () => encodeCommand(['PING']))));
    other.send('PING');
    await turns(1);
    expect(other.socket.receive().toString()).toBe('+PONG\r\n');
    expect(busy.socket.receive().toString().split('\r\n')).toHaveLength(1001);
    expect(await busy.lines()).toHaveLength(2000);
  });

  it('that do not read are cut off, and are gone from their channels', async () => {
    const [stalled, publisher] = [connect(), connect()];
    stalled.send('SUBSCRIBE', 'live');
    await stalled.lines();
    stalled.socket.stalled = true;
    const body = 'x'.repeat(100_000);
    for (let sent = 0; sent < 12; sent += 1) {
      publisher.send('PUBLISH', 'live', body);
      await turns(1);
    }
    expect(stalled.socket.closed).toBe(true);
    await publisher.lines();
    publisher.send('PUBSUB', 'NUMSUB', 'live');
    expect(await publisher.lines()).toEqual(['*2', '$4', 'live', ':0']);
  });
});
