/**
 * What of a stored session is in documents, one for itself and one for each subscription, so that another subscription costs the
 * same whether it is the second or the ten thousandth:
 *
 *   mqtt/session/<client id>                               {expiryS, endedMs}
 *   mqtt/subscription/<length>/<client id>/<filter>        {qos, noLocal, retainAsPublished, id}
 *
 * Client ids and filters may have slashes themselves; the length is that of the client id.
 */
import type { DeclaredValues } from '../../core/queue/queue-definition.ts';
import type { QoS } from './codec/index.ts';
import type { Subscription } from './subscription.ts';
import { parseFilter } from './topics.ts';

export const SESSION_KEY = 'mqtt/session/';
export const SUBSCRIPTION_KEY = 'mqtt/subscription/';

/** For ever, as MQTT 5 has it; JSON has no infinity. */
export const NEVER_S = 0xffff_ffff;

export interface SessionDocument {
  expiryS: number;
  /** When its connection ended; 0: the broker does not know. */
  endedMs: number;
}

export function sessionKey(clientId: string): string {
  return SESSION_KEY + clientId;
}

export function writeSession({ expiryS, endedMs }: SessionDocument): DeclaredValues {
  return { expiryS: expiryS === Number.POSITIVE_INFINITY ? NEVER_S : expiryS, endedMs };
}

/** Undefined if it is none that this version has written. */
export function readSession(document: DeclaredValues): SessionDocument | undefined {
  const { expiryS, endedMs } = document;
  if (typeof expiryS !== 'number' || typeof endedMs !== 'number') return undefined;
  return { expiryS: expiryS === NEVER_S ? Number.POSITIVE_INFINITY : expiryS, endedMs };
}

export function subscriptionKey(clientId: string, filter: string): string {
  return `${SUBSCRIPTION_KEY}${clientId.length}/${clientId}/${filter}`;
}

export function writeSubscription(subscription: Subscription): DeclaredValues {
  const { qos, noLocal, retainAsPublished, id } = subscription;
  return { qos, noLocal, retainAsPublished, id };
}

/** Client id and subscription; undefined if it is none that this version has written. */
export function readSubscription(
  key: string,
  document: DeclaredValues,
): { clientId: string; subscription: Subscription } | undefined {
  const slash = key.indexOf('/', SUBSCRIPTION_KEY.length);
  const length = Number(key.slice(SUBSCRIPTION_KEY.length, slash));
  const clientId = key.slice(slash + 1, slash + 1 + length);
  const { qos, noLocal, retainAsPublished, id } = document;
  if ((qos !== 0 && qos !== 1 && qos !== 2) || typeof id !== 'number') return undefined;
  const subscription = subscriptionTo(key.slice(slash + length + 2), {
    qos,
    noLocal: noLocal === true,
    retainAsPublished: retainAsPublished === true,
    id,
  });
  return subscription && { clientId, subscription };
}

/** Undefined if it is no filter that can be subscribed to. */
export function subscriptionTo(
  text: string,
  options: { qos: QoS; noLocal: boolean; retainAsPublished: boolean; id: number },
): Subscription | undefined {
  const parsed = parseFilter(text);
  if (parsed === undefined) return undefined;
  const { group, filter, exchange, routingKey } = parsed;
  const share = group === undefined ? undefined : `${group}/${filter}`;
  return { ...options, filter: text, exchange, key: routingKey, share };
}
