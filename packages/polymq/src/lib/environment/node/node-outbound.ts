/**
 * Webhooks over `node:http` and `node:https`.
 *
 *   turn ─► URL ─► addresses (resolved once) ─► those that are allowed ─► connect to one of them ─► answer
 *
 * The name is resolved here, and the connection gets the addresses that were checked instead of the name: what the name
 * stands for a moment later plays no part. A connection that is kept is used again only for a target whose
 * addresses, resolved and checked anew, are the same. A request that was sent on a kept connection which the
 * peer had just closed is sent again, once, on a new one.
 */
import { lookup as lookUp } from 'node:dns';
import http from 'node:http';
import https from 'node:https';
import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { addressRefusal, canonicalAddress, NO_ADDRESS_RULES } from '../address-rules.ts';
import {
  type Outbound,
  type OutboundAnswer,
  OutboundError,
  type OutboundErrorCode,
  type OutboundRequest,
} from '../outbound.ts';
import { OutboundTurns, type TurnLimits } from './outbound-turns.ts';

const TIMEOUT_MS = 15_000;
const CONNECT_TIMEOUT_MS = 5_000;
const RESPONSE_BYTES_MAX = 64 * 1024;

const LIMITS: TurnLimits = { runningMax: 50, runningPerTargetMax: 20, waitingMax: 10_000 };
/** Shorter than servers keep idle connections, which is 5 s for many. */
const KEPT_MS = 4_000;
const KEPT_MAX = 50;
/** How long the addresses of this machine are taken for the same. */
const OWN_ADDRESSES_MS = 10_000;

export interface NodeOutboundOptions {
  /** The addresses of a name. Missing: as the system finds them. */
  readonly resolve?: (hostname: string) => Promise<readonly string[]>;
  /** Addresses of this machine, which are no targets. Missing: those of its interfaces. */
  readonly ownAddresses?: () => readonly string[];
  readonly limits?: Partial<TurnLimits>;
}

interface Target {
  readonly url: URL;
  /** Checked, at least one. */
  readonly addresses: readonly string[];
}

export function createNodeOutbound(options: NodeOutboundOptions = {}): Outbound {
  const turns = new OutboundTurns({ ...LIMITS, ...options.limits });
  const resolve = options.resolve ?? resolveName;
  const ownAddresses = remembered(options.ownAddresses ?? addressesOfInterfaces);
  const agents = createAgents();
  return {
    request: async (request) => {
      const url = parseUrl(request.url);
      if (request.signal?.aborted) throw new OutboundError('aborted', 'given up before it began');
      await turns.enter(url.host, request.signal);
      const deadline = new Deadline(request, url);
      try {
        const addresses = await deadline.race(addressesOf(url, resolve));
        const target = { url, addresses: allowedOf(addresses, url, request, ownAddresses()) };
        return await exchange(target, request, deadline, agents);
      } finally {
        deadline.clear();
        turns.leave(url.host);
      }
    },
  };
}

function parseUrl(text: string): URL {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new OutboundError('bad-url', `"${text}" is no URL`);
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new OutboundError('bad-url', `"${url.protocol}" is not requested; use http or https`);
  }
  return url;
}

/** Without the brackets of an IPv6 address. */
function bareHost(url: URL): string {
  return url.hostname.startsWith('[') ? url.hostname.slice(1, -1) : url.hostname;
}

/** An address stands for itself: nobody would ask the resolver about it when connecting. */
function addressesOf(
  url: URL,
  resolve: (hostname: string) => Promise<readonly string[]>,
): Promise<readonly string[]> {
  const host = bareHost(url);
  return isIP(host) !== 0 ? Promise.resolve([host]) : resolve(host).catch(notResolved(url));
}

function resolveName(hostname: string): Promise<readonly string[]> {
  return new Promise((resolve, reject) => {
    lookUp(hostname, { all: true }, (error, found) => {
      if (error) reject(error);
      else resolve(found.map(({ address }) => address));
    });
  });
}

function notResolved(url: URL): (error: unknown) => never {
  return (error) => {
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    throw new OutboundError('resolve', `the name ${url.hostname} has no address: ${code}`);
  };
}

/** Those that may be connected to. */
function allowedOf(
  addresses: readonly string[],
  url: URL,
  request: OutboundRequest,
  own: ReadonlySet<string>,
): readonly string[] {
  const allow = request.allow ?? NO_ADDRESS_RULES;
  const reasons: string[] = [];
  const allowed = addresses.filter((address) => {
    let reason = addressRefusal(address, allow);
    if (reason === undefined && !allow.allows(address) && own.has(canonicalAddress(address)!)) {
      reason = 'an address of this machine';
    }
    if (reason !== undefined) reasons.push(`${address} is ${reason}`);
    return reason === undefined;
  });
  if (allowed.length > 0) return allowed;
  if (reasons.length === 0) {
    throw new OutboundError('resolve', `the name ${url.hostname} has no address`);
  }
  const text = `${url.hostname} may not be connected to: ${reasons.slice(0, 3).join(', ')}`;
  throw new OutboundError('refused-address', text);
}

