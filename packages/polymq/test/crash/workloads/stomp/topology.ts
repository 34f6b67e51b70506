/** The queues of the workload, all durable, and where a message goes. */
import type { QueueHistory } from '../../../checker/queue-history.ts';
import type { AmqpChannel } from '../../../support/amqp-wire.ts';

/** Declared over STOMP by the first who uses it. */
const PLAIN_QUEUE = 'stomp-plain';
/** What is rejected there goes to the other. */
const WORK_QUEUE = 'stomp-work';
const DEAD_QUEUE = 'stomp-work.dead';
const TOPIC_QUEUE = 'stomp-topic';
const FAN_QUEUE = 'stomp-fan';
/** Not looked at before the end. */
const KEPT_QUEUE = 'stomp-kept';
const EXCHANGE = 'crash.stomp';

export interface Route {
  destination: string;
  /** All that a message must reach. */
  queues: readonly string[];
}

/** Each publisher uses one of these lists. */
export const ROUTES: readonly (readonly Route[])[] = [
  [
    { destination: `/queue/${PLAIN_QUEUE}`, queues: [PLAIN_QUEUE] },
    { destination: `/amq/queue/${WORK_QUEUE}`, queues: [WORK_QUEUE] },
  ],
  [
    { destination: '/topic/crash.stomp.order', queues: [TOPIC_QUEUE, KEPT_QUEUE] },
    { destination: `/exchange/${EXCHANGE}`, queues: [FAN_QUEUE, KEPT_QUEUE] },
  ],
];
export const ALL_ROUTES: readonly Route[] = ROUTES.flat();

export interface Consumed {
  queue: string;
  destination: string;
  /** `client`: an answer is for all that came before it on the subscription, too. */
  ack: 'client' | 'client-individual';
  rejects: boolean;
}

export const CONSUMED: readonly Consumed[] = [
  consumed(PLAIN_QUEUE, 'client-individual', false, `/queue/${PLAIN_QUEUE}`),
  consumed(PLAIN_QUEUE, 'client', false, `/queue/${PLAIN_QUEUE}`),
  consumed(WORK_QUEUE, 'client-individual', true),
  consumed(TOPIC_QUEUE, 'client', false),
  consumed(FAN_QUEUE, 'client-individual', false),
];

export const DRAINED_QUEUES: readonly string[] = [
  PLAIN_QUEUE,
  WORK_QUEUE,
  DEAD_QUEUE,
  TOPIC_QUEUE,
  FAN_QUEUE,
  KEPT_QUEUE,
];

/** All but the queue that the clients declare themselves. */
export async function declareTopology(channel: AmqpChannel, history: QueueHistory): Promise<void> {
  const toDead = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': DEAD_QUEUE };
  for (const queue of DRAINED_QUEUES) {
    const dead = queue === WORK_QUEUE;
    history.declared(queue, dead ? DEAD_QUEUE : undefined);
    if (queue === PLAIN_QUEUE) continue;
    await channel.declareQueue(queue, { durable: true, arguments: dead ? toDead : {} });
  }
  await channel.call('exchange.declare', { exchange: EXCHANGE, type: 'fanout', durable: true });
  for (const [exchange, routingKey, queue] of [
    ['amq.topic', 'crash.stomp.*', TOPIC_QUEUE],
    ['amq.topic', 'crash.#', KEPT_QUEUE],
    [EXCHANGE, '', FAN_QUEUE],
    [EXCHANGE, '', KEPT_QUEUE],
  ]) {
    await channel.call('queue.bind', { exchange, routingKey, queue });
  }
}

function consumed(
  queue: string,
  ack: Consumed['ack'],
  rejects: boolean,
  destination: string = `/amq/queue/${queue}`,
): Consumed {
  return { queue, destination, ack, rejects };
}
