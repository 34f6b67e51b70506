/**
 * Declaring the queues that destinations name: finds, compares, or makes a queue or a stream, as RabbitMQ does for STOMP.
 *
 *                       durable   auto-delete   exclusive
 *   /queue              yes       no            no          `durable:false` makes it private: the other two become yes
 *   /topic, /exchange   no        yes           no          one per subscription, bound to the exchange
 *   /temp-queue         no        yes           yes
 */
import { createHash } from 'node:crypto';
import type { Queue } from '../../core/queue/queue.ts';
import type { DeclaredValues, QueueDefinition } from '../../core/queue/queue-definition.ts';
import type { StreamConfigName } from '../../core/stream/stream-config.ts';
import type { Stream } from '../../core/stream/streams.ts';
import { intervalMs } from '../../lib/interval.ts';
import type { DestinationName } from './destinations.ts';
import { checkEquivalent } from './equivalence.ts';
import { isBrokerError, refused } from './errors.ts';
import { isTrue } from './message-format.ts';
import { queueArguments, queueSettings } from './queue-arguments.ts';
import type { StompSession } from './session.ts';

export type Headers = ReadonlyMap<string, string>;

/** A queue, or a stream, which has its readers and no consumers. */
export type Target = { queue: Queue; stream?: never } | { queue?: never; stream: Stream };

const RESERVED_PREFIX = 'amq.';
const PRIVATE_ID_BYTES = 16;

/** What `/queue` means in a frame with these headers. */
export function declareNamed(
  session: StompSession,
  name: string,
  headers: Headers,
): Promise<Target> {
  const durable = flagOf(headers, 'durable') ?? true;
  return declare(session, name, {
    durable,
    autoDelete: flagOf(headers, 'auto-delete') ?? !durable,
    exclusive: flagOf(headers, 'exclusive') ?? !durable,
    ...argumentsOf(session, name, headers),
  });
}

/** The queue of a subscription to an exchange. */
export function declareSubscription(
  session: StompSession,
  destination: DestinationName,
  headers: Headers,
): Promise<Target> {
  const name = headers.get('x-queue-name') ?? subscriptionQueue(session, destination, headers);
  return declare(session, name, {
    durable: isDurable(headers),
    autoDelete: flagOf(headers, 'auto-delete') ?? true,
    exclusive: flagOf(headers, 'exclusive') ?? false,
    ...argumentsOf(session, name, headers),
  });
}

/** A private queue with a name that nobody can guess. */
export async function declarePrivate(session: StompSession): Promise<Queue> {
  const id = session.server.environment.random.bytes(PRIVATE_ID_BYTES).toString('base64url');
  const definition = { durable: false, autoDelete: true, exclusive: true };
  const { queues } = session.server.broker;
  const queue = await queues.declare(session.namespace, `${RESERVED_PREFIX}gen-${id}`, {
    ...definition,
    settings: {},
    declared: {},
  });
  session.server.owners.own(queue, session);
  return queue;
}

/** The subscription outlives its connection; `persistent` is what this was called first. */
export function isDurable(headers: Headers): boolean {
  return isTrue(headers.get('durable')) || isTrue(headers.get('persistent'));
}

/** Finds the queue or stream of that name. Throws if there is none, or it is somebody else's. */
export function existing(session: StompSession, name: string): Target {
  const { broker } = session.server;
  const queue = broker.queues.get(session.namespace, name);
  if (queue !== undefined) {
    checkOwner(session, queue);
    return { queue };
  }
  // Streams have no vhosts: they are those of the default one.
  const stream = session.namespace === '' ? broker.streams.get(name) : undefined;
  if (stream !== undefined) return { stream };
  throw refused('not_found', `no queue '${name}' in vhost '${session.vhost}'`);
}

/**
 * The name is a function of routing key and id, so that a durable subscription is found again; it is the one that RabbitMQ
 * gives: a digest of the Erlang term `{Key, Id}`.
 */
export function subscriptionQueue(
  session: StompSession,
  { key }: DestinationName,
  headers: Headers,
): string {
  const id = isDurable(headers)
    ? erlangString(headers.get('id') ?? '')
    : session.server.environment.random.bytes(PRIVATE_ID_BYTES);
  const pair = Buffer.concat([Buffer.of(131, 104, 2), erlangString(key), id]);
  return `stomp-subscription-${createHash('md5').update(pair).digest('base64url')}`;
}

