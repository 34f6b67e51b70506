import type { Maybe } from '../lib/maybe.ts';
import type { Message } from './message.ts';
import type { OutgoingMessage } from './wire-message.ts';

/**
 * For patterns that keep a message elsewhere before it is sent (the outbox): queues and topics of a client have this method. It
 * answers what `send` or `publish` would hand to the driver: checked, encoded, through the interceptors.
 */
export const ENCODE: unique symbol = Symbol('encode');

export interface Encodes<T, Options> {
  [ENCODE](data: T | Message<T>, options: Options): Maybe<OutgoingMessage>;
}
