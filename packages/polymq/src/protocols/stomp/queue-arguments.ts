/**
 * Headers that say what a queue shall be, as a table: which there are, how their text is read, and which rule of the core's each
 * one sets. They are what AMQP calls the arguments of `queue.declare`, and are kept by the same names and types, so that a
 * queue declared over one protocol is the same queue over the other.
 */
import type {
  DeclaredValue,
  DeclaredValues,
  QueueSettings,
} from '../../core/queue/queue-definition.ts';
import { intervalMs } from '../../lib/interval.ts';
import { refused } from './errors.ts';

interface ArgumentRow {
  kind: 'count' | 'text' | 'flag';
  /** The setting that takes the value as it is. */
  setting?: keyof QueueSettings;
  /** The smallest and the largest number. */
  min?: number;
  max?: number;
  /** The texts there are. */
  oneOf?: readonly string[];
}

const MS_MAX = 315_360_000_000;
const COUNT = /^-?\d{1,15}$/;

const OVERFLOW = {
  'drop-head': 'drop-head',
  'reject-publish': 'reject',
  'reject-publish-dlx': 'reject-dead-letter',
} as const;

/** In the order in which RabbitMQ compares them. */
export const QUEUE_ARGUMENTS: Readonly<Record<string, ArgumentRow>> = {
  'x-expires': { kind: 'count', setting: 'expiresMs', min: 1, max: MS_MAX },
  'x-message-ttl': { kind: 'count', setting: 'messageTtlMs', max: MS_MAX },
  'x-dead-letter-exchange': { kind: 'text', setting: 'deadLetterExchange' },
  'x-dead-letter-routing-key': { kind: 'text', setting: 'deadLetterRoutingKey' },
  'x-max-length': { kind: 'count', setting: 'lengthMax' },
  'x-max-length-bytes': { kind: 'count', setting: 'bytesMax' },
  'x-max-priority': { kind: 'count', setting: 'priorityMax', max: 255 },
  'x-overflow': { kind: 'text', oneOf: Object.keys(OVERFLOW) },
  'x-single-active-consumer': { kind: 'flag', setting: 'singleActiveConsumer' },
  'x-queue-type': { kind: 'text', oneOf: ['classic', 'quorum', 'stream'] },
  'x-delivery-limit': { kind: 'count', min: -1 },
  // For streams only.
  'x-max-age': { kind: 'text' },
  'x-stream-max-segment-size-bytes': { kind: 'count' },
};

/** Quorum queues give up on a message after so many deliveries unless told otherwise, as in RabbitMQ 4. */
const QUORUM_DELIVERY_LIMIT = 20;

/** The arguments among the headers. Throws for a value that its argument cannot have. */
export function queueArguments(
  headers: ReadonlyMap<string, string>,
  queue: string,
  vhost: string,
): DeclaredValues {
  const values: Record<string, DeclaredValue> = {};
  for (const [name, row] of Object.entries(QUEUE_ARGUMENTS)) {
    const text = headers.get(name)?.trim();
    if (text === undefined) continue;
    const problem = problemOf(name, row, text);
    if (problem !== undefined) throw invalid(name, queue, vhost, problem);
    values[name] = readValue(row, text);
  }
  const hasKey = values['x-dead-letter-routing-key'] !== undefined;
  if (hasKey && values['x-dead-letter-exchange'] === undefined) {
    const problem = 'routing_key_but_no_dlx_defined';
    throw invalid('x-dead-letter-routing-key', queue, vhost, problem);
  }
  return values;
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

function readValue({ kind }: ArgumentRow, text: string): DeclaredValue {
  if (kind === 'count') return Number(text);
  return kind === 'flag' ? text.toLowerCase() === 'true' : text;
}

/** What is wrong with a value, in RabbitMQ's words, which are Erlang's terms. */
function problemOf(name: string, row: ArgumentRow, text: string): string | undefined {
  if (row.kind === 'flag') {
    return /^(true|false)$/i.test(text) ? undefined : '{unacceptable_type,longstr}';
  }
  if (row.kind === 'count') return problemOfCount(row, text);
  if (name === 'x-max-age') return intervalMs(text) === undefined ? 'invalid_max_age' : undefined;
  if (row.oneOf === undefined || row.oneOf.includes(text)) return undefined;
  return name === 'x-overflow' ? 'invalid_overflow' : `"unsupported queue type '${text}'"`;
}

function problemOfCount(
  { min = 0, max = Infinity }: ArgumentRow,
  text: string,
): string | undefined {
  if (!COUNT.test(text)) return '"expected integer, got longstr"';
  const value = Number(text);
  if (value < min) return value === 0 ? '{value_zero,0}' : `{value_negative,${value}}`;
  if (value <= max) return undefined;
  return max === 255 ? `{max_value_exceeded,${value}}` : `{value_too_large,${value}}`;
}

function invalid(argument: string, queue: string, vhost: string, problem: string): Error {
  return refused(
    'precondition_failed',
    `invalid arg '${argument}' for queue '${queue}' in vhost '${vhost}': ${problem}`,
  );
}
