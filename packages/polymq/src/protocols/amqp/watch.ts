/**
 * Time limits of all connections, looked at twice a second: heartbeats both ways, deliveries that are never answered,
 * clients that do not read what they are sent.
 */
import { repeat } from '../../lib/repeat.ts';
import type { Channel } from './channel.ts';
import { HEARTBEAT_FRAME } from './codec/index.ts';
import { AmqpError } from './errors.ts';
import type { AmqpServer } from './server.ts';
import type { AmqpSession } from './session.ts';

/** Some clients give up after one interval without a sign of life, and the shortest interval is a second. */
const EVERY_MS = 500;
/** RabbitMQ gives up after two intervals in which nothing came. */
const MISSED_MAX = 2;

export class Watch {
  readonly #server: AmqpServer;
  readonly #stop: () => void;

  constructor(server: AmqpServer) {
    this.#server = server;
    this.#stop = repeat(server.environment.timers, EVERY_MS, () => this.#lookAtAll());
  }

  close(): void {
    this.#stop();
  }

  #lookAtAll(): void {
    this.#server.tick();
    for (const session of this.#server.sessions) this.#look(session);
  }

  #look(session: AmqpSession): void {
    const { nowMs, options, logger } = this.#server;
    const { blockedSinceMs, connection } = session;
    if (blockedSinceMs > 0 && nowMs - blockedSinceMs > options.sendTimeoutMs) {
      const peer = `${connection.remoteAddress}:${connection.remotePort}`;
      const reason = `the client has not read for ${options.sendTimeoutMs} ms`;
      logger.warn({ peer, reason }, 'cut off an AMQP connection');
      connection.destroy();
      return;
    }
    if (session.state === 'running') {
      this.#heartbeat(session);
      for (const channel of session.channels.values()) this.#unanswered(session, channel);
    }
  }

  #heartbeat(session: AmqpSession): void {
    const { nowMs, logger } = this.#server;
    if (session.heard) {
      session.heard = false;
      session.heardMs = nowMs;
    }
    if (session.heartbeatMs === 0) return;
    if (nowMs - session.heardMs > session.heartbeatMs * MISSED_MAX) {
      const peer = `${session.connection.remoteAddress}:${session.connection.remotePort}`;
      logger.warn({ peer, heartbeatMs: session.heartbeatMs }, 'missed heartbeats from client');
      session.connection.destroy();
      return;
    }
    if (session.spoke) {
      session.spoke = false;
      session.spokeMs = nowMs;
    }
    if (nowMs - session.spokeMs >= session.heartbeatMs / 2 - EVERY_MS) {
      session.output.frame(HEARTBEAT_FRAME);
    }
  }

  #unanswered(session: AmqpSession, channel: Channel): void {
    const oldest = channel.unacked.oldestTime();
    if (oldest === undefined) return;
    const declared = oldest.queue?.definition.declared['x-consumer-timeout'];
    const timeoutMs =
      typeof declared === 'number' ? declared : this.#server.options.consumerTimeoutMs;
    if (timeoutMs === 0 || this.#server.nowMs - oldest.timeMs <= timeoutMs) return;
    const text = `delivery acknowledgement on channel ${channel.number} timed out. Timeout value used: ${timeoutMs} ms`;
    session.closeChannel(channel, new AmqpError('preconditionFailed', text), 0, 0);
  }
}
