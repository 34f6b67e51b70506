/**
 * What stands between the data and the driver: encryption, signatures, tracing, metrics. Interceptors are asked in the order in
 * which they were given when a message leaves, and in the opposite order when one comes. One that answers without a
 * promise costs none.
 */
import type { Message } from './message.ts';
import type { OutgoingMessage, WireMessage } from './wire-message.ts';

export interface Place {
  readonly kind: 'queue' | 'topic' | 'service';
  readonly name: string;
  /** See `Driver`. */
  readonly engine: string;
  readonly system: string;
  /** Of a topic's reader. */
  readonly group?: string | undefined;
}

/** How a message ended for whom it was handed to. */
export type Outcome = 'ack' | 'retry' | 'dead-letter' | 'lost';

export interface Interceptor {
  /** For errors: `encrypt`. */
  readonly name: string;
  /** It keeps the data from the engine. Then errors of attempts, whose texts may show data, are stored without those; see `StoredErrors`. */
  readonly hidesData?: boolean;
  /** The message that is sent instead. What it throws, `send` throws. */
  outgoing?(message: OutgoingMessage, place: Place): OutgoingMessage | Promise<OutgoingMessage>;
  /** The message that is decoded instead. What it throws makes it a dead letter with that reason. */
  incoming?<M extends WireMessage>(message: M, place: Place): M | Promise<M>;
  /** Around a send or publish of these messages; `next` does it. */
  send?<R>(messages: readonly OutgoingMessage[], place: Place, next: () => Promise<R>): Promise<R>;
  /** Around the handler of one message; `next` runs it. What it rejects with is the attempt's error. */
  process?(message: Message, place: Place, next: () => Promise<void>): Promise<void>;
  /** A message was settled: for counts. What it throws is reported to the client's `onError`, and changes nothing. */
  settled?(message: WireMessage, place: Place, outcome: Outcome): void;
}
