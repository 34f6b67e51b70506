/**
 * Binds the listeners of all protocols and of HTTP, and stops them again.
 *
 * A protocol that is listened on gets one server, shared by all its listeners, plain and WebSocket. An address that somebody asked for
 * must be bound, or the start fails; a usual port that another program has is skipped.
 */
import { listenHttp } from '../admin/http-listener.ts';
import type { Route } from '../admin/routes.ts';
import type { Broker } from '../core/broker.ts';
import type { Counters } from '../lib/counters.ts';
import type { Environment } from '../lib/environment/environment.ts';
import type { Logger } from '../lib/logger.ts';
import { ConnectionLimiter } from '../net/connection-limiter.ts';
import { Listener, type WebSocketOptions } from '../net/listener.ts';
import { isLoopback } from '../net/loopback.ts';
import type { Protocol, ProtocolServer, WebSocketScheme } from '../net/protocol.ts';
import { OriginRule } from '../net/websocket/origin-rule.ts';
import { formatHostPort, formatUrl } from './address.ts';
import { settingRows } from './config/rows.ts';
import { type Config, SETTINGS } from './config/settings.ts';
import type { Lifecycle } from './lifecycle.ts';
import {
  type ListenScheme,
  type PlannedListener,
  planAdvertised,
  planListeners,
} from './listen-plan.ts';
import { connectionsPossible } from './open-files.ts';
import { HTTP_DEFAULT_PORT, HTTP_SCHEME, PROTOCOLS } from './protocols.ts';
import { version } from './version.ts';

export interface BoundListener {
  readonly protocol: string;
  readonly host: string;
  /** The port really bound. */
  readonly port: number;
  /** `kafka://127.0.0.1:9092` */
  readonly url: string;
  /** Connections that are open now. */
  readonly connectionCount: number;
}

export interface SkippedListener {
  readonly protocol: string;
  readonly url: string;
  readonly reason: string;
}

export interface ListenersOptions {
  config: Config;
  environment: Environment;
  logger: Logger;
  counters: Counters;
  lifecycle: Lifecycle;
  broker: Broker;
  routes: readonly Route[];
  plan: ListeningPlan;
  /** A usual port that another program has: do without that listener, or take any free port. */
  takenPorts: 'skip' | 'replace';
  /** How long a stop may wait for requests in flight, asked when it begins. */
  deadlineMs: () => number;
}

/** What the settings say about listening, checked before anything is opened. */
export interface ListeningPlan {
  readonly listeners: readonly PlannedListener[];
  readonly advertised: ReadonlyMap<string, { host: string; port: number }>;
}

/** What a listener is to those who stop it and count its connections. */
interface Stoppable {
  readonly port: number;
  readonly connectionCount: number;
  close(deadlineMs: number): Promise<void>;
}

/** Those whose clients can be told another address. */
const PLAIN_SCHEMES = [...PROTOCOLS, { scheme: HTTP_SCHEME, defaultPort: HTTP_DEFAULT_PORT }];
const SCHEMES: readonly ListenScheme[] = [
  ...PLAIN_SCHEMES,
  ...PROTOCOLS.flatMap(({ webSocket }) => (webSocket ? { ...webSocket, onRequest: true } : [])),
];

/** A listener could not be bound. The message names the address and what to do. */
export class ListenError extends Error {}

/** Throws `ConfigError`. */
export function planListening(
  config: Config,
  { quiet = false }: { quiet?: boolean } = {},
): ListeningPlan {
  const none = quiet && config.listen.length === 0;
  return {
    listeners: none ? [] : planListeners(config.listen, SCHEMES),
    advertised: planAdvertised(config.advertise, PLAIN_SCHEMES),
  };
}

export async function startListeners(
  options: ListenersOptions,
): Promise<{ listeners: BoundListener[]; skipped: SkippedListener[] }> {
  const { config, environment, lifecycle, deadlineMs } = options;
  const planned = options.plan.listeners;
  const servers = await openServers(options);
  const limiter = new ConnectionLimiter(
    {
      connectionsMax: await connectionsPossible(
        config.limits.connectionsMax,
        environment.disk,
        options.logger,
      ),
      connectionsPerAddressMax: config.limits.connectionsPerAddressMax,
      connectionRateMax: config.limits.connectionsPerSecondMax,
    },
    environment.clock,
  );
  const listeners: BoundListener[] = [];
  const skipped: SkippedListener[] = [];
  const start = (plan: PlannedListener) =>
    lifecycle.start<Stoppable>(
      `${plan.scheme} listener`,
      () => bind(plan, options, servers, limiter),
      (listener) => listener.close(deadlineMs()),
    );
  // HTTP is bound first and so stopped last: it says `not ready` while the others drain.
  for (const plan of [...planned].sort(httpFirst)) {
    try {
      listeners.push(describe(plan, await start(plan)));
    } catch (error: unknown) {
      if (plan.requested || errorCode(error) !== 'EADDRINUSE') throw listenError(plan, error);
      if (options.takenPorts === 'skip') skipped.push(skippedBecauseTaken(plan));
      else listeners.push(describe(plan, await start({ ...plan, port: 0 })));
    }
    warnIfOpen(plan, options.logger);
  }
  // What is left when all usual ports are taken but that of HTTP would be a broker for nobody.
  const useful = listeners.some(({ protocol }) => protocol !== HTTP_SCHEME);
  if (!useful && skipped.length > 0) throw nothingBound(skipped);
  return { listeners: listeners.sort(inOrderOf(planned)), skipped };
}

function describe({ scheme, host }: PlannedListener, bound: Stoppable): BoundListener {
  return {
    protocol: scheme,
    host,
    port: bound.port,
    url: formatUrl(scheme, host, bound.port),
    get connectionCount() {
      return bound.connectionCount;
    },
  };
}

