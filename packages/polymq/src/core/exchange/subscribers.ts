/**
 * Live subscriptions: connected readers with no stored state, beside the queues and streams that bindings lead to. What is
 * published while they are there is handed to them, once, in the turn in which it is published; nothing is kept for them.
 *
 *   publish ─► route ─┬─► queues, streams                      stored
 *                     └─► receiver.receive(draft, targets)     handed over: the receiver writes, keeps or drops it
 *
 * A receiver is what the subscribers of one protocol share, so a message for a thousand of them is one call, and one encoding.
 */
import type { MessageDraft } from '../message/message-draft.ts';
import type { DeclaredValues } from '../queue/queue-definition.ts';

/** One subscriber that a message is for, with the tags of all its bindings that have matched. */
export interface SubscriberTarget {
  /** As given to `Exchanges.subscribe`. */
  readonly owner: unknown;
  /** What the bindings that have matched were made with; at least one, in no order. Never change it. */
  readonly tags: readonly unknown[];
  /**
   * The receiver's own, undefined at first: what it has worked out about this target. Targets are kept with the route as
   * long as no binding changes, so it is worked out once for many messages. Depends on the routing key and the exchange
   * alone if `Route.cacheable`.
   */
  note: unknown;
}

/** Gets the messages of live subscriptions. */
export interface Receiver {
  /**
   * One message for some subscribers, each once. Called while it is being published: the draft is valid during the call
   * only, and nothing may be published, bound or closed in it. Returns how many have taken it. Never throws.
   */
  receive(draft: MessageDraft, targets: readonly SubscriberTarget[]): number;
}

/** The targets of one receiver on a route. Shared and cached: never change one. */
export interface ReceiverTargets {
  readonly receiver: Receiver;
  readonly targets: readonly SubscriberTarget[];
}

/** The bindings of one live subscriber. All is synchronous, and gone with the process. */
export interface Subscriber {
  readonly bindingCount: number;
  /**
   * From now on messages of the exchange that the routing key wants are handed to the receiver. Binding the same exchange,
   * key and arguments again replaces the tag. Throws `unknown-exchange`, `invalid-binding`, `limit-reached`.
   */
  bind(exchange: string, routingKey: string, tag: unknown, values?: DeclaredValues): void;
  /** Whether there was such a binding. */
  unbind(exchange: string, routingKey: string, values?: DeclaredValues): boolean;
  /** Removes all bindings. Further calls do nothing. */
  close(): void;
}