/** The time limits of one request, and its being given up. */
class Deadline {
  /** Called once with what ends the request before its answer is there. */
  onEnd: ((error: OutboundError) => void) | undefined;
  readonly #url: URL;
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #signal: AbortSignal | undefined;
  #connectTimer: NodeJS.Timeout | undefined;
  #ended: OutboundError | undefined;

  constructor(request: OutboundRequest, url: URL) {
    const { timeoutMs = TIMEOUT_MS, connectTimeoutMs = CONNECT_TIMEOUT_MS } = request;
    this.#url = url;
    const late = (what: string, ms: number): NodeJS.Timeout =>
      setTimeout(() => {
        this.#end(new OutboundError('timeout', `${what} of ${this.#url.host} took over ${ms} ms`));
      }, ms);
    this.#connectTimer = late('connecting to', connectTimeoutMs);
    this.#timers.push(this.#connectTimer, late('the answer', timeoutMs));
    this.#signal = request.signal;
    this.#signal?.addEventListener('abort', this.#abort, { once: true });
  }

  get isConnected(): boolean {
    return this.#connectTimer === undefined;
  }

  connected(): void {
    clearTimeout(this.#connectTimer);
    this.#connectTimer = undefined;
  }

  /** The promise's outcome, or the end if that comes first. */
  race<Result>(promise: Promise<Result>): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.listen(reject);
      promise.then(resolve, reject);
    });
  }

  listen(onEnd: (error: OutboundError) => void): void {
    if (this.#ended) onEnd(this.#ended);
    else this.onEnd = onEnd;
  }

  clear(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#signal?.removeEventListener('abort', this.#abort);
    this.onEnd = undefined;
  }

  #abort = (): void => {
    this.#end(new OutboundError('aborted', `the request to ${this.#url.host} was given up`));
  };

  #end(error: OutboundError): void {
    this.#ended ??= error;
    this.onEnd?.(error);
  }
}

interface Agents {
  readonly http: http.Agent;
  readonly https: https.Agent;
}

/** Options of a request, with what tells kept connections apart. */
type PinnedOptions = https.RequestOptions & { pinned: string };

function createAgents(): Agents {
  const options = { keepAlive: true, maxFreeSockets: KEPT_MAX, timeout: KEPT_MS };
  return { http: new PinnedHttpAgent(options), https: new PinnedHttpsAgent(options) };
}

class PinnedHttpAgent extends http.Agent {
  override getName(options: http.ClientRequestArgs = {}): string {
    return `${super.getName(options)}:${(options as PinnedOptions).pinned}`;
  }
}

class PinnedHttpsAgent extends https.Agent {
  override getName(options: https.RequestOptions = {}): string {
    return `${super.getName(options)}:${(options as PinnedOptions).pinned}`;
  }
}

async function exchange(
  target: Target,
  request: OutboundRequest,
  deadline: Deadline,
  agents: Agents,
): Promise<OutboundAnswer> {
  try {
    return await attempt(target, request, deadline, agents);
  } catch (error) {
    if (!(error instanceof StaleConnection)) throw error;
    return await attempt(target, request, deadline, undefined);
  }
}

/** A connection that was kept had been closed by the peer. */
class StaleConnection extends Error {}

/** `agents` missing: on a new connection. */
function attempt(
  target: Target,
  request: OutboundRequest,
  deadline: Deadline,
  agents: Agents | undefined,
): Promise<OutboundAnswer> {
  return new Promise((resolve, reject) => {
    const { url } = target;
    let status: number | undefined;
    let sent: http.ClientRequest;
    try {
      const secure = url.protocol === 'https:';
      const agent = secure ? agents?.https : agents?.http;
      const options = { ...optionsOf(target, request), agent: agent ?? false };
      sent = secure ? https.request(options) : http.request(options);
    } catch (error) {
      reject(new OutboundError('bad-request', (error as Error).message));
      return;
    }
    const fail = (error: Error): void => {
      reject(error);
      sent.destroy();
    };
    deadline.listen(fail);
    sent.on('error', (error: NodeJS.ErrnoException) => {
      if (sent.reusedSocket && status === undefined && agents && isReset(error)) {
        reject(new StaleConnection());
      } else fail(typed(error, url, deadline.isConnected, status));
    });
    sent.on('close', () => {
      if (status === undefined) reject(lost(url, status));
    });
    watchConnecting(sent, url, deadline);
    sent.on('response', (answer) => {
      status = answer.statusCode;
      const bytesMax = request.responseBytesMax ?? RESPONSE_BYTES_MAX;
      readAnswer(answer, { url, bytesMax, done: resolve, fail });
    });
    sent.end(request.body);
  });
}