/** One server per protocol that is listened on, whatever the number of its listeners. */
async function openServers(options: ListenersOptions): Promise<Map<string, ProtocolServer>> {
  const { listeners, advertised } = options.plan;
  const servers = new Map<string, ProtocolServer>();
  for (const protocol of PROTOCOLS) {
    if (!listeners.some(({ scheme }) => protocolOf(scheme) === protocol)) continue;
    const server = await options.lifecycle.start(
      `${protocol.scheme} server`,
      () => openServer(protocol, options, advertised.get(protocol.scheme)),
      (opened) => opened.close(),
    );
    servers.set(protocol.scheme, server);
  }
  return servers;
}

function openServer(
  protocol: Protocol,
  options: ListenersOptions,
  advertised: { host: string; port: number } | undefined,
): ProtocolServer {
  const { config, environment, broker, logger, counters } = options;
  return protocol.open({
    environment,
    broker,
    logger: logger.child({ protocol: protocol.scheme }),
    counters,
    advertised,
    limits: config.limits,
    settings: settingTexts(config, false),
    secrets: settingTexts(config, true),
    version: version(),
  });
}

/** Every setting that is a secret, or none, as text, by its name in the table. */
function settingTexts(config: Config, secret: boolean): Map<string, string> {
  const texts = new Map<string, string>();
  for (const { name, path, setting } of settingRows(SETTINGS)) {
    if ((setting.secret ?? false) !== secret) continue;
    const value = path.reduce<unknown>(
      (node, key) => (node as Record<string, unknown>)[key],
      config,
    );
    texts.set(name, String(value));
  }
  return texts;
}

function bind(
  plan: PlannedListener,
  options: ListenersOptions,
  servers: ReadonlyMap<string, ProtocolServer>,
  limiter: ConnectionLimiter,
): Promise<Stoppable> {
  const { config, environment, counters } = options;
  const { scheme, host, port } = plan;
  const logger = options.logger.child({ protocol: scheme });
  const protocol = protocolOf(scheme);
  const server = protocol && servers.get(protocol.scheme);
  if (server === undefined) {
    return listenHttp({
      host,
      port,
      routes: options.routes,
      loopbackOnly: isLoopback(host),
      hosts: config.admin.hosts,
      counters,
      logger,
      timers: environment.timers,
    });
  }
  return Listener.bind({
    environment,
    logger,
    counters,
    scheme,
    host,
    port,
    server,
    webSocket: webSocketOptions(protocol?.webSocket, plan, config),
    limiter,
    idleMsMax: config.limits.idleMs,
    firstFrameMsMax: config.limits.firstFrameMs,
  });
}

/** That of the scheme, whether plain or in WebSocket messages. */
function protocolOf(scheme: string): Protocol | undefined {
  return PROTOCOLS.find((protocol) => {
    return protocol.scheme === scheme || protocol.webSocket?.scheme === scheme;
  });
}

function webSocketOptions(
  row: WebSocketScheme | undefined,
  { scheme, host }: PlannedListener,
  config: Config,
): WebSocketOptions | undefined {
  if (row?.scheme !== scheme) return undefined;
  return {
    subprotocols: row.subprotocols,
    mayBeText: row.mayBeText,
    origins: new OriginRule(isLoopback(host), config.websocket.origins),
    messageBytesMax: config.limits.frameBytesMax,
  };
}

function httpFirst(a: PlannedListener, b: PlannedListener): number {
  return Number(b.scheme === HTTP_SCHEME) - Number(a.scheme === HTTP_SCHEME);
}

function inOrderOf(planned: readonly PlannedListener[]) {
  const place = (listener: BoundListener) =>
    planned.findIndex(({ scheme }) => scheme === listener.protocol);
  return (a: BoundListener, b: BoundListener): number => place(a) - place(b);
}

function errorCode(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException | undefined)?.code;
}

function listenError({ scheme, host, port }: PlannedListener, error: unknown): Error {
  const url = formatUrl(scheme, host, port);
  const flag = `--listen ${url}`;
  switch (errorCode(error)) {
    case 'EADDRINUSE':
      return new ListenError(
        `port ${port} on ${host} is in use by another program, but ${flag} asks for it; ` +
          `stop that program or choose another port (0 picks a free one)`,
        { cause: error },
      );
    case 'EACCES':
      return new ListenError(
        `port ${port} needs rights that this process does not have (${flag}); choose one above 1023`,
        { cause: error },
      );
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new ListenError(`this machine has no address ${host} (${flag})`, { cause: error });
    default:
      return error as Error;
  }
}

function skippedBecauseTaken({ scheme, host, port }: PlannedListener): SkippedListener {
  return {
    protocol: scheme,
    url: formatUrl(scheme, host, port),
    reason: `the port is in use by another program; choose one with --listen ${scheme}://${formatHostPort(host, 0)}`,
  };
}

function nothingBound(skipped: readonly SkippedListener[]): Error {
  const taken = skipped.map(({ url }) => url).join(', ');
  return new ListenError(
    `the usual ports are in use by another program (${taken}); is a broker running already? ` +
      'choose other ports with --listen',
  );
}

/** Where nobody is asked who he is, whoever reaches the port may read, write and delete everything. */
function warnIfOpen({ scheme, host }: PlannedListener, logger: Logger): void {
  if (isLoopback(host) || scheme === HTTP_SCHEME) return;
  if (protocolOf(scheme)?.guarded) return;
  logger.warn(
    { protocol: scheme, host },
    'listening beyond this machine without authentication: everybody who reaches the port may do everything',
  );
}
