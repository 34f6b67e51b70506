/**
 * Time limits of all connections, looked at once a second: silence beyond the keep-alive, clients that do not read what they
 * are sent, connections that do not go although they were told to.
 */
import { repeat } from '../../lib/repeat.ts';
import type { MqttConnection } from './connection.ts';
import type { MqttServer } from './server.ts';

const EVERY_MS = 1_000;
/** A client that was told to go has so long. */
const CLOSE_MS = 5_000;

export class Watch {
  readonly #server: MqttServer;
  readonly #stop: () => void;

  constructor(server: MqttServer) {
    this.#server = server;
    this.#stop = repeat(server.environment.timers, EVERY_MS, () => this.#lookAtAll());
  }

  close(): void {
    this.#stop();
  }

  #lookAtAll(): void {
    this.#server.tick();
    const monotonicMs = this.#server.environment.clock.monotonicMs();
    for (const connection of this.#server.connections) this.#look(connection, monotonicMs);
  }

  #look(connection: MqttConnection, nowMs: number): void {
    if (connection.closed) {
      if (connection.heard) this.#note(connection, nowMs);
      else if (nowMs - connection.heardMs > CLOSE_MS) connection.connection.destroy();
      return;
    }
    const { sendTimeoutMs } = this.#server.options;
    if (!connection.output.blocked) connection.blockedMs = 0;
    else if (connection.blockedMs === 0) connection.blockedMs = nowMs;
    else if (nowMs - connection.blockedMs > sendTimeoutMs) {
      connection.cut(`the client has not read for ${sendTimeoutMs} ms`);
      return;
    }
    // Who is not read cannot be heard.
    if (connection.heard || !connection.reading) this.#note(connection, nowMs);
    else if (connection.silenceMsMax > 0 && nowMs - connection.heardMs > connection.silenceMsMax) {
      connection.close('keepAliveTimeout', `heard nothing for ${connection.silenceMsMax} ms`);
    }
  }

  /** Something has come since the last look. */
  #note(connection: MqttConnection, nowMs: number): void {
    connection.heard = false;
    connection.heardMs = nowMs;
  }
}
