import type { QueueSpec } from '../../driver/driver.ts';
import type { QueueDeclaration } from './library.ts';
import type { Link } from './link.ts';

/** As good as none: how often a message is tried is decided by the SDK. */
const DELIVERIES_MAX = 1_000_000_000;

const OVERFLOW = {
  'drop-oldest': 'drop-head',
  /** A PolyMQ only; RabbitMQ refuses it, and its driver before. */
  'drop-lowest-priority': 'drop-lowest-priority',
  reject: 'reject-publish',
  block: 'reject-publish',
} as const;

/**
 * How a queue is declared. Quorum queues count deliveries, which a PolyMQ offers for every durable queue; on RabbitMQ they
 * have no priorities, so only fifo queues are of that type there. A queue that the embedded broker has declared has
 * the same arguments (`embed/queue/queue-spec.ts` of the broker).
 */
export function queueDeclaration(spec: QueueSpec, link: Link): QueueDeclaration {
  const { durable, fifo, priorityMax, deadLetter, ttlMs, limit } = spec;
  const all: Record<string, unknown> = {};
  if (durable && (link.isPolymq || fifo)) {
    all['x-queue-type'] = 'quorum';
    // Without a limit, RabbitMQ 3 puts what is given back behind all others, and RabbitMQ 4 has one of its own.
    all['x-delivery-limit'] = link.isPolymq ? -1 : DELIVERIES_MAX;
  }
  if (priorityMax > 0) all['x-max-priority'] = priorityMax;
  if (fifo) all[link.isPolymq ? 'x-message-groups' : 'x-single-active-consumer'] = true;
  if (ttlMs !== undefined) all['x-message-ttl'] = Math.ceil(ttlMs);
  if (deadLetter !== undefined) {
    all['x-dead-letter-exchange'] = '';
    all['x-dead-letter-routing-key'] = deadLetter;
  }
  if (limit?.messages !== undefined) all['x-max-length'] = limit.messages;
  if (limit?.bytes !== undefined) all['x-max-length-bytes'] = limit.bytes;
  if (limit !== undefined) all['x-overflow'] = OVERFLOW[limit.overflow];
  return { durable, arguments: all };
}
