import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { CounterRegistry } from '../../lib/counters.ts';
import { createNodeEnvironment } from '../../lib/environment/node/node-environment.ts';
import { silentLogger } from '../../lib/logger.ts';
import { ConnectionLimiter } from '../connection-limiter.ts';
import { Listener } from '../listener.ts';
import type { HttpExchange, HttpService } from './http-exchange.ts';
import { HttpSession } from './http-session.ts';

const environment = createNodeEnvironment();
const closing: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** Answers with what it was sent; `/hold` waits in `held`. */
class Echo implements HttpService {
  readonly bodyBytesMax = 4 * 1024 * 1024;
  readonly held: HttpExchange[] = [];

  handle(exchange: HttpExchange): void {
    const { method, target, body } = exchange.request;
    if (target === '/hold') this.held.push(exchange);
    else {
      const own = exchange.request.header('x-own') ?? '';
      const headers = [['x-seen', `${method} ${target} ${own}`]] as const;
      exchange.answer({ status: 200, headers, body: Buffer.from(body) });
    }
  }

  refuse(status: number, reason: string) {
    return { status, body: reason };
  }
}

async function listen(service: HttpService, idleMsMax = 60_000): Promise<Listener> {
  const limits = { connectionsMax: 100, connectionsPerAddressMax: 100, connectionRateMax: 1000 };
  const { clock, timers } = environment;
  const listener = await Listener.bind({
    environment,
    logger: silentLogger,
    counters: new CounterRegistry(),
    scheme: 'test',
    host: '127.0.0.1',
    port: 0,
    server: {
      connect: (connection) => new HttpSession(connection, service, { clock, timers }),
      close: () => Promise.resolve(),
    },
    limiter: new ConnectionLimiter(limits, clock),
    idleMsMax,
    firstFrameMsMax: 60_000,
  });
  closing.push(() => listener.close(0));
  return listener;
}

interface Received {
  status: number;
  headers: http.IncomingHttpHeaders;
  body: Buffer;
}

function request(options: http.RequestOptions, pieces: readonly Buffer[] = []): Promise<Received> {
  return new Promise((resolve, reject) => {
    const sent = http.request({ host: '127.0.0.1', ...options }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('end', () => {
        const { statusCode, headers } = answer;
        resolve({ status: statusCode!, headers, body: Buffer.concat(chunks) });
      });
    });
    sent.on('error', reject);
    for (const piece of pieces) sent.write(piece);
    sent.end();
  });
}

describe('HTTP over sockets', () => {
  it('serves the agent of Node on connections that stay', async () => {
    const { port } = await listen(new Echo());
    const agent = new http.Agent({ keepAlive: true, maxSockets: 4 });
    closing.push(() => Promise.resolve(agent.destroy()));
    const sizes = Array.from({ length: 60 }, (_, i) => (i % 7 === 0 ? i * 20_000 : i));
    let sockets = 0;
    agent.on('free', () => {
      sockets = Math.max(sockets, Object.values(agent.freeSockets).flat().length);
    });
    const answers = await Promise.all(
      sizes.map((size, i) => {
        const body = Buffer.alloc(size, i);
        // With a length, or in chunks.
        const headers = i % 2 === 0 ? { 'content-length': size, 'x-own': i } : { 'x-own': i };
        const options = { port, agent, method: 'POST', path: `/${i}?a=b`, headers };
        return request(options, size === 0 ? [] : [body]);
      }),
    );
    answers.forEach(({ status, headers, body }, i) => {
      expect(status).toBe(200);
      expect(headers['x-seen']).toBe(`POST /${i}?a=b ${i}`);
      expect(body.equals(Buffer.alloc(sizes[i]!, i))).toBe(true);
    });
    expect(sockets).toBe(4);
  });

  it('understands a client that sends head and body apart, and one that waits for a yes', async () => {
    const { port } = await listen(new Echo());
    const body = Buffer.alloc(100_000, 'x');
    const headers = { expect: '100-continue', 'content-length': body.length };
    const answer = await new Promise<Received>((resolve, reject) => {
      const sent = http.request({ port, host: '127.0.0.1', method: 'PUT', headers }, (message) => {
        const chunks: Buffer[] = [];
        message.on('data', (chunk: Buffer) => chunks.push(chunk));
        message.on('end', () => resolve({ status: 200, headers: {}, body: Buffer.concat(chunks) }));
      });
      sent.on('error', reject);
      sent.on('continue', () => sent.end(body));
    });
    expect(answer.body.equals(body)).toBe(true);
  });

  it('delivers its refusal to a client that goes on sending', async () => {
    const { port } = await listen(new Echo());
    const socket = net.connect(port, '127.0.0.1');
    socket.on('error', () => undefined);
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
    });
    socket.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n');
    for (let i = 0; i < 50; i++) socket.write(Buffer.alloc(65_536));
    await once(socket, 'end');
    expect(text).toMatch(/^HTTP\/1\.1 413 .*\r\nconnection: close\r\n/s);
    socket.destroy();
  });

  it('tells the service when the client gives up', async () => {
    const echo = new Echo();
    const { port } = await listen(echo);
    const socket = net.connect(port, '127.0.0.1');
    socket.write('GET /hold HTTP/1.1\r\nHost: a\r\n\r\n');
    await expect.poll(() => echo.held.length).toBe(1);
    const closed = new Promise<void>((resolve) => {
      echo.held[0]!.onClosed = resolve;
    });
    socket.end();
    await closed;
    expect(echo.held[0]!.closed).toBe(true);
  });

  it('is not idle while an answer is awaited, and idle when it was given', async () => {
    const echo = new Echo();
    const listener = await listen(echo, 150);
    const socket = net.connect(listener.port, '127.0.0.1');
    socket.write('GET /hold HTTP/1.1\r\nHost: a\r\n\r\n');
    await expect.poll(() => echo.held.length).toBe(1);
    const waited = new Promise((resolve) => environment.timers.after(600, () => resolve(0)));
    await waited;
    expect(echo.held[0]!.closed).toBe(false);
    echo.held[0]!.answer({ status: 200, body: 'late' });
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    expect(chunk.toString()).toContain('late');
    await once(socket, 'end');
    await expect.poll(() => listener.connectionCount).toBe(0);
  });

  it('finishes what waits when the listener closes', async () => {
    const echo = new Echo();
    const listener = await listen(echo);
    const agent = new http.Agent({ keepAlive: true });
    closing.push(() => Promise.resolve(agent.destroy()));
    await request({ port: listener.port, agent, path: '/idle' });
    const waiting = request({ port: listener.port, path: '/hold' });
    await expect.poll(() => echo.held.length).toBe(1);
    const closed = listener.close(10_000);
    await expect.poll(() => listener.connectionCount).toBe(1);
    echo.held[0]!.answer({ status: 200, body: 'the last' });
    const answer = await waiting;
    expect(answer.body.toString()).toBe('the last');
    expect(answer.headers.connection).toBe('close');
    await closed;
  });
});
