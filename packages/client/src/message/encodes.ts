import type { Maybe } from '../lib/maybe.ts';
import type { Message } from './message.ts';
import type { OutgoingMessage } from './wire-message.ts';

/**
 * For patterns that keep a message elsewhere before it is sent (the outbox): queues and topics of a client have this method. It
 * answers what `send` or `publish` would hand to the driver: checked, encoded, through the interceptors.
 */
export const ENCODE: unique symbol = Symbol('encode');

/** The other half: what stands around a send, around keeping it. Once for each encoded message, since tracing opens its span in the first half. */
export const AROUND_SEND: unique symbol = Symbol('around send');

export interface Encodes<T, Options> {
  [ENCODE](data: T | Message<T>, options: Options): Maybe<OutgoingMessage>;
  /** Runs `keep` within the `send` hooks of the interceptors. Calls it in this turn unless one of them waits. */
  [AROUND_SEND]<R>(message: OutgoingMessage, keep: () => Promise<R>): Promise<R>;
}
