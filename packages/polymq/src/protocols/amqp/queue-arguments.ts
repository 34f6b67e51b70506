/**
 * The arguments of `queue.declare`, as a table: which there are, what values they take, and which rule of the core's
 * each one sets. Arguments that speak of replicas, memory or file formats of RabbitMQ are accepted and change nothing.
 */
import type {
  DeclaredValue,
  DeclaredValues,
  QueueSettings,
} from '../../core/queue/queue-definition.ts';
import { intervalMs } from '../../lib/interval.ts';
import { AmqpError } from './errors.ts';
import { plainType } from './plain-values.ts';

type Check = (value: DeclaredValue) => string | undefined;

interface ArgumentRow {
  check: Check;
  /** For docs/protocols/amqp.md. */
  doc: string;
  /** The setting that takes the value as it is. */
  setting?: keyof QueueSettings;
}

const MS_MAX = 315_360_000_000;

const OVERFLOW = {
  'drop-head': 'drop-head',
  'drop-lowest-priority': 'drop-lowest-priority',
  'reject-publish': 'reject',
  'reject-publish-dlx': 'reject-dead-letter',
} as const;

// What is wrong with a value is said in RabbitMQ's words, which are Erlang's terms.
const count: Check = (value) => {
  if (typeof value !== 'number' || !Number.isInteger(value)) {
    return `"expected integer, got ${plainType(value)}"`;
  }
  return value < 0 ? `{value_negative,${value}}` : undefined;
};
const milliseconds: Check = (value) =>
  count(value) ?? ((value as number) > MS_MAX ? `{value_too_large,${value}}` : undefined);
const positiveMilliseconds: Check = (value) =>
  milliseconds(value) ?? (value === 0 ? '{value_zero,0}' : undefined);
const ofType =
  (type: 'string' | 'boolean', problem?: (value: string) => string | undefined): Check =>
  (value) =>
    typeof value === type ? problem?.(value as string) : `{unacceptable_type,${plainType(value)}}`;
const text: Check = ofType('string');
const flag: Check = ofType('boolean');
const priority: Check = (value) =>
  count(value) ?? ((value as number) > 255 ? `{max_value_exceeded,${value}}` : undefined);
const queueType: Check = ofType('string', (value) =>
  ['classic', 'quorum', 'stream'].includes(value)
    ? undefined
    : `"unsupported queue type '${value}'"`,
);
const overflow: Check = ofType('string', (value) =>
  Object.hasOwn(OVERFLOW, value) ? undefined : 'invalid_overflow',
);
const anything: Check = () => undefined;
/** `7D`, `12h`: a number and a unit. */
const age: Check = ofType('string', (value) =>
  intervalMs(value) === undefined ? 'invalid_max_age' : undefined,
);

