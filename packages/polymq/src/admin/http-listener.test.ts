import { request } from 'node:http';
import { connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { CounterRegistry } from '../lib/counters.ts';
import { silentLogger } from '../lib/logger.ts';
import { type HttpListener, listenHttp } from './http-listener.ts';
import { json, type Route } from './routes.ts';

const ROUTES: Route[] = [
  { path: '/echo', doc: 'the query', handle: (query) => json(200, Object.fromEntries(query)) },
  {
    path: '/broken',
    doc: 'always fails',
    handle: () => {
      throw new Error('secret detail');
    },
  },
];

const POSTED: Route = {
  method: 'POST',
  path: '/things/{name}/take',
  doc: 'takes a thing',
  handle: (_, { params, body }) => json(200, { params, body }),
};

const timers = {
  after: (delayMs: number, callback: () => void) => setTimeout(callback, delayMs),
  clear: (timer: unknown) => clearTimeout(timer as NodeJS.Timeout),
  immediate: (callback: () => void) => void setImmediate(callback),
};

let listener: HttpListener | undefined;

afterEach(async () => {
  await listener?.close(0);
  listener = undefined;
});

async function listen(hosts: string[] = [], loopbackOnly = true): Promise<HttpListener> {
  listener = await listenHttp({
    host: '127.0.0.1',
    port: 0,
    routes: [...ROUTES, POSTED],
    loopbackOnly,
    hosts,
    counters: new CounterRegistry(),
    logger: silentLogger,
    timers,
  });
  return listener;
}

interface Sent {
  status: number;
  body: string;
  headers: Record<string, unknown>;
}

function send(
  path: string,
  options: { method?: string; host?: string; body?: string } = {},
): Promise<Sent> {
  return new Promise((resolve, reject) => {
    const headers = options.host === undefined ? {} : { host: options.host };
    const { method = 'GET' } = options;
    const call = request(
      { port: listener!.port, path, method, headers, agent: false },
      (answer) => {
        let body = '';
        answer.setEncoding('utf8').on('data', (text: string) => {
          body += text;
        });
        answer.on('end', () =>
          resolve({ status: answer.statusCode!, body, headers: answer.headers }),
        );
      },
    );
    call.on('error', reject);
    call.end(options.body);
  });
}

/** Sends bytes as they are and returns all that comes back. */
function sendRaw(text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(listener!.port, '127.0.0.1');
    let received = '';
    socket.setEncoding('utf8').on('data', (more: string) => {
      received += more;
    });
    socket.on('close', () => resolve(received));
    socket.on('error', reject);
    socket.write(text);
  });
}

describe('the HTTP listener', () => {
  it('hands a route its query', async () => {
    await listen();
    const { status, body } = await send('/echo?a=1&b=%20');
    expect([status, JSON.parse(body)]).toEqual([200, { a: '1', b: ' ' }]);
  });

  it('answers HEAD with the length and without the body', async () => {
    await listen();
    const { status, body, headers } = await send('/echo', { method: 'HEAD' });
    expect([status, body, headers['content-length']]).toEqual([200, '', '3']);
  });

  it('hands a JSON body and the names in a path to a POST', async () => {
    await listen();
    const { status, body } = await post('/things/a%2Fb/take', '{"n":1}');
    expect([status, JSON.parse(body)]).toEqual([200, { params: { name: 'a/b' }, body: { n: 1 } }]);
  });

  it('refuses bodies that a page of another origin could send, and what is no JSON', async () => {
    await listen();
    expect((await post('/things/a/take', '{}', 'text/plain')).status).toBe(415);
    expect((await post('/things/a/take', '{}', '')).status).toBe(415);
    expect((await post('/things/a/take', '{"n":')).status).toBe(400);
  });

  it('says for which method a path is there', async () => {
    await listen();
    const { status, headers } = await send('/things/a/take');
    expect([status, headers['allow']]).toEqual([405, 'POST']);
  });

  it('refuses other methods and says which there are', async () => {
    await listen();
    const { status, headers } = await send('/echo', { method: 'POST', body: 'x' });
    expect([status, headers['allow']]).toEqual([405, 'GET, HEAD']);
  });

  it('tells nothing of an inner failure', async () => {
    await listen();
    const { status, body } = await send('/broken');
    expect(status).toBe(500);
    expect(body).not.toContain('secret detail');
  });

  it('answers on loopback only to names of this machine, against DNS rebinding', async () => {
    await listen(['broker.test']);
    for (const host of ['localhost', 'localhost:1', '127.0.0.1', '[::1]:80', 'BROKER.test.']) {
      expect((await send('/echo', { host })).status).toBe(200);
    }
    for (const host of ['evil.example', 'localhost.evil.example', 'a:b:c']) {
      expect((await send('/echo', { host })).status).toBe(421);
    }
  });

  it('answers to any name when it is bound beyond this machine', async () => {
    await listen([], false);
    expect((await send('/echo', { host: 'broker.example' })).status).toBe(200);
  });

  it('closes the connection of a request with a body, which it does not read', async () => {
    await listen();
    const smuggled = 'GET /echo?smuggled=1 HTTP/1.1\r\nHost: localhost\r\n\r\n';
    const answer = await sendRaw(
      `GET /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${smuggled.length}\r\n\r\n${smuggled}`,
    );
    expect(answer.match(/HTTP\/1\.1 200/g)).toHaveLength(1);
    expect(answer).not.toContain('smuggled');
  });

  it('refuses what is no HTTP, a header that is too large, and a URL that is too long', async () => {
    await listen();
    expect(await sendRaw('\x16\x03\x01 nonsense\r\n\r\n')).toContain('400 Bad Request');
    const large = `GET /echo HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(10_000)}\r\n\r\n`;
    expect(await sendRaw(large)).toContain('431');
    expect((await send(`/echo?${'x'.repeat(3_000)}`)).status).toBe(414);
  });
});

async function post(
  path: string,
  body: string,
  contentType: string | undefined = 'application/json',
): Promise<{ status: number; body: string }> {
  const headers = contentType === undefined ? {} : { 'content-type': contentType };
  const url = `http://127.0.0.1:${listener!.port}${path}`;
  const response = await fetch(url, { method: 'POST', body: Buffer.from(body), headers });
  return { status: response.status, body: await response.text() };
}
