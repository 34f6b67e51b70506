/**
 * The queue of a stored session, and its bindings: what is published at QoS 1 and 2 while the client is away.
 *
 *   amq.topic ──filter──► mqtt-subscription-<client id>qos1 ──► `StoredDelivery`
 *
 * It is declared with the first subscription that needs it, and deleted with the session.
 */
import type { Queue } from '../../core/queue/queue.ts';
import type { MqttSession } from './session.ts';
import type { Subscription } from './subscription.ts';

const PREFIX = 'mqtt-subscription-';
const SUFFIX = 'qos1';
/** What tells these queues from those that others have given such names. */
const KIND = 'mqtt-session';

/** As RabbitMQ calls them. */
export function sessionQueueName(clientId: string): string {
  return PREFIX + clientId + SUFFIX;
}

export function isSessionQueue({ name, definition }: Queue): boolean {
  return name.startsWith(PREFIX) && definition.declared['polymq-kind'] === KIND;
}

/** Sees that the session has its queue. Several subscriptions may ask for it at the same time. */
export async function openQueue(session: MqttSession): Promise<Queue> {
  const { delivery } = session;
  if (delivery.queue !== undefined) return delivery.queue;
  delivery.opening ??= declareQueue(session).finally(() => {
    delivery.opening = undefined;
  });
  return delivery.opening;
}

async function declareQueue(session: MqttSession): Promise<Queue> {
  const { server, delivery, clientId } = session;
  const name = sessionQueueName(clientId);
  const queue = await server.broker.queues.declare('', name, {
    durable: true,
    autoDelete: false,
    exclusive: false,
    settings: { lengthMax: server.options.sessionMessagesMax, overflow: 'drop-head' },
    declared: { 'polymq-kind': KIND },
  });
  delivery.queue = queue;
  delivery.consume();
  for (const member of session.members?.values() ?? []) member.resume();
  return queue;
}

export async function bindQueue(session: MqttSession, subscription: Subscription): Promise<void> {
  const queue = await openQueue(session);
  await session.server.broker.exchanges.bind(bindingOf(queue.name, subscription));
  session.noteBound(subscription.filter);
}

export async function unbindQueue(session: MqttSession, subscription: Subscription): Promise<void> {
  const { queue } = session.delivery;
  if (queue === undefined) return;
  await session.server.broker.exchanges.unbind(bindingOf(queue.name, subscription));
  session.noteUnbound(subscription.filter);
}

/** Somebody has deleted the queue of a session that is being resumed: it goes on with a new one. */
export async function repairQueue(session: MqttSession): Promise<void> {
  if (session.delivery.queue !== undefined) return;
  for (const subscription of session.subscriptions.values()) {
    if (session.isLive(subscription)) continue;
    if (subscription.share === undefined) await bindQueue(session, subscription);
    else await openQueue(session);
  }
}

export function bindingOf(
  queue: string,
  { exchange, key }: Subscription,
): {
  namespace: string;
  source: string;
  destination: string;
  destinationKind: 'queue';
  routingKey: string;
  arguments: Record<string, never>;
} {
  return {
    namespace: '',
    source: exchange,
    destination: queue,
    destinationKind: 'queue',
    routingKey: key,
    arguments: {},
  };
}
