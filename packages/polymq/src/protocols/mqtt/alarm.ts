/**
 * Holds publishers back, never subscribers: while memory or disk are short, and while more has been published than the
 * disk has taken. A connection that has published is not read until it is over; one that only subscribes goes on.
 */
import type { MqttConnection } from './connection.ts';
import type { MqttServer } from './server.ts';

/** More than this on its way to the disk, and publishers wait. */
const UNCOMMITTED_BYTES_MAX = 64 * 1024 * 1024;
const UNCOMMITTED_BYTES_LOW = 16 * 1024 * 1024;

export class Alarm {
  readonly #server: MqttServer;
  /** Those that wait for the disk. */
  readonly #behind = new Set<MqttConnection>();
  readonly #blocked = new Set<MqttConnection>();
  readonly #stop: () => void;

  constructor(server: MqttServer) {
    this.#server = server;
    this.#stop = server.broker.alarms.onChange(() => this.#changed());
  }

  close(): void {
    this.#stop();
  }

  /** The client publishes. */
  check(connection: MqttConnection): void {
    const { alarms, queues } = this.#server.broker;
    if (alarms.reason !== undefined) {
      this.#blocked.add(connection);
      connection.setStalled(true);
    }
    if (queues.store.uncommittedBytes > UNCOMMITTED_BYTES_MAX) {
      this.#behind.add(connection);
      connection.setStalled(true);
    }
  }

  committed(): void {
    if (this.#behind.size === 0) return;
    if (this.#server.broker.queues.store.uncommittedBytes > UNCOMMITTED_BYTES_LOW) return;
    const waiting = [...this.#behind];
    this.#behind.clear();
    for (const connection of waiting) this.#release(connection);
  }

  /** The connection is over. */
  forget(connection: MqttConnection): void {
    this.#behind.delete(connection);
    this.#blocked.delete(connection);
  }

  #changed(): void {
    if (this.#server.broker.alarms.reason !== undefined) {
      for (const connection of this.#server.connections) {
        if (connection.publisher) this.check(connection);
      }
      return;
    }
    const waiting = [...this.#blocked];
    this.#blocked.clear();
    for (const connection of waiting) this.#release(connection);
  }

  #release(connection: MqttConnection): void {
    if (this.#behind.has(connection) || this.#blocked.has(connection)) return;
    connection.setStalled(false);
  }
}
