/**
 * What a client has subscribed to, and what several filters that match one message come to: it is sent once, at the highest
 * QoS of them, with all their ids (§3.3.4).
 */
import { type QoS, subscriptionIdsField } from './codec/index.ts';

export interface Subscription {
  /** As the client wrote it: what it unsubscribes by. */
  readonly filter: string;
  readonly qos: QoS;
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  /** 0: none. */
  readonly id: number;
  /** Where it is bound. */
  readonly exchange: string;
  readonly key: string;
  /** The name of the shared subscription, `group/filter`; undefined if it is not shared. */
  readonly share: string | undefined;
}

/** How a message goes to one client. */
export interface Effect {
  /** The highest that the subscriptions allow. */
  readonly qos: QoS;
  /** The retain flag goes along as the publisher has set it. */
  readonly retainAsPublished: boolean;
  /** Properties of the PUBLISH. */
  readonly subscriptionIds: Buffer;
}

/** What a message is sent with: as it was published, but not above what the subscriptions allow. */
export function lowerQos(a: QoS, b: QoS): QoS {
  return Math.min(a, b) as QoS;
}

const NO_IDS: Buffer = Buffer.alloc(0);

/** `own`: the client itself has published the message. Undefined if it does not want it then. */
export function effectOf(subscriptions: readonly Subscription[], own: boolean): Effect | undefined {
  let qos: QoS = 0;
  let retainAsPublished = false;
  let ids: number[] | undefined;
  let wanted = false;
  for (const subscription of subscriptions) {
    if (own && subscription.noLocal) continue;
    wanted = true;
    if (subscription.qos > qos) qos = subscription.qos;
    if (subscription.retainAsPublished) retainAsPublished = true;
    if (subscription.id > 0) {
      ids ??= [];
      if (!ids.includes(subscription.id)) ids.push(subscription.id);
    }
  }
  if (!wanted) return undefined;
  const subscriptionIds = ids === undefined ? NO_IDS : subscriptionIdsField(ids);
  return { qos, retainAsPublished, subscriptionIds };
}