/** The external term format of a list of octets. */
function erlangString(text: string): Buffer {
  const octets = Buffer.from(text);
  if (octets.length === 0) return Buffer.of(106);
  return Buffer.concat([Buffer.of(107, octets.length >>> 8, octets.length & 0xff), octets]);
}

async function declare(
  session: StompSession,
  name: string,
  definition: QueueDefinition,
): Promise<Target> {
  const { queues } = session.server.broker;
  const queue = queues.get(session.namespace, name);
  if (queue !== undefined) return again(session, queue, definition);
  if (definition.declared['x-queue-type'] === 'stream') {
    return { stream: await declareStream(session, name, definition) };
  }
  if (name.startsWith(RESERVED_PREFIX)) {
    throw refused('access_refused', `queue name '${name}' contains reserved prefix 'amq.*'`);
  }
  if (definition.declared['x-queue-type'] === 'quorum') checkLasting(session, name, definition);
  try {
    const made = await queues.declare(session.namespace, name, definition);
    if (definition.exclusive) session.server.owners.own(made, session);
    return { queue: made };
  } catch (error: unknown) {
    // Another client has declared it at the same time: now all depends on whether it has declared the same.
    if (isBrokerError(error, 'queue-exists')) return declare(session, name, definition);
    throw error;
  }
}

function again(session: StompSession, queue: Queue, definition: QueueDefinition): Target {
  checkOwner(session, queue);
  if (queue.definition.exclusive !== definition.exclusive) throw locked(session, queue);
  checkEquivalent(
    `queue '${queue.name}' in vhost '${session.vhost}'`,
    queue.definition,
    definition,
  );
  queue.touch();
  return { queue };
}

async function declareStream(
  session: StompSession,
  name: string,
  definition: QueueDefinition,
): Promise<Stream> {
  checkLasting(session, name, definition);
  if (session.namespace !== '') {
    const text = `streams belong to vhost '/'; queue '${name}' in vhost '${session.vhost}' cannot be one`;
    throw refused('precondition_failed', text);
  }
  const { streams } = session.server.broker;
  const found = streams.get(name);
  if (found !== undefined) return found;
  try {
    const overrides = streamOverrides(definition.declared);
    return await streams.create({ name, partitionCount: 1, overrides });
  } catch (error: unknown) {
    if (isBrokerError(error, 'stream-exists')) return declareStream(session, name, definition);
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

/** Quorum queues and streams outlive those who declare them. */
function checkLasting(session: StompSession, name: string, definition: QueueDefinition): void {
  const { autoDelete, exclusive, durable } = definition;
  if (!autoDelete && !exclusive && durable) return;
  const wrong = autoDelete ? 'auto-delete' : exclusive ? 'exclusive-owner' : 'non-durable';
  throw refused(
    'precondition_failed',
    `invalid property '${wrong}' for queue '${name}' in vhost '${session.vhost}'`,
  );
}

/** An exclusive queue is for the connection that declared it. */
function checkOwner(session: StompSession, queue: Queue): void {
  const owner = session.server.owners.ownerOf(queue);
  if (owner !== undefined && owner !== session) throw locked(session, queue);
}

function locked(session: StompSession, queue: Queue): Error {
  return refused(
    'resource_locked',
    `cannot obtain exclusive access to locked queue '${queue.name}' in vhost '${session.vhost}'. It could be originally declared on another connection or the exclusive property value does not match that of the original declaration.`,
  );
}

function argumentsOf(
  session: StompSession,
  name: string,
  headers: Headers,
): Pick<QueueDefinition, 'settings' | 'declared'> {
  const declared = queueArguments(headers, name, session.vhost);
  return { declared, settings: queueSettings(declared) };
}

/** What is neither true nor false says nothing. */
function flagOf(headers: Headers, name: string): boolean | undefined {
  const text = headers.get(name);
  if (isTrue(text)) return true;
  return text === 'false' || text === 'False' ? false : undefined;
}
