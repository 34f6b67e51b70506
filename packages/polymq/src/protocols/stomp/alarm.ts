/**
 * Holds publishers back, never subscribers: while memory or disk are short, and while more has been sent than the disk has
 * taken. A connection that has sent messages is not read until it is over, as in RabbitMQ, and learns of it by nothing else.
 */
import type { StompServer } from './server.ts';
import type { StompSession } from './session.ts';

/** More than this on its way to the disk, and publishers wait. */
const UNCOMMITTED_BYTES_MAX = 64 * 1024 * 1024;
const UNCOMMITTED_BYTES_LOW = 16 * 1024 * 1024;

export class Alarm {
  readonly #server: StompServer;
  /** Those that wait for the disk. */
  readonly #behind = new Set<StompSession>();
  readonly #blocked = new Set<StompSession>();
  readonly #stop: () => void;

  constructor(server: StompServer) {
    this.#server = server;
    this.#stop = server.broker.alarms.onChange(() => this.#changed());
  }

  close(): void {
    this.#stop();
  }

  /** The session sends messages. */
  check(session: StompSession): void {
    const { alarms, queues } = this.#server.broker;
    if (alarms.reason !== undefined) this.#hold(this.#blocked, session);
    if (queues.store.uncommittedBytes > UNCOMMITTED_BYTES_MAX) this.#hold(this.#behind, session);
  }

  committed(): void {
    if (this.#behind.size === 0) return;
    if (this.#server.broker.queues.store.uncommittedBytes > UNCOMMITTED_BYTES_LOW) return;
    this.#releaseAll(this.#behind);
  }

  forget(session: StompSession): void {
    this.#behind.delete(session);
    this.#blocked.delete(session);
  }

  #changed(): void {
    if (this.#server.broker.alarms.reason === undefined) this.#releaseAll(this.#blocked);
    else {
      for (const session of this.#server.sessions) {
        if (session.publisher) this.#hold(this.#blocked, session);
      }
    }
  }

  #hold(held: Set<StompSession>, session: StompSession): void {
    held.add(session);
    session.setStalled(true);
  }

  #releaseAll(held: Set<StompSession>): void {
    const waiting = [...held];
    held.clear();
    for (const session of waiting) {
      if (session.closed || this.#behind.has(session) || this.#blocked.has(session)) continue;
      session.setStalled(false);
    }
  }
}
