/**
 * A subscription is a document, a queue and a binding, and a crash may leave one without the others: then the client has not been told
 * that it is subscribed. What is bound follows the documents here, once, before anybody connects.
 */
import type { Binding } from '../../core/exchange/exchanges.ts';
import type { MqttServer } from './server.ts';
import { bindingOf, bindQueue, isSessionQueue } from './session-queue.ts';
import { isShareQueue } from './shares.ts';

/** Starts what is to be done; mostly that is nothing. */
export function reconcileBindings(server: MqttServer): void {
  const { exchanges, queues } = server.broker;
  const bound = new Map<string, Binding>();
  for (const binding of exchanges.bindings('')) {
    const queue =
      binding.destinationKind === 'queue' ? queues.get('', binding.destination) : undefined;
    if (queue !== undefined && (isSessionQueue(queue) || isShareQueue(queue))) {
      bound.set(keyOf(binding), binding);
    }
  }
  for (const session of server.sessions.values()) {
    for (const subscription of session.subscriptions.values()) {
      if (session.isLive(subscription) || subscription.share !== undefined) continue;
      const { queue } = session.delivery;
      const isBound =
        queue !== undefined && bound.delete(keyOf(bindingOf(queue.name, subscription)));
      if (isBound) session.noteBound(subscription.filter);
      else server.sessions.background(bindQueue(session, subscription), FAILED);
    }
  }
  for (const [queue, subscription] of server.shares.repair()) {
    bound.delete(keyOf(bindingOf(queue, subscription)));
  }
  for (const binding of bound.values()) {
    server.sessions.background(exchanges.unbind(binding), FAILED);
  }
}

const FAILED = 'the bindings of an MQTT session are not what they should be';

function keyOf({ source, destination, routingKey }: Binding): string {
  return JSON.stringify([source, destination, routingKey]);
}