function optionsOf({ url, addresses }: Target, request: OutboundRequest): PinnedOptions {
  const body = request.body ?? '';
  const headers: http.OutgoingHttpHeaders = {};
  if (request.body !== undefined || request.method !== 'GET') {
    headers['content-length'] = Buffer.byteLength(body);
  }
  for (const [name, value] of request.headers ?? []) headers[name.toLowerCase()] = value;
  const found = addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
  const options: PinnedOptions = {
    method: request.method,
    host: bareHost(url),
    port: url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port),
    path: `${url.pathname}${url.search}`,
    headers,
    pinned: addresses.join(),
    lookup: ((_name: string, how: { all?: boolean }, done: (...found: unknown[]) => void) => {
      if (how.all) done(null, found);
      else done(null, found[0]!.address, found[0]!.family);
    }) as NonNullable<http.RequestOptions['lookup']>,
  };
  if (url.username !== '' || url.password !== '') {
    options.auth = `${decoded(url.username)}:${decoded(url.password)}`;
  }
  return options;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function watchConnecting(sent: http.ClientRequest, url: URL, deadline: Deadline): void {
  sent.on('socket', (socket) => {
    if (!socket.connecting && (url.protocol === 'http:' || sent.reusedSocket)) {
      deadline.connected();
      return;
    }
    socket.once(url.protocol === 'https:' ? 'secureConnect' : 'connect', () => {
      deadline.connected();
    });
  });
}

interface Reading {
  url: URL;
  bytesMax: number;
  done(answer: OutboundAnswer): void;
  fail(error: OutboundError): void;
}

function readAnswer(answer: http.IncomingMessage, reading: Reading): void {
  const { url, bytesMax } = reading;
  const status = answer.statusCode ?? 0;
  const chunks: Buffer[] = [];
  let bytes = 0;
  answer.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= bytesMax) chunks.push(chunk);
    else {
      const text = `the answer of ${url.host} is larger than ${bytesMax} bytes`;
      reading.fail(new OutboundError('response-too-large', text, status));
    }
  });
  answer.on('end', () => {
    const headers = new Map<string, string>();
    for (const [name, values] of Object.entries(answer.headersDistinct)) {
      if (values !== undefined) headers.set(name, values.join(', '));
    }
    if (answer.complete) reading.done({ status, headers, body: Buffer.concat(chunks) });
  });
  // What comes after an end, or after a failure, changes nothing any more.
  answer.on('error', () => reading.fail(lost(url, status)));
  answer.on('close', () => {
    if (!answer.complete) reading.fail(lost(url, status));
  });
}

function lost(url: URL, status: number | undefined): OutboundError {
  const text = `the connection to ${url.host} was closed before the answer was whole`;
  return new OutboundError('connection-lost', text, status);
}

function isReset(error: NodeJS.ErrnoException): boolean {
  return error.code === 'ECONNRESET' || error.code === 'EPIPE';
}

function typed(
  error: NodeJS.ErrnoException,
  url: URL,
  connected: boolean,
  status: number | undefined,
): OutboundError {
  const reason = error.code ?? error.message;
  if (isTls(error)) {
    return new OutboundError('tls', `TLS with ${url.host} failed: ${error.message}`, status);
  }
  if (reason.startsWith('HPE_')) {
    return new OutboundError('bad-answer', `${url.host} answered no HTTP: ${reason}`, status);
  }
  const code: OutboundErrorCode = connected ? 'connection-lost' : 'connect';
  const what = connected ? `the connection to ${url.host} broke` : `cannot connect to ${url.host}`;
  return new OutboundError(code, `${what}: ${reason}`, status);
}

function isTls({ code = '' }: NodeJS.ErrnoException): boolean {
  return (
    /^(?:ERR_TLS|ERR_SSL|CERT_|EPROTO$|UNABLE_TO_|DEPTH_ZERO_|HOSTNAME_MISMATCH)/.test(code) ||
    code.includes('SELF_SIGNED')
  );
}

function addressesOfInterfaces(): readonly string[] {
  return Object.values(networkInterfaces()).flatMap((all) => (all ?? []).map((one) => one.address));
}

/** Asks again after a while only. */
function remembered(addresses: () => readonly string[]): () => ReadonlySet<string> {
  let known = new Set<string>();
  let askedMs = Number.NEGATIVE_INFINITY;
  return () => {
    if (performance.now() - askedMs > OWN_ADDRESSES_MS) {
      askedMs = performance.now();
      known = new Set(addresses().flatMap((address) => canonicalAddress(address) ?? []));
    }
    return known;
  };
}
