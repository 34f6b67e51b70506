import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { parseAddressRules } from '../address-rules.ts';
import type { OutboundError, OutboundRequest } from '../outbound.ts';
import { createNodeOutbound, type NodeOutboundOptions } from './node-outbound.ts';

const LOCAL = parseAddressRules(['127.0.0.1']);
const closing: (() => void)[] = [];

afterEach(() => {
  for (const close of closing.splice(0)) close();
});

async function portOf(server: net.Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(() => {
    server.close();
    if (server instanceof http.Server) server.closeAllConnections();
  });
  return (server.address() as net.AddressInfo).port;
}

function serve(handle: http.RequestListener): Promise<number> {
  return portOf(http.createServer(handle));
}

/** A server that answers every connection with these bytes. */
function serveRaw(onSocket: (socket: net.Socket) => void): Promise<number> {
  return portOf(
    net.createServer((socket) => {
      closing.push(() => socket.destroy());
      socket.on('error', () => undefined);
      onSocket(socket);
    }),
  );
}

function send(request: Partial<OutboundRequest> & { url: string }, options?: NodeOutboundOptions) {
  return createNodeOutbound(options).request({ method: 'POST', allow: LOCAL, ...request });
}

async function errorOf(promise: Promise<unknown>): Promise<OutboundError> {
  return promise.then(
    () => expect.unreachable('it was answered'),
    (error: OutboundError) => error,
  );
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return (await errorOf(promise)).code;
}

