/** Time limits of all connections, looked at twice a second: heart-beats both ways, clients that do not read what they are sent. */
import { repeat } from '../../lib/repeat.ts';
import type { StompServer } from './server.ts';
import type { StompSession } from './session.ts';

/** Some clients give up soon after one interval without a sign of life, and the shortest interval is a second. */
const EVERY_MS = 500;
/** RabbitMQ gives up after two intervals in which nothing came. */
const MISSED_MAX = 2;
const HEART_BEAT: Buffer = Buffer.from('\n');

export class Watch {
  readonly #server: StompServer;
  readonly #stop: () => void;

  constructor(server: StompServer) {
    this.#server = server;
    this.#stop = repeat(server.environment.timers, EVERY_MS, () => this.#lookAtAll());
  }

  close(): void {
    this.#stop();
  }

  #lookAtAll(): void {
    this.#server.tick();
    for (const session of [...this.#server.sessions]) this.#look(session);
  }

  #look(session: StompSession): void {
    const { nowMs, options } = this.#server;
    const { blockedSinceMs } = session;
    if (blockedSinceMs > 0 && nowMs - blockedSinceMs > options.sendTimeoutMs) {
      this.#cut(session, `the client has not read for ${options.sendTimeoutMs} ms`);
    } else if (session.state === 'connected') this.#heartBeat(session);
  }

  #heartBeat(session: StompSession): void {
    const { nowMs } = this.#server;
    const { sendMs, receiveMs } = session;
    if (session.heard || session.paused) {
      session.heard = false;
      session.heardMs = nowMs;
    }
    if (receiveMs > 0 && nowMs - session.heardMs > receiveMs * MISSED_MAX) {
      this.#cut(session, `no heart-beat has come for ${receiveMs * MISSED_MAX} ms`);
      return;
    }
    if (session.spoke) {
      session.spoke = false;
      session.spokeMs = nowMs;
    }
    if (sendMs > 0 && nowMs - session.spokeMs >= sendMs / 2 - EVERY_MS) {
      session.output.frame(HEART_BEAT);
    }
  }

  #cut(session: StompSession, reason: string): void {
    const { connection } = session;
    const peer = `${connection.remoteAddress}:${connection.remotePort}`;
    this.#server.logger.warn({ peer, reason }, 'cut off a STOMP connection');
    connection.destroy();
  }
}
