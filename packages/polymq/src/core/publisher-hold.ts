/**
 * Holds publishers back, never consumers: while memory or disk are short, and while more has been published than the disk has
 * taken. A connection that has published is not read until both are over; one that only consumes goes on, until it publishes.
 */
import type { Alarms } from './alarms.ts';

/** More than this on its way to the disk, and publishers wait. */
const UNCOMMITTED_BYTES_MAX = 64 * 1024 * 1024;
const UNCOMMITTED_BYTES_LOW = 16 * 1024 * 1024;

/** A connection of a protocol. */
export interface HeldPublisher {
  /** It has published, so an alarm concerns it. */
  readonly publisher: boolean;
  readonly closed: boolean;
  /** Whether it is read. May say again what was said before. */
  setStalled(stalled: boolean): void;
}

export interface PublisherHoldOptions<P extends HeldPublisher> {
  readonly alarms: Alarms;
  readonly store: { readonly uncommittedBytes: number };
  /** All connections there are, whether they publish or not. */
  readonly connections: Iterable<P>;
  /** An alarm has come for the connection, and why, or has gone (`undefined`). */
  readonly tell?: (connection: P, reason: string | undefined) => void;
}

export class PublisherHold<P extends HeldPublisher> {
  readonly #options: PublisherHoldOptions<P>;
  /** Those that wait for the disk. */
  readonly #behind = new Set<P>();
  /** Those that wait for the end of an alarm. */
  readonly #blocked = new Set<P>();
  readonly #stop: () => void;

  constructor(options: PublisherHoldOptions<P>) {
    this.#options = options;
    this.#stop = options.alarms.onChange(() => this.#changed());
  }

  close(): void {
    this.#stop();
  }

  /** The connection publishes. */
  check(connection: P): void {
    const { alarms, store } = this.#options;
    if (alarms.reason !== undefined) this.#block(connection);
    if (store.uncommittedBytes > UNCOMMITTED_BYTES_MAX) {
      this.#behind.add(connection);
      connection.setStalled(true);
    }
  }

  /** The disk has taken something. */
  committed(): void {
    if (this.#behind.size === 0) return;
    if (this.#options.store.uncommittedBytes > UNCOMMITTED_BYTES_LOW) return;
    const waiting = [...this.#behind];
    this.#behind.clear();
    for (const connection of waiting) this.#release(connection);
  }

  /** The connection is over. */
  forget(connection: P): void {
    this.#behind.delete(connection);
    this.#blocked.delete(connection);
  }

  #changed(): void {
    const { alarms, connections, tell } = this.#options;
    if (alarms.reason !== undefined) {
      for (const connection of connections) {
        if (connection.publisher && !connection.closed) this.#block(connection);
      }
      return;
    }
    const waiting = [...this.#blocked];
    this.#blocked.clear();
    for (const connection of waiting) {
      tell?.(connection, undefined);
      this.#release(connection);
    }
  }

  /** Who only consumes is not concerned, and learns of it when it publishes. */
  #block(connection: P): void {
    if (!this.#blocked.has(connection)) {
      this.#options.tell?.(connection, this.#options.alarms.reason);
    }
    this.#blocked.add(connection);
    connection.setStalled(true);
  }

  #release(connection: P): void {
    const held = this.#behind.has(connection) || this.#blocked.has(connection);
    if (!held && !connection.closed) connection.setStalled(false);
  }
}
