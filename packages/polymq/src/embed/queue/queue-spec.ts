/**
 * A queue of the SDK as the core declares it, and whether one that is there is such a one. Settings that the SDK does not know
 * may be as another protocol has made them.
 */
import { PolymqError, type QueueSpec } from '@polymq/client/driver';
import type { Queue } from '../../core/queue/queue.ts';
import type {
  DeclaredValue,
  QueueDefinition,
  QueueSettings,
} from '../../core/queue/queue-definition.ts';

const OVERFLOW = {
  'drop-oldest': 'drop-head',
  'drop-lowest-priority': 'drop-lowest-priority',
  reject: 'reject',
  block: 'reject',
} as const;

const DECLARED_OVERFLOW = {
  'drop-head': 'drop-head',
  'drop-lowest-priority': 'drop-lowest-priority',
  reject: 'reject-publish',
} as const;

export function definitionOf(spec: QueueSpec): QueueDefinition {
  const settings = settingsOf(spec);
  return {
    durable: spec.durable,
    autoDelete: false,
    exclusive: false,
    settings,
    declared: declaredOf(spec),
  };
}

function settingsOf({ fifo, priorityMax, deadLetter, ttlMs, limit }: QueueSpec): QueueSettings {
  const settings: QueueSettings = {};
  if (fifo) settings.groups = true;
  if (priorityMax > 0) settings.priorityMax = priorityMax;
  if (ttlMs !== undefined) settings.messageTtlMs = Math.ceil(ttlMs);
  if (limit?.messages !== undefined) settings.lengthMax = limit.messages;
  if (limit?.bytes !== undefined) settings.bytesMax = limit.bytes;
  if (limit !== undefined) settings.overflow = OVERFLOW[limit.overflow];
  if (deadLetter !== undefined) {
    settings.deadLetterExchange = '';
    settings.deadLetterRoutingKey = deadLetter;
  }
  return settings;
}

/**
 * In AMQP's words, exactly as the SDK's drivers for AMQP and PolyMQ declare such a queue (`queue-arguments.ts` there), so that
 * clients in this process and elsewhere can declare each other's queues again. Queues that count deliveries are AMQP's quorum queues.
 */
function declaredOf({ durable, limit, ...spec }: QueueSpec): Record<string, DeclaredValue> {
  const declared: Record<string, DeclaredValue> = {};
  if (durable) {
    declared['x-queue-type'] = 'quorum';
    declared['x-delivery-limit'] = -1;
  }
  if (spec.priorityMax > 0) declared['x-max-priority'] = spec.priorityMax;
  if (spec.fifo) declared['x-message-groups'] = true;
  if (spec.ttlMs !== undefined) declared['x-message-ttl'] = Math.ceil(spec.ttlMs);
  if (spec.deadLetter !== undefined) {
    declared['x-dead-letter-exchange'] = '';
    declared['x-dead-letter-routing-key'] = spec.deadLetter;
  }
  if (limit?.messages !== undefined) declared['x-max-length'] = limit.messages;
  if (limit?.bytes !== undefined) declared['x-max-length-bytes'] = limit.bytes;
  if (limit !== undefined) declared['x-overflow'] = DECLARED_OVERFLOW[OVERFLOW[limit.overflow]];
  return declared;
}

/** What matters to the SDK of a queue's settings; the rest may be as it is. */
const COMPARED = {
  groups: { option: 'fifo', absent: false },
  priorityMax: { option: 'priorities', absent: 0 },
  messageTtlMs: { option: 'ttl', absent: undefined },
  lengthMax: { option: 'limit.messages', absent: undefined },
  bytesMax: { option: 'limit.bytes', absent: undefined },
  overflow: { option: 'limit.overflow', absent: 'drop-head' },
  deadLetterExchange: { option: 'deadLetter', absent: undefined },
  deadLetterRoutingKey: { option: 'deadLetter', absent: undefined },
} as const satisfies Partial<Record<keyof QueueSettings, { option: string; absent: unknown }>>;

/** Throws `declared-otherwise` if the queue is not as asked for. */
export function checkSame(queue: Queue, spec: QueueSpec): void {
  const { definition } = queue;
  const wanted = settingsOf(spec);
  if (definition.durable !== spec.durable) {
    throw otherwise(spec.name, 'durable', definition.durable, spec.durable);
  }
  for (const [name, { option, absent }] of Object.entries(COMPARED)) {
    const now = definition.settings[name as keyof typeof COMPARED] ?? absent;
    const asked = wanted[name as keyof typeof COMPARED] ?? absent;
    if (now !== asked) throw otherwise(spec.name, option, now, asked);
  }
}

function otherwise(name: string, option: string, now: unknown, asked: unknown): PolymqError {
  const show = (value: unknown): string => (value === undefined ? 'none' : JSON.stringify(value));
  return new PolymqError(
    'declared-otherwise',
    `queue "${name}" exists with ${option} ${show(now)}, not ${show(asked)}: ` +
      'use the same options everywhere, delete the queue, or pass { declare: false } to take it as it is',
  );
}
