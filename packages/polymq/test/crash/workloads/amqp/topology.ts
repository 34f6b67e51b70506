/** The queues and exchanges of the workload, all durable, and where a message goes. */
import type { QueueHistory } from '../../../checker/queue-history.ts';
import type { AmqpChannel } from '../../../support/amqp-wire.ts';

/** Consumed while the broker is killed; what is rejected goes to `<queue>.dead`. */
export const WORK_QUEUES = ['direct-a', 'fanout-a', 'fanout-b', 'topic-a', 'topic-b'] as const;
export type WorkQueue = (typeof WORK_QUEUES)[number];
/** Gets what the fanout exchange gets and is not looked at before the end. */
export const KEPT_QUEUE = 'fanout-kept';
/** Gets what consumers publish only to have it confirmed. */
export const MARKER_QUEUE = 'markers';

export function deadLetterOf(queue: string): string {
  return `${queue}.dead`;
}

export interface Route {
  exchange: string;
  routingKey: string;
  queues: readonly string[];
}

/** Each publisher uses one of these lists. */
export const ROUTES: readonly (readonly Route[])[] = [
  [{ exchange: 'crash.direct', routingKey: 'a', queues: ['direct-a'] }],
  [
    {
      exchange: 'crash.fanout',
      routingKey: '',
      queues: ['fanout-a', 'fanout-b', KEPT_QUEUE],
    },
  ],
  [
    { exchange: 'crash.topic', routingKey: 'order.created', queues: ['topic-a', 'topic-b'] },
    { exchange: 'crash.topic', routingKey: 'order.paid', queues: ['topic-a'] },
    { exchange: 'crash.topic', routingKey: 'user.eu.created', queues: ['topic-b'] },
  ],
];

const BINDINGS: readonly (readonly [exchange: string, routingKey: string, queue: string])[] = [
  ['crash.direct', 'a', 'direct-a'],
  ['crash.fanout', '', 'fanout-a'],
  ['crash.fanout', '', 'fanout-b'],
  ['crash.fanout', '', KEPT_QUEUE],
  ['crash.topic', 'order.*', 'topic-a'],
  ['crash.topic', '#.created', 'topic-b'],
];

export const DRAINED_QUEUES: readonly string[] = [
  ...WORK_QUEUES.flatMap((queue) => [queue, deadLetterOf(queue)]),
  KEPT_QUEUE,
];

export async function declareTopology(channel: AmqpChannel, history: QueueHistory): Promise<void> {
  for (const queue of WORK_QUEUES) {
    const dead = deadLetterOf(queue);
    const args = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': dead };
    await channel.declareQueue(dead, { durable: true });
    await channel.declareQueue(queue, { durable: true, arguments: args });
    history.declared(queue, dead);
    history.declared(dead);
  }
  await channel.declareQueue(KEPT_QUEUE, { durable: true });
  history.declared(KEPT_QUEUE);
  await channel.declareQueue(MARKER_QUEUE, { durable: true });
  for (const type of ['direct', 'fanout', 'topic']) {
    await channel.call('exchange.declare', { exchange: `crash.${type}`, type, durable: true });
  }
  for (const [exchange, routingKey, queue] of BINDINGS) {
    await channel.call('queue.bind', { queue, exchange, routingKey });
  }
}
