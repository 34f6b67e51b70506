/**
 * `queue.declare`: finds, compares, or makes a queue or a stream. What exists is compared flag by flag and argument by argument, as
 * RabbitMQ does; a stream is taken as it is, since it may be somebody's Kafka topic.
 *
 * A queue may have the name of a stream: programs that used to talk to two brokers may well use a name on both. To AMQP the name
 * then means the queue.
 */
import type { Queue } from '../../core/queue/queue.ts';
import type { DeclaredValues, QueueDefinition } from '../../core/queue/queue-definition.ts';
import type { StreamConfigName } from '../../core/stream/stream-config.ts';
import type { Stream } from '../../core/stream/streams.ts';
import { intervalMs } from '../../lib/interval.ts';
import type { Channel } from './channel.ts';
import { checkEquivalent, type Declared } from './equivalence.ts';
import { AmqpError, isBrokerError } from './errors.ts';
import { checkOwner, findTarget, locked, noQueue, RESERVED_PREFIX } from './lookup.ts';
import type { Methods } from './methods/index.ts';
import { plainTable } from './plain-values.ts';
import { checkQueueArguments, QUEUE_ARGUMENTS, queueSettings } from './queue-arguments.ts';
import { REPLY_TO_QUEUE } from './replies.ts';

export interface DeclaredQueue {
  name: string;
  messageCount: number;
  consumerCount: number;
}

type Args = Methods['queue.declare'];

const GENERATED_BYTES = 16;

export async function declareQueue(channel: Channel, args: Args): Promise<DeclaredQueue> {
  const { session } = channel;
  if (args.passive) return found(channel, args.queue);
  const values = plainTable(args.arguments);
  const name = args.queue === '' ? generatedName(channel) : args.queue;
  checkQueueArguments(values, name, session.vhost);
  const target = findTarget(session, name);
  if (target?.queue !== undefined) return again(channel, target.queue, args, values);
  if (values['x-queue-type'] === 'stream') return declareStream(channel, name, args, values);
  if (args.queue.startsWith(RESERVED_PREFIX)) {
    throw new AmqpError('accessRefused', `queue name '${name}' contains reserved prefix 'amq.*'`);
  }
  if (values['x-queue-type'] === 'quorum') checkLasting(name, session.vhost, args);
  const { queues } = session.server.broker;
  try {
    const queue = await queues.declare(session.namespace, name, definitionOf(args, values));
    if (args.exclusive) session.server.owners.own(queue, session);
    return describeQueue(queue);
  } catch (error: unknown) {
    // Another client has declared it at the same time: now all depends on whether it has declared the same.
    if (isBrokerError(error, 'queue-exists'))
      return declareQueue(channel, { ...args, queue: name });
    throw error;
  }
}

function found(channel: Channel, name: string): DeclaredQueue {
  const { replies } = channel.session.server;
  if (name === REPLY_TO_QUEUE || replies.has(name))
    return { name, messageCount: 0, consumerCount: 1 };
  const target = findTarget(channel.session, name);
  if (target === undefined) throw noQueue(channel.session, name);
  if (target.queue === undefined) return describe(target.stream);
  checkOwner(channel.session, target.queue);
  return describeQueue(target.queue);
}

function again(channel: Channel, queue: Queue, args: Args, values: DeclaredValues): DeclaredQueue {
  checkOwner(channel.session, queue);
  if (queue.definition.exclusive !== args.exclusive) throw locked(channel.session, queue);
  checkEquivalent(
    declaredOf(channel, queue.name, queue.definition),
    declaredOf(channel, queue.name, definitionOf(args, values)),
    Object.keys(QUEUE_ARGUMENTS),
  );
  return describeQueue(queue);
}

function declaredOf(channel: Channel, name: string, definition: QueueDefinition): Declared {
  const { durable, autoDelete, declared } = definition;
  return {
    what: `queue '${name}' in vhost '${channel.session.vhost}'`,
    flags: { durable, auto_delete: autoDelete },
    arguments: { 'x-queue-type': 'classic', ...declared },
  };
}

function definitionOf(args: Args, values: DeclaredValues): QueueDefinition {
  return {
    durable: args.durable,
    autoDelete: args.autoDelete,
    exclusive: args.exclusive,
    settings: queueSettings(values),
    declared: values,
  };
}

/** Quorum queues and streams outlive those who declare them. */
function checkLasting(name: string, vhost: string, args: Args): void {
  const wrong = args.autoDelete
    ? 'auto-delete'
    : args.exclusive
      ? 'exclusive-owner'
      : args.durable
        ? undefined
        : 'non-durable';
  if (wrong === undefined) return;
  throw new AmqpError(
    'preconditionFailed',
    `invalid property '${wrong}' for queue '${name}' in vhost '${vhost}'`,
  );
}

/** A stream with one partition, or the one that is there, whoever made it. */
async function declareStream(
  channel: Channel,
  name: string,
  args: Args,
  values: DeclaredValues,
): Promise<DeclaredQueue> {
  const { session } = channel;
  checkLasting(name, session.vhost, args);
  if (session.namespace !== '') {
    throw new AmqpError(
      'preconditionFailed',
      `streams belong to vhost '/'; queue '${name}' in vhost '${session.vhost}' cannot be one`,
    );
  }
  const { streams } = session.server.broker;
  const found = streams.get(name);
  if (found !== undefined) return describe(found);
  try {
    const overrides = streamOverrides(values);
    return describe(await streams.create({ name, partitionCount: 1, overrides }));
  } catch (error: unknown) {
    if (isBrokerError(error, 'stream-exists')) return declareStream(channel, name, args, values);
    throw error;
  }
}

function streamOverrides(values: DeclaredValues): ReadonlyMap<StreamConfigName, string> {
  const overrides = new Map<StreamConfigName, string>();
  const age = values['x-max-age'];
  if (typeof age === 'string') overrides.set('retentionMs', String(intervalMs(age)));
  const bytes = values['x-max-length-bytes'];
  if (bytes !== undefined) overrides.set('retentionBytes', String(bytes));
  const segment = values['x-stream-max-segment-size-bytes'];
  if (segment !== undefined) overrides.set('segmentBytes', String(segment));
  return overrides;
}

function generatedName(channel: Channel): string {
  const bytes = channel.session.server.environment.random.bytes(GENERATED_BYTES);
  return `${RESERVED_PREFIX}gen-${bytes.toString('base64url')}`;
}

/** Who asks for a queue, or declares it again, renews its lease, as in RabbitMQ. */
function describeQueue(queue: Queue): DeclaredQueue {
  queue.touch();
  const { name, readyCount, consumerCount } = queue;
  return { name, messageCount: readyCount, consumerCount };
}

/** As many messages as a reader from the start would see. */
function describe(stream: Stream): DeclaredQueue {
  let messageCount = 0;
  for (const { startOffset, endOffset } of stream.partitions)
    messageCount += endOffset - startOffset;
  return { name: stream.name, messageCount, consumerCount: 0 };
}
