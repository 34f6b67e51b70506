import type { Duration } from '../../lib/duration.ts';

/** What `connect('amqp://…', options)` takes beside its own. */
export interface AmqpOptions {
  /** For `amqps:`: certificates and keys, as `tls.connect` of Node takes them. */
  tls?: Readonly<Record<string, unknown>>;
  /** Seconds between signs of life. Missing: what the URL says (`?heartbeat=10`), else what the server suggests. */
  heartbeat?: number;
  /** The longest wait between two attempts to connect again. Missing: 5 s. */
  reconnectMax?: Duration;
  /** Sent messages that no confirm has come for; more wait. Missing: 10,000. */
  unconfirmedMax?: number;
}
