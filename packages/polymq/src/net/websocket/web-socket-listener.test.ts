import { once } from 'node:events';
import net from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { ArenaPool } from '../../lib/arena.ts';
import { CounterRegistry } from '../../lib/counters.ts';
import { createNodeEnvironment } from '../../lib/environment/node/node-environment.ts';
import { silentLogger } from '../../lib/logger.ts';
import type { Connection, Session } from '../connection.ts';
import { ConnectionLimiter } from '../connection-limiter.ts';
import { Listener } from '../listener.ts';
import { Output } from '../output.ts';
import type { ProtocolServer } from '../protocol.ts';
import { SharedFrames } from '../shared-frames.ts';
import { TurnFlusher } from '../turn-flusher.ts';
import { OriginRule } from './origin-rule.ts';
import { HANDSHAKE, request } from './testing/client-frames.ts';

const environment = createNodeEnvironment();
const closing: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** Gives every client what any of them has sent; `bye` ends a connection. */
class Hall implements ProtocolServer {
  readonly #arenas = new ArenaPool(1 << 24);
  readonly #frames = new SharedFrames(this.#arenas);
  readonly #outputs = new Set<Output>();
  readonly #flusher = new TurnFlusher<Output>(environment.timers, (output) => output.flush());

  connect(connection: Connection): Session {
    const output: Output = new Output(connection, this.#arenas, () => this.#flusher.add(output));
    this.#outputs.add(output);
    return {
      onSpan: (buffer, start, end) => {
        connection.greet();
        if (buffer.toString('latin1', start, end) === 'bye') {
          output.finish();
          connection.end();
        } else this.#tellAll(buffer, start, end);
        return end - start;
      },
      onDrain: () => output.drained(),
      onClose: () => {
        this.#outputs.delete(output);
        output.close();
      },
      drain: () => connection.end(),
    };
  }

  #tellAll(buffer: Buffer, start: number, end: number): void {
    const bytes = end - start;
    const shared = this.#frames.reserve(bytes);
    const at = this.#frames.position;
    buffer.copy(shared, at, start, end);
    this.#frames.position = at + bytes;
    for (const output of this.#outputs) output.shared(shared, at, at + bytes);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

interface Bound {
  listener: Listener;
  counters: CounterRegistry;
  connect(subprotocols?: string[], origin?: string): Promise<WebSocket>;
}

async function listen({ mayBeText = false, firstFrameMsMax = 60_000 } = {}): Promise<Bound> {
  const limits = { connectionsMax: 100, connectionsPerAddressMax: 100, connectionRateMax: 1000 };
  const counters = new CounterRegistry();
  const listener = await Listener.bind({
    environment,
    logger: silentLogger,
    counters,
    scheme: 'ws+test',
    host: '127.0.0.1',
    port: 0,
    server: new Hall(),
    webSocket: {
      subprotocols: ['test'],
      mayBeText,
      origins: new OriginRule(true, []),
      messageBytesMax: 1 << 20,
    },
    limiter: new ConnectionLimiter(limits, environment.clock),
    idleMsMax: 60_000,
    firstFrameMsMax,
  });
  closing.push(() => listener.close(1000));
  const connect = async (subprotocols: string[] = [], origin?: string) => {
    const url = `ws://127.0.0.1:${listener.port}/any/path?at=all`;
    const socket = new WebSocket(url, subprotocols, origin === undefined ? {} : { origin });
    closing.push(async () => socket.terminate());
    await once(socket, 'open');
    return socket;
  };
  return { listener, counters, connect };
}

/** What comes until so many bytes are there. */
async function receive(socket: WebSocket, bytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for (let count = 0; count < bytes; ) {
    const [data] = (await once(socket, 'message')) as [Buffer];
    chunks.push(data);
    count += data.length;
  }
  return Buffer.concat(chunks);
}

describe('a listener for WebSockets', () => {
  it('serves the ws package: every client gets what each of them sends', async () => {
    const { connect } = await listen();
    const clients = await Promise.all([connect(['other', 'test']), connect()]);
    expect(clients.map(({ protocol }) => protocol)).toEqual(['test', '']);
    const received = clients.map((client) => receive(client, 5));
    clients[0]!.send(Buffer.from('hello'));
    expect((await Promise.all(received)).map(String)).toEqual(['hello', 'hello']);
  });

  it('passes large messages in fragments both ways without a byte missing', async () => {
    const { connect } = await listen();
    const client = await connect();
    const sent = Buffer.alloc(4 << 20, 'The quick brown fox. ');
    const received = receive(client, sent.length);
    for (let at = 0; at < sent.length; at += 1 << 20) {
      const end = at + (1 << 20);
      client.send(sent.subarray(at, at + 1000), { fin: false });
      client.ping();
      client.send(sent.subarray(at + 1000, end), { fin: true });
    }
    expect((await received).equals(sent)).toBe(true);
  });

  it('answers pings', async () => {
    const { connect } = await listen();
    const client = await connect();
    const answered = once(client, 'pong');
    client.ping('abc');
    expect(String((await answered)[0])).toBe('abc');
  });

  it('speaks text with those who do, and binary with the others', async () => {
    const { connect } = await listen({ mayBeText: true });
    const [writer, reader] = await Promise.all([connect(), connect()]);
    const kinds = [writer!, reader!].map(async (client) => (await once(client, 'message'))[1]);
    writer!.send('text');
    const isBinary = await Promise.all(kinds);
    expect(isBinary).toEqual([false, true]);
  });

  it('closes with a code, whoever begins', async () => {
    const { connect, listener } = await listen();
    const [early, late, last] = await Promise.all([connect(), connect(), connect()]);
    const closed = [early!, late!, last!].map(async (client) => (await once(client, 'close'))[0]);
    early!.send('bye');
    late!.close(4000, 'done');
    expect(await closed[0]).toBe(1000);
    expect(await closed[1]).toBe(4000);
    await listener.close(1000);
    expect(await closed[2]).toBe(1000);
    expect(listener.connectionCount).toBe(0);
  });

  it('ends the connection of a client that sends too much at once, and counts it', async () => {
    const { connect, counters } = await listen();
    const client = await connect();
    const closed = once(client, 'close');
    client.send(Buffer.alloc((1 << 20) + 1));
    client.on('error', () => undefined);
    expect((await closed)[0]).toBe(1009);
    const labels = { protocol: 'ws+test' };
    expect(counters.counter('polymq_protocol_errors_total', labels).value).toBe(1);
  });

  it('refuses strange pages and unknown subprotocols', async () => {
    const { connect } = await listen();
    await expect(connect([], 'https://evil.example')).rejects.toThrow('403');
    await expect(connect(['wamp'])).rejects.toThrow('400');
    await expect(connect([], 'http://localhost:3000')).resolves.toBeDefined();
  });

  it('closes a connection that never finishes its handshake', async () => {
    const { listener } = await listen({ firstFrameMsMax: 100 });
    const socket = net.connect(listener.port, '127.0.0.1');
    socket.write(request(HANDSHAKE).subarray(0, 100));
    await once(socket, 'close');
    await expect.poll(() => listener.connectionCount).toBe(0);
  });
});
