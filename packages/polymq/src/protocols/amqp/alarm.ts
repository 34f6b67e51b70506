/**
 * Holds publishers back, never consumers: while memory or disk are short, and while more has been published than
 * the disk has taken. A connection that has published is not read until it is over; one that only consumes goes on.
 */
import type { AmqpServer } from './server.ts';
import type { AmqpSession } from './session.ts';

/** More than this on its way to the disk, and publishers wait. */
const UNCOMMITTED_BYTES_MAX = 64 * 1024 * 1024;
const UNCOMMITTED_BYTES_LOW = 16 * 1024 * 1024;

export class Alarm {
  readonly #server: AmqpServer;
  /** Those that wait for the disk. */
  readonly #behind = new Set<AmqpSession>();
  readonly #blocked = new Set<AmqpSession>();
  readonly #stop: () => void;

  constructor(server: AmqpServer) {
    this.#server = server;
    this.#stop = server.broker.alarms.onChange(() => this.#changed());
  }

  close(): void {
    this.#stop();
  }

  /** The session publishes. */
  check(session: AmqpSession): void {
    const { alarms, queues } = this.#server.broker;
    if (alarms.reason !== undefined) this.#block(session);
    if (queues.store.uncommittedBytes > UNCOMMITTED_BYTES_MAX) {
      this.#behind.add(session);
      session.setStalled(true);
    }
  }

  committed(): void {
    if (this.#behind.size === 0) return;
    if (this.#server.broker.queues.store.uncommittedBytes > UNCOMMITTED_BYTES_LOW) return;
    const waiting = [...this.#behind];
    this.#behind.clear();
    for (const session of waiting) this.#release(session);
  }

  #changed(): void {
    const { reason } = this.#server.broker.alarms;
    if (reason !== undefined) {
      for (const session of this.#server.sessions) if (session.publisher) this.#block(session);
      return;
    }
    const waiting = [...this.#blocked];
    this.#blocked.clear();
    for (const session of waiting) {
      this.#server.tellBlocked(session, undefined);
      this.#release(session);
    }
  }

  /** Who only consumes is not concerned, and learns of it when it publishes, as with RabbitMQ. */
  #block(session: AmqpSession): void {
    if (!this.#blocked.has(session)) {
      this.#server.tellBlocked(session, this.#server.broker.alarms.reason);
    }
    this.#blocked.add(session);
    session.setStalled(true);
  }

  #release(session: AmqpSession): void {
    if (session.closed || this.#behind.has(session) || this.#blocked.has(session)) return;
    session.setStalled(false);
  }
}