describe('outbound requests', () => {
  it('carry method, path, headers and body, and bring the answer back', async () => {
    const port = await serve((request, response) => {
      let body = '';
      request.on('data', (chunk) => {
        body += chunk;
      });
      request.on('end', () => {
        response.writeHead(201, { 'X-Seen': [`${request.method}`, `${request.url}`] });
        response.end(JSON.stringify({ body, ...request.headers }));
      });
    });
    const answer = await send({
      url: `http://us%65r:p%40ss@127.0.0.1:${port}/a%20b?c=d#e`,
      headers: [['X-Own', 'é'.normalize('NFC')]],
      body: 'grüße',
    });
    expect(answer.status).toBe(201);
    expect(answer.headers.get('x-seen')).toBe('POST, /a%20b?c=d');
    const seen = JSON.parse(answer.body.toString()) as Record<string, string>;
    expect(seen['body']).toBe('grüße');
    expect(seen['content-length']).toBe('7');
    expect(seen['host']).toBe(`127.0.0.1:${port}`);
    expect(seen['authorization']).toBe(`Basic ${Buffer.from('user:p@ss').toString('base64')}`);
  });

  it('do not follow redirects', async () => {
    let requests = 0;
    const port = await serve((_, response) => {
      requests += 1;
      response.writeHead(302, { location: '/elsewhere' }).end();
    });
    const answer = await send({ url: `http://127.0.0.1:${port}/`, method: 'GET' });
    expect(answer.status).toBe(302);
    expect(answer.headers.get('location')).toBe('/elsewhere');
    expect(requests).toBe(1);
  });

  it('keep connections, and survive one that was closed meanwhile', async () => {
    const ports = new Set<number>();
    const server = http.createServer((request, response) => {
      ports.add(request.socket.remotePort!);
      request.resume().on('end', () => response.end('yes'));
    });
    const port = await portOf(server);
    const outbound = createNodeOutbound();
    const request = { url: `http://127.0.0.1:${port}/`, method: 'POST', body: 'x', allow: LOCAL };
    await outbound.request(request);
    await outbound.request(request);
    expect(ports.size).toBe(1);
    server.once('request', (first: http.IncomingMessage) => first.socket.destroy());
    const answer = await outbound.request(request);
    expect(answer.body.toString()).toBe('yes');
    expect(ports.size).toBe(2);
  });

  it('refuse an address that is not public, before connecting', async () => {
    let connections = 0;
    const port = await serveRaw(() => {
      connections += 1;
    });
    const hosts = [
      '127.0.0.1',
      'localhost',
      '2130706433',
      '0x7f.1',
      '0177.0.0.01',
      '0',
      '[::1]',
      '[::ffff:127.0.0.1]',
      '[::127.0.0.1]',
      '[64:ff9b::7f00:1]',
      '169.254.169.254',
    ];
    for (const host of hosts) {
      const error = await errorOf(
        send({ url: `http://${host}:${port}/`, allow: parseAddressRules([]) }),
      );
      expect(error.code, host).toBe('refused-address');
      expect(error.message).toMatch(/may not be connected to: .* is an? /);
    }
    expect(connections).toBe(0);
  });

  it('refuse addresses of this machine even if they are public', async () => {
    const options = {
      resolve: async () => ['203.1.2.3', '::ffff:203.1.2.3'],
      ownAddresses: () => ['203.1.2.3', 'fe80::1%eth0'],
    };
    const error = await errorOf(send({ url: 'http://me.example/' }, options));
    expect(error.code).toBe('refused-address');
    expect(error.message).toContain('an address of this machine');
  });

  it('resolve a name once and connect to what was checked', async () => {
    const port = await serve((request, response) => response.end(request.headers.host));
    let asked = 0;
    // A name that changes its mind between the check and the connection.
    const resolve = async () => (++asked === 1 ? ['127.0.0.1'] : ['169.254.169.254']);
    const outbound = createNodeOutbound({ resolve });
    const request = { url: `http://target.example:${port}/`, method: 'GET', allow: LOCAL };
    const answer = await outbound.request(request);
    expect(answer.body.toString()).toBe(`target.example:${port}`);
    expect(asked).toBe(1);
    // The kept connection is of no use to a name that stands for something else now.
    expect(await codeOf(outbound.request(request))).toBe('refused-address');
  });

  it('ask nobody what an address stands for', async () => {
    const resolve = async () => ['8.8.8.8'];
    const url = 'http://127.0.0.1:1/';
    expect(await codeOf(send({ url, allow: parseAddressRules([]) }, { resolve }))).toBe(
      'refused-address',
    );
  });

  it('use no kept connection to an address that the name does not stand for any more', async () => {
    const port = await serve((_, response) => response.end());
    let asked = 0;
    const resolve = async () => (++asked === 1 ? ['127.0.0.1'] : ['127.0.0.2']);
    const outbound = createNodeOutbound({ resolve });
    const allow = parseAddressRules(['127.0.0.0/8']);
    const url = `http://target.example:${port}/`;
    const request = { url, method: 'GET', allow, connectTimeoutMs: 500 };
    await outbound.request(request);
    expect(['connect', 'timeout']).toContain(await codeOf(outbound.request(request)));
  });

  it('leave out the addresses of a name that may not be connected to', async () => {
    const port = await serve((_, response) => response.end('here'));
    const resolve = async () => ['10.0.0.1', '169.254.169.254', '127.0.0.1'];
    const answer = await send({ url: `http://target.example:${port}/` }, { resolve });
    expect(answer.body.toString()).toBe('here');
  });

  it.each([
    ['nonsense', 'bad-url'],
    ['/path', 'bad-url'],
    ['ftp://example.com/', 'bad-url'],
    ['file:///etc/passwd', 'bad-url'],
    ['http://', 'bad-url'],
    ['http://a b/', 'bad-url'],
    ['http://127.0.0.1:70000/', 'bad-url'],
  ])('to %s are refused as %s', async (url, code) => {
    expect(await codeOf(send({ url }))).toBe(code);
  });

  it('with headers that break HTTP are refused', async () => {
    const url = 'http://127.0.0.1:1/';
    expect(await codeOf(send({ url, headers: [['a', 'b\r\nc: d']] }))).toBe('bad-request');
    expect(await codeOf(send({ url, headers: [['a b', 'c']] }))).toBe('bad-request');
    expect(await codeOf(send({ url, method: 'GE T' }))).toBe('bad-request');
  });

  it('tell what is wrong with a target', async () => {
    const closed = await serveRaw(() => undefined);
    for (const close of closing.splice(0)) close();
    const url = `http://127.0.0.1:${closed}/`;
    const error = await errorOf(send({ url }));
    expect(error.code).toBe('connect');
    expect(error.message).toContain(`127.0.0.1:${closed}: ECONNREFUSED`);
    const silent = await serveRaw((socket) => socket.end());
    expect(await codeOf(send({ url: `http://127.0.0.1:${silent}/` }))).toBe('connection-lost');
    const noHttp = await serveRaw((socket) => socket.end('220 mail.example ESMTP\r\n'));
    expect(await codeOf(send({ url: `http://127.0.0.1:${noHttp}/` }))).toBe('bad-answer');
    expect(await codeOf(send({ url: `https://127.0.0.1:${noHttp}/` }))).toBe('tls');
    const half = await serveRaw((socket) =>
      socket.end('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf'),
    );
    const broken = await errorOf(send({ url: `http://127.0.0.1:${half}/` }));
    expect([broken.code, broken.status]).toEqual(['connection-lost', 200]);
    const failing = { resolve: () => Promise.reject(new Error('no such name')) };
    expect(await codeOf(send({ url: 'http://a.example/' }, failing))).toBe('resolve');
    const nothing = { resolve: async () => [] };
    expect(await codeOf(send({ url: 'http://a.example/' }, nothing))).toBe('resolve');
  });

  it('do not become something else when the target switches protocols', async () => {
    const port = await serveRaw((socket) =>
      socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n'),
    );
    expect(await codeOf(send({ url: `http://127.0.0.1:${port}/` }))).toBe('connection-lost');
  });

  it('give up after their time', async () => {
    const port = await serve((request) => request.resume());
    const error = await errorOf(send({ url: `http://127.0.0.1:${port}/`, timeoutMs: 50 }));
    expect(error.code).toBe('timeout');
    const trickle = await serveRaw((socket) => {
      const timer = setInterval(() => socket.write('x'), 10);
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n');
      socket.on('close', () => clearInterval(timer));
    });
    const slow = await errorOf(send({ url: `http://127.0.0.1:${trickle}/`, timeoutMs: 80 }));
    expect(slow.code).toBe('timeout');
  });

  it('give up connecting after its time, of which finding the name is part', async () => {
    const resolve = () => new Promise<string[]>(() => undefined);
    const url = 'http://a.example/';
    const error = await errorOf(send({ url, connectTimeoutMs: 50 }, { resolve }));
    expect(error.code).toBe('timeout');
    expect(error.message).toContain('connecting to');
    // TCP connects, TLS does not answer.
    const port = await serveRaw(() => undefined);
    const mute = await errorOf(send({ url: `https://127.0.0.1:${port}/`, connectTimeoutMs: 50 }));
    expect(mute.code).toBe('timeout');
  });

  it('are cut when the answer is too large, with a length and without', async () => {
    let closed = 0;
    const port = await serve((request, response) => {
      response.on('close', () => {
        closed += 1;
      });
      if (request.url === '/length') response.setHeader('content-length', 1e9);
      const more = (): void => {
        while (response.write(Buffer.alloc(16_384)));
        response.once('drain', more);
      };
      more();
    });
    for (const path of ['/length', '/chunks']) {
      const error = await errorOf(send({ url: `http://127.0.0.1:${port}${path}` }));
      expect([error.code, error.status]).toEqual(['response-too-large', 200]);
    }
    await expect.poll(() => closed).toBe(2);
    const fits = await serve((_, response) => response.end(Buffer.alloc(64 * 1024)));
    expect((await send({ url: `http://127.0.0.1:${fits}/` })).body.length).toBe(64 * 1024);
  });

  it('can be given up', async () => {
    const port = await serve((request) => request.resume());
    const url = `http://127.0.0.1:${port}/`;
    const controller = new AbortController();
    const waiting = send({ url, signal: controller.signal });
    setTimeout(() => controller.abort(), 20);
    expect(await codeOf(waiting)).toBe('aborted');
    expect(await codeOf(send({ url, signal: controller.signal }))).toBe('aborted');
  });

  it('run a bounded number at once, and a target of its own cannot hold up the others', async () => {
    let atOnce = 0;
    let atOnceMax = 0;
    const held: http.ServerResponse[] = [];
    const slow = await serve((_, response) => {
      atOnce += 1;
      atOnceMax = Math.max(atOnceMax, atOnce);
      held.push(response);
    });
    const quick = await serve((_, response) => response.end());
    const limits = { runningMax: 4, runningPerTargetMax: 3, waitingMax: 5 };
    const outbound = createNodeOutbound({ limits });
    const post = (port: number, signal?: AbortSignal) =>
      outbound.request({
        url: `http://127.0.0.1:${port}/`,
        method: 'POST',
        allow: LOCAL,
        ...(signal && { signal }),
      });
    const slowOnes = Array.from({ length: 7 }, () => post(slow));
    await expect.poll(() => held.length).toBe(3);
    await post(quick);
    const controller = new AbortController();
    const given = post(slow, controller.signal);
    expect(await codeOf(post(slow))).toBe('busy');
    controller.abort();
    expect(await codeOf(given)).toBe('aborted');
    const answered = Promise.all(slowOnes);
    const pump = setInterval(() => {
      const response = held.shift();
      if (response === undefined) return;
      atOnce -= 1;
      response.end();
    }, 5);
    await answered;
    clearInterval(pump);
    expect(atOnceMax).toBe(3);
    await post(quick);
  });
});
