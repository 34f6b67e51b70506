/** Finding what a method names, with RabbitMQ's words when it is not there or not the client's to use. */
import type { Exchange } from '../../core/exchange/exchanges.ts';
import type { Queue } from '../../core/queue/queue.ts';
import type { Stream } from '../../core/stream/streams.ts';
import type { Channel } from './channel.ts';
import { AmqpError } from './errors.ts';
import type { AmqpSession } from './session.ts';

export const RESERVED_PREFIX = 'amq.';

/** The queue of that name, or the stream: to AMQP a stream is a queue of the type `stream`. */
export type Target = { queue: Queue; stream?: never } | { queue?: never; stream: Stream };

/** An empty name means the queue that was declared last on the channel. */
export function queueName(channel: Channel, name: string): string {
  if (name !== '') return name;
  if (channel.lastQueue !== '') return channel.lastQueue;
  throw new AmqpError('notFound', 'no previously declared queue');
}

export function findTarget(session: AmqpSession, name: string): Target | undefined {
  const { broker } = session.server;
  const queue = broker.queues.get(session.namespace, name);
  if (queue !== undefined) return { queue };
  // Streams have no vhosts: they are those of the default one.
  const stream = session.namespace === '' ? broker.streams.get(name) : undefined;
  return stream === undefined ? undefined : { stream };
}

export function targetNamed(channel: Channel, given: string): Target {
  const name = queueName(channel, given);
  const { session } = channel;
  const target = findTarget(session, name);
  if (target === undefined) throw noQueue(session, name);
  if (target.queue) checkOwner(session, target.queue);
  return target;
}

/** A queue that is no stream. */
export function queueNamed(channel: Channel, given: string, what: string): Queue {
  const { queue, stream } = targetNamed(channel, given);
  if (queue !== undefined) return queue;
  throw new AmqpError(
    'notImplemented',
    `${what} not supported by stream queues ${described(channel.session, stream)}`,
  );
}

/** A stream as RabbitMQ would name the queue that it is to AMQP. */
export function described({ vhost }: AmqpSession, { name }: Stream): string {
  return `queue '${name}' in vhost '${vhost}'`;
}

export function exchangeNamed(session: AmqpSession, name: string): Exchange {
  const exchange = session.server.broker.exchanges.get(session.namespace, name);
  if (exchange !== undefined) return exchange;
  throw new AmqpError('notFound', `no exchange '${name}' in vhost '${session.vhost}'`);
}

export function noQueue({ vhost }: AmqpSession, name: string): AmqpError {
  return new AmqpError('notFound', `no queue '${name}' in vhost '${vhost}'`);
}

/** An exclusive queue is for the connection that declared it. */
export function checkOwner(session: AmqpSession, queue: Queue): void {
  const owner = session.server.owners.ownerOf(queue);
  if (owner === undefined || owner === session) return;
  throw locked(session, queue);
}

export function locked(session: AmqpSession, queue: Queue): AmqpError {
  return new AmqpError(
    'resourceLocked',
    `cannot obtain exclusive access to locked queue '${queue.name}' in vhost '${session.vhost}'. It could be originally declared on another connection or the exclusive property value does not match that of the original declaration.`,
  );
}
