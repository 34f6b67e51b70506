/**
 * The HTTP listener: GET, HEAD and POST on a table of routes. It uses `node:http` itself, not the environment's
 * network: Node's parser is the one to trust with hostile HTTP, and nothing durable depends on it.
 *
 * Limits: header 8 KiB, a JSON body of 16 MiB for POST and none else, 10 s for headers and request, 64 connections, answers
 * built before they are sent. A request that asks for what is not there is told what is.
 *
 * A POST must say `content-type: application/json`: a page in a browser cannot send that to another origin without asking
 * first, and nobody answers such a question here.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Counters } from '../lib/counters.ts';
import type { Timers } from '../lib/environment/clock.ts';
import type { Logger } from '../lib/logger.ts';
import { hostAllowed } from './host-check.ts';
import { readJsonBody } from './request-body.ts';
import { RouteTable } from './route-table.ts';
import { type Answer, errorAnswer, type Route } from './routes.ts';

export interface HttpListenerOptions {
  host: string;
  port: number;
  routes: readonly Route[];
  /** Whether only names of this machine are accepted in `Host`. */
  loopbackOnly: boolean;
  /** Further accepted names. */
  hosts: readonly string[];
  counters: Counters;
  logger: Logger;
  timers: Timers;
}

export interface HttpListener {
  readonly host: string;
  readonly port: number;
  readonly connectionCount: number;
  /** Stops accepting, lets answers under way finish, then cuts. */
  close(deadlineMs: number): Promise<void>;
}

const HEADER_BYTES_MAX = 8 * 1024;
const REQUEST_MS_MAX = 10_000;
const CONNECTIONS_MAX = 64;
const URL_LENGTH_MAX = 2_048;

/** Rejects with the system's error when the address cannot be bound. */
export async function listenHttp(options: HttpListenerOptions): Promise<HttpListener> {
  const router = new Router(options);
  const server = createServer(
    {
      maxHeaderSize: HEADER_BYTES_MAX,
      headersTimeout: REQUEST_MS_MAX,
      requestTimeout: REQUEST_MS_MAX,
      keepAliveTimeout: REQUEST_MS_MAX,
      connectionsCheckingInterval: 1_000,
    },
    (request, response) => router.respond(request, response),
  );
  server.maxConnections = CONNECTIONS_MAX;
  let connectionCount = 0;
  server.on('connection', (socket) => {
    connectionCount += 1;
    socket.once('close', () => {
      connectionCount -= 1;
    });
  });
  await bind(server, options.host, options.port);
  const { port } = server.address() as AddressInfo;
  return {
    host: options.host,
    port,
    get connectionCount() {
      return connectionCount;
    },
    close: (deadlineMs) => closeServer(server, options.timers, deadlineMs),
  };
}

function bind(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port }, () => {
      server.off('error', reject);
      server.on('error', () => undefined);
      resolve();
    });
  });
}

function closeServer(server: Server, timers: Timers, deadlineMs: number): Promise<void> {
  return new Promise((resolve) => {
    const cut = timers.after(deadlineMs, () => server.closeAllConnections());
    server.close(() => {
      timers.clear(cut);
      resolve();
    });
    server.closeIdleConnections();
  });
}

class Router {
  readonly #options: HttpListenerOptions;
  readonly #routes: RouteTable;

  constructor(options: HttpListenerOptions) {
    this.#options = options;
    this.#routes = new RouteTable(options.routes);
  }

  respond(request: IncomingMessage, response: ServerResponse): void {
    // The body of anything but a POST is not read: the connection ends with the answer, so that it cannot be mistaken for more.
    const hasBody = request.headers['content-length'] || request.headers['transfer-encoding'];
    if (hasBody && request.method !== 'POST') response.setHeader('connection', 'close');
    this.#answer(request, response).then(
      (answer) => this.#send(request, response, answer),
      (error: unknown) => {
        this.#options.logger.error({ error, url: request.url }, 'an HTTP request failed');
        this.#send(
          request,
          response,
          errorAnswer(500, 'internal', 'the request failed; see the log'),
        );
      },
    );
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<Answer> {
    const { loopbackOnly, hosts } = this.#options;
    if (loopbackOnly && !hostAllowed(request.headers.host, hosts)) {
      return errorAnswer(
        421,
        'unknown-host',
        'this listener does not answer to that host name; use 127.0.0.1 or add the name to admin.hosts',
      );
    }
    const method = request.method === 'HEAD' ? 'GET' : request.method;
    if (method !== 'GET' && method !== 'POST') {
      response.setHeader('allow', 'GET, HEAD, POST');
      return errorAnswer(405, 'method-not-allowed', 'only GET, HEAD and POST are offered');
    }
    const target = request.url ?? '/';
    if (target.length > URL_LENGTH_MAX) {
      return errorAnswer(414, 'url-too-long', `a URL may have ${URL_LENGTH_MAX} characters`);
    }
    const [path = '/', query = ''] = target.split('?', 2);
    const found = this.#routes.find(method, path);
    if (found === undefined) return this.#notFound(method, path, response);
    const { route, params } = found;
    const body = method === 'POST' ? await readJsonBody(request) : { value: undefined };
    if ('refused' in body) {
      response.setHeader('connection', 'close');
      return body.refused;
    }
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    const facts = { params, body: body.value, signal: gone.signal };
    return route.handle(new URLSearchParams(query), facts);
  }

  #notFound(method: string, path: string, response: ServerResponse): Answer {
    const other = this.#routes.methodsOf(path);
    if (other.length > 0) {
      response.setHeader('allow', other.join(', ').replace('GET', 'GET, HEAD'));
      const text = `${path} is there for ${other.join(' and ')}, not for ${method}`;
      return errorAnswer(405, 'method-not-allowed', text);
    }
    const there = this.#routes.list();
    return errorAnswer(404, 'not-found', `there is nothing here; there is: ${there.join(', ')}`);
  }

  #send(request: IncomingMessage, response: ServerResponse, answer: Answer): void {
    const labels = { status: String(answer.status) };
    this.#options.counters.counter('polymq_http_requests_total', labels).value += 1;
    const body = Buffer.from(answer.body);
    response.writeHead(answer.status, {
      'content-type': answer.contentType,
      'content-length': body.length,
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    });
    response.end(request.method === 'HEAD' ? undefined : body);
  }
}
