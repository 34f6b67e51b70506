/**
 * Where a subscription's messages go in the core:
 *
 *   sqs                          its queue, or the dead-letter queue of its RedrivePolicy while there is none
 *   kafka                        the stream of that name
 *   amqp                         the queue of that name, or `exchange:<name>`
 *   http, https, lambda, email,  a queue of its own, which a worker delivers from
 *   email-json, sms
 */
import type { Broker } from '../../../core/broker.ts';
import type { Binding, DestinationKind } from '../../../core/exchange/exchanges.ts';
import { parseArn } from '../arn.ts';
import { deliveryQueueName, isDelivered, type Subscription } from './subscription.ts';
import { deadLetterQueueOf, scopeOf } from './subscription-attributes.ts';

export interface Destination {
  kind: DestinationKind;
  name: string;
}

const EXCHANGE_PREFIX = 'exchange:';

/** What the endpoint names, whether it is there or not. */
export function namedDestination({
  id,
  protocol,
  endpoint,
}: Pick<Subscription, 'id' | 'protocol' | 'endpoint'>): Destination {
  if (isDelivered(protocol)) return { kind: 'queue', name: deliveryQueueName(id) };
  if (protocol === 'kafka') return { kind: 'stream', name: endpoint };
  if (protocol === 'sqs') return { kind: 'queue', name: parseArn(endpoint)?.resource ?? '' };
  return endpoint.startsWith(EXCHANGE_PREFIX)
    ? { kind: 'exchange', name: endpoint.slice(EXCHANGE_PREFIX.length) }
    : { kind: 'queue', name: endpoint };
}

export function exists(
  { queues, exchanges, streams }: Broker,
  { kind, name }: Destination,
): boolean {
  if (kind === 'queue') return queues.get('', name) !== undefined;
  if (kind === 'stream') return streams.get(name) !== undefined;
  return exchanges.get('', name) !== undefined;
}

/** The binding that the subscription should have now; undefined if there is nothing to bind to. */
export function bindingOf(broker: Broker, subscription: Subscription): Binding | undefined {
  if (!subscription.confirmed) return undefined;
  let destination = namedDestination(subscription);
  if (!exists(broker, destination)) {
    const name = deadLetterQueueOf(subscription.attributes);
    if (name === undefined) return undefined;
    destination = { kind: 'queue', name };
    if (!exists(broker, destination)) return undefined;
  }
  const { id, topicName, attributes } = subscription;
  const policy = attributes['FilterPolicy'];
  return {
    namespace: '',
    source: topicName,
    destination: destination.name,
    destinationKind: destination.kind,
    routingKey: '',
    arguments: {
      'x-subscription': id,
      ...(policy !== undefined && {
        'filter-policy': policy,
        'filter-scope': scopeOf(attributes),
      }),
    },
  };
}

export function sameBinding(a: Binding | undefined, b: Binding | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return (
    a.destination === b.destination &&
    a.destinationKind === b.destinationKind &&
    ARGUMENTS.every((name) => a.arguments[name] === b.arguments[name])
  );
}

const ARGUMENTS = ['x-subscription', 'filter-policy', 'filter-scope'] as const;