/** In the order in which RabbitMQ compares them. */
export const QUEUE_ARGUMENTS: Readonly<Record<string, ArgumentRow>> = {
  'x-expires': {
    check: positiveMilliseconds,
    doc: 'Milliseconds without consumers, declarations and `basic.get`, after which the queue is deleted.',
    setting: 'expiresMs',
  },
  'x-message-ttl': {
    check: milliseconds,
    doc: 'Milliseconds after which a message expires; 0: unless a consumer takes it at once.',
    setting: 'messageTtlMs',
  },
  'x-dead-letter-exchange': {
    check: text,
    doc: 'Where messages go that are rejected, expired, pushed out or delivered too often.',
    setting: 'deadLetterExchange',
  },
  'x-dead-letter-routing-key': {
    check: text,
    doc: 'The routing key they get; without it they keep their own.',
    setting: 'deadLetterRoutingKey',
  },
  'x-max-length': { check: count, doc: 'Messages that may wait.', setting: 'lengthMax' },
  'x-max-length-bytes': {
    check: count,
    doc: 'Bytes of their bodies; of a stream: what retention keeps.',
    setting: 'bytesMax',
  },
  'x-max-priority': {
    check: priority,
    doc: 'Gives the queue priorities from 0 to this number, at most 255.',
    setting: 'priorityMax',
  },
  'x-overflow': {
    check: overflow,
    doc: 'What happens beyond them: `drop-head` (the default), `drop-lowest-priority` (not in RabbitMQ), `reject-publish`, `reject-publish-dlx`.',
  },
  'x-single-active-consumer': {
    check: flag,
    doc: 'Only the consumer that came first gets messages; the next one takes over.',
    setting: 'singleActiveConsumer',
  },
  'x-message-groups': {
    check: flag,
    doc: 'Not in RabbitMQ. Messages with the same key (header `polymq-key`) are delivered one at a time, in order, to any consumer: the next one when the one before is acknowledged.',
    setting: 'groups',
  },
  'x-queue-type': { check: queueType, doc: '`classic` (the default), `quorum`, `stream`.' },
  'x-delivery-limit': {
    check: anything,
    doc: 'Deliveries after which a message is dead-lettered; -1: any number. Default for `quorum`: 20.',
  },
  'x-consumer-timeout': {
    check: milliseconds,
    doc: 'Milliseconds that a delivery may stay without an answer, in place of `amqp.consumerTimeoutMs`.',
  },
  // For streams only.
  'x-max-age': { check: age, doc: 'Stream: how long records are kept, such as `7D` (`YMDhms`).' },
  'x-stream-max-segment-size-bytes': { check: count, doc: 'Stream: size of its files.' },
  'x-stream-filter-size-bytes': { check: count, doc: 'Stream: checked, without effect.' },
};

/** Quorum queues give up on a message after so many deliveries unless told otherwise, as in RabbitMQ 4. */
const QUORUM_DELIVERY_LIMIT = 20;

/** Throws 406 for a value that its argument cannot have. */
export function checkQueueArguments(values: DeclaredValues, queue: string, vhost: string): void {
  for (const [name, value] of Object.entries(values)) {
    if (!Object.hasOwn(QUEUE_ARGUMENTS, name)) continue;
    const problem = QUEUE_ARGUMENTS[name]!.check(value);
    if (problem === undefined) continue;
    // The one argument that RabbitMQ checks at another place, with other words.
    if (name === 'x-dead-letter-exchange') {
      const what = `in queue '${queue}' in vhost '${vhost}'`;
      throw new AmqpError(
        'preconditionFailed',
        `invalid type '${plainType(value)}' for arg '${name}' ${what}`,
      );
    }
    throw invalid(name, queue, vhost, problem);
  }
  const hasKey = values['x-dead-letter-routing-key'] !== undefined;
  if (hasKey && values['x-dead-letter-exchange'] === undefined) {
    throw invalid('x-dead-letter-routing-key', queue, vhost, 'routing_key_but_no_dlx_defined');
  }
  if (values['x-message-groups'] === true && values['x-queue-type'] === 'stream') {
    throw invalid('x-message-groups', queue, vhost, 'not_for_streams');
  }
}

export function queueSettings(values: DeclaredValues): QueueSettings {
  const settings: Record<string, DeclaredValue> = {};
  for (const [name, { setting }] of Object.entries(QUEUE_ARGUMENTS)) {
    const value = values[name];
    if (setting !== undefined && value !== undefined) settings[setting] = value;
  }
  const overflow = values['x-overflow'];
  if (overflow !== undefined) settings['overflow'] = OVERFLOW[overflow as keyof typeof OVERFLOW];
  const limit = deliveryLimit(values);
  if (limit !== undefined) settings['deliveryLimit'] = limit;
  return settings as QueueSettings;
}

/** -1 means none, as in RabbitMQ 4. */
function deliveryLimit(values: DeclaredValues): number | undefined {
  const given = values['x-delivery-limit'];
  if (typeof given === 'number') return given < 0 ? undefined : given;
  return values['x-queue-type'] === 'quorum' ? QUORUM_DELIVERY_LIMIT : undefined;
}

function invalid(argument: string, queue: string, vhost: string, problem: string): AmqpError {
  return new AmqpError(
    'preconditionFailed',
    `invalid arg '${argument}' for queue '${queue}' in vhost '${vhost}': ${problem}`,
  );
}
