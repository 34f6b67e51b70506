import type { Clock } from '@polymq/client/driver';
import type { Broker } from '../core/broker.ts';
import type { Environment } from '../lib/environment/environment.ts';

/** Queues, topics and exchanges of the SDK are those that protocols see by default. */
export const NAMESPACE = '';

/** What all parts of one embedded driver stand on. */
export interface EmbeddedContext {
  readonly core: Broker;
  readonly environment: Environment;
  /** The same time, as the SDK asks for it. */
  readonly clock: Clock;
  /** How long a call may wait, for the disk or for room. */
  readonly timeoutMs: number;
  readonly clientName: string;
  /** The largest body of a message. */
  readonly messageBytesMax: number;
  /** The driver was closed. */
  readonly closed: boolean;
  /** Keeps the process alive until the function that it returns is called: somebody waits for what may come. */
  hold(): () => void;
  /** Counts the promise as work that ends without time passing. */
  track<T>(work: Promise<T>): Promise<T>;
}
