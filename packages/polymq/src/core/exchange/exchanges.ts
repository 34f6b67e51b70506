/**
 * Exchanges and bindings as protocols see them: a message published to an exchange goes to the queues and streams
 * that its bindings name. Looking up and routing are synchronous; changes reject with `BrokerError`.
 */
import type { MessageDraft } from '../message/message-draft.ts';
import type { Queue } from '../queue/queue.ts';
import type { DeclaredValues } from '../queue/queue-definition.ts';
import type { Receiver, ReceiverTargets, Subscriber } from './subscribers.ts';

export type ExchangeType =
  | 'direct'
  | 'fanout'
  | 'topic'
  | 'headers'
  | 'consistent-hash'
  | 'modulus-hash'
  | 'random'
  | 'recent-history'
  | 'filter'
  | 'glob';

export interface ExchangeDefinition {
  type: ExchangeType;
  durable: boolean;
  /** Deleted when the last binding of which it is the source has gone. */
  autoDelete: boolean;
  /** Only other exchanges may publish to it. */
  internal: boolean;
  /** Where messages go that no binding wants. */
  alternate?: string;
  /** Messages wait for their delay first (`MessageDraft.dueMs`), and are routed then. */
  delayed?: boolean;
  /** The declaration in the words of the protocol that made it. */
  declared: DeclaredValues;
}

export interface Exchange {
  readonly namespace: string;
  readonly name: string;
  readonly definition: ExchangeDefinition;
  readonly bindingCount: number;
}

export type DestinationKind = 'queue' | 'exchange' | 'stream';

export interface Binding {
  namespace: string;
  /** An exchange; '' is the default exchange, whose bindings cannot be changed. For `sourceKind` stream, a stream. */
  source: string;
  sourceKind?: 'exchange' | 'stream';
  destination: string;
  destinationKind: DestinationKind;
  routingKey: string;
  arguments: DeclaredValues;
}

/** Where a message goes. Shared and cached: never change one. */
export interface Route {
  readonly queues: readonly Queue[];
  /** Names of streams that get it as a record. */
  readonly streams: readonly string[];
  /** Live subscriptions that are handed it. */
  readonly receivers: readonly ReceiverTargets[];
  /** It depends on the routing key alone: good for all messages with the same one, until `version` changes. */
  readonly cacheable: boolean;
  /** Set if the message must first wait in this queue, which is the only one in `queues`. */
  readonly delayed: boolean;
}

/** Further facts that routing may need; asked only if an exchange on the way looks at them. */
export interface RoutingFacts {
  headers(): ReadonlyMap<string, unknown>;
  property(name: 'message-id' | 'correlation-id' | 'timestamp'): string | undefined;
  /** Undefined if it has more than `bytesMax`. Valid while the message is published. */
  body(bytesMax: number): Buffer | undefined;
  /** Ms since the epoch; 0 or past: not delayed. */
  readonly dueMs: number;
}

export interface Exchanges {
  /** Changes with every declaration, deletion and binding, also of queues: cached routes are stale then. */
  readonly version: number;
  /** The default exchange is ''. */
  get(namespace: string, name: string): Exchange | undefined;
  list(namespace?: string): Exchange[];
  /** Rejects with `exchange-exists` (protocols compare definitions themselves), `invalid-name`, `limit-reached`. */
  declare(namespace: string, name: string, definition: ExchangeDefinition): Promise<Exchange>;
  /** Rejects with `exchange-in-use` if asked to look and it has bindings as a source. */
  delete(exchange: Exchange, options?: { ifUnused?: boolean }): Promise<void>;
  /** Idempotent. Rejects with `unknown-exchange`, `unknown-queue`, `unknown-stream`, `invalid-binding`. Durable if both ends are. */
  bind(binding: Binding): Promise<void>;
  /** Idempotent. */
  unbind(binding: Binding): Promise<void>;
  bindings(namespace?: string): Binding[];
  /** Bindings that the exchange is the source of. */
  bindingsOf(exchange: Exchange): Binding[];
  /**
   * Where a message published to the exchange with these routing keys (one, and perhaps copies) goes. Every queue
   * at most once.
   */
  route(exchange: Exchange, routingKeys: readonly string[], facts: RoutingFacts): Route;
  /** A live subscriber without bindings. `owner` is shown to the receiver with each message. */
  subscribe(namespace: string, receiver: Receiver, owner: unknown): Subscriber;
}

/** Publishing to an exchange: routes, then hands the message to queues and streams. */
export interface Publisher {
  /**
   * Routes and stores. Returns how many queues, streams and live subscribers got it (0: unroutable), negative if a full queue has refused
   * it. Durable when `queues.store.committed` has reached the `store.position` of right after, and `streamsPending`
   * is undefined or has resolved.
   */
  publish(draft: MessageDraft, route: Route): number;
  /** What the last `publish` has given to streams and is not durable yet. Rejects if one of them does not take it. */
  streamsPending(): Promise<void> | undefined;
}
