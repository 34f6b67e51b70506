/**
 * One bound address of one protocol: accepts, applies the limits on connections, starts sessions, closes
 * idle ones, and drains them all when the broker stops.
 */
import { ArenaPool, ArenaWriter } from '../lib/arena.ts';
import type { Counters } from '../lib/counters.ts';
import type { Environment } from '../lib/environment/environment.ts';
import type { NetworkListener, NetworkSocket } from '../lib/environment/network.ts';
import type { Logger } from '../lib/logger.ts';
import type { ReadMemory } from './byte-reader.ts';
import { Connection, type ConnectionCounters } from './connection.ts';
import type { ConnectionLimiter } from './connection-limiter.ts';
import { SCRATCH_BYTES } from './frame-reader.ts';
import type { ProtocolServer } from './protocol.ts';
import type { HandshakeRules } from './websocket/handshake.ts';
import { type WebSocketRules, WebSocketSocket } from './websocket/web-socket-socket.ts';

export interface ListenerOptions {
  environment: Environment;
  logger: Logger;
  counters: Counters;
  scheme: string;
  host: string;
  port: number;
  server: ProtocolServer;
  /** The protocol's bytes come inside WebSocket messages. */
  webSocket?: WebSocketOptions | undefined;
  limiter: ConnectionLimiter;
  /** A connection without traffic for this long is closed. */
  idleMsMax: number;
  /** A new connection that has sent no whole frame after this time is closed. */
  firstFrameMsMax: number;
}

export interface WebSocketOptions extends HandshakeRules {
  readonly mayBeText: boolean;
  readonly messageBytesMax: number;
}

/** Small frames of all connections share arenas of this size. */
const FRAME_ARENA_BYTES = 256 * 1024;
const SWEEP_MS_MIN = 100;

/** Free memory that busy connections have read into, kept for the next ones. */
const POOLED_BYTES_MAX = 64 * 1024 * 1024;

const arenas = new ArenaPool(POOLED_BYTES_MAX);
const memory: ReadMemory = {
  scratch: Buffer.allocUnsafeSlow(SCRATCH_BYTES),
  arenas,
  frames: new ArenaWriter(arenas, FRAME_ARENA_BYTES),
};

export class Listener {
  readonly #options: ListenerOptions;
  readonly #connections = new Set<Connection>();
  readonly #connectionCounters: ConnectionCounters;
  readonly #refused: { value: number };
  readonly #webSocket: WebSocketRules | undefined;
  #bound: NetworkListener | undefined;
  #sweep: ReturnType<Environment['timers']['after']> | undefined;
  #onEmpty: (() => void) | undefined;

  private constructor(options: ListenerOptions) {
    this.#options = options;
    const labels = { protocol: options.scheme };
    const { counters } = options;
    this.#connectionCounters = {
      bytesIn: counters.counter('polymq_received_bytes_total', labels),
      bytesOut: counters.counter('polymq_sent_bytes_total', labels),
      protocolErrors: counters.counter('polymq_protocol_errors_total', labels),
    };
    this.#refused = counters.counter('polymq_connections_refused_total', labels);
    this.#webSocket = options.webSocket && {
      ...options.webSocket,
      timers: options.environment.timers,
      logger: options.logger,
      protocolErrors: this.#connectionCounters.protocolErrors,
    };
  }

  /** Rejects with the system's error when the address cannot be bound. */
  static async bind(options: ListenerOptions): Promise<Listener> {
    const listener = new Listener(options);
    listener.#bound = await options.environment.network.listen(
      { host: options.host, port: options.port },
      (socket) => listener.#accept(socket),
    );
    listener.#scheduleSweep();
    return listener;
  }

  get host(): string {
    return this.#bound!.host;
  }

  get port(): number {
    return this.#bound!.port;
  }

  get connectionCount(): number {
    return this.#connections.size;
  }

  /** Stops accepting, lets sessions finish, and cuts those that have not after `deadlineMs`. */
  async close(deadlineMs: number): Promise<void> {
    const { timers } = this.#options.environment;
    timers.clear(this.#sweep);
    await this.#bound?.close();
    for (const connection of this.#connections) connection.session?.drain();
    if (this.#connections.size === 0) return;
    await new Promise<void>((resolve) => {
      const cut = timers.after(deadlineMs, () => {
        for (const connection of [...this.#connections]) connection.destroy();
      });
      this.#onEmpty = () => {
        timers.clear(cut);
        resolve();
      };
    });
  }

  #accept(socket: NetworkSocket): void {
    // Reset by the peer before it was accepted: there is nobody to serve or to refuse.
    if (socket.remoteAddress === '') {
      socket.destroy();
      return;
    }
    const refusal = this.#options.limiter.admit(socket.remoteAddress);
    if (refusal) {
      this.#refused.value += 1;
      this.#options.logger.warn(
        { peer: socket.remoteAddress, reason: refusal },
        'refused a connection',
      );
      socket.destroy();
      return;
    }
    const rules = this.#webSocket;
    const connection = new Connection(
      rules === undefined ? socket : new WebSocketSocket(socket, rules),
      this.#options.environment.clock.monotonicMs(),
      this.#connectionCounters,
      this.#options.logger,
      this.#forget,
    );
    this.#connections.add(connection);
    const { server } = this.#options;
    connection.start(server.framing, memory, server.connect(connection));
  }

  #forget = (connection: Connection): void => {
    this.#connections.delete(connection);
    this.#options.limiter.release(connection.remoteAddress);
    if (this.#connections.size === 0) this.#onEmpty?.();
  };

  /** One sweep over all connections instead of a timer for each: exact enough, and free. */
  #scheduleSweep(): void {
    const { environment, idleMsMax, firstFrameMsMax } = this.#options;
    const everyMs = Math.max(SWEEP_MS_MIN, Math.min(idleMsMax, firstFrameMsMax) / 10);
    this.#sweep = environment.timers.after(everyMs, () => {
      this.#closeIdle(environment.clock.monotonicMs());
      this.#scheduleSweep();
    });
    this.#sweep.unref();
  }

  #closeIdle(nowMs: number): void {
    const { idleMsMax, firstFrameMsMax, server } = this.#options;
    const watchesIdle = server.watchesIdle === true;
    for (const connection of this.#connections) {
      const active = connection.takeActive() || connection.session?.busy === true;
      if (active) connection.lastActiveMs = nowMs;
      const idle = !watchesIdle && nowMs - connection.lastActiveMs > idleMsMax;
      // Counted from the start: a peer that trickles bytes does not extend it.
      const silent = !connection.greeted && nowMs - connection.openedMs > firstFrameMsMax;
      if (idle || silent) connection.destroy();
    }
  }
}
