/**
 * Class 50: queues and their bindings. A queue of the type `stream` is a stream of the core, and `stream:NAME` in the place of an
 * exchange binds a queue to the records of a stream.
 */

import type { Binding } from '../../../core/exchange/exchanges.ts';
import type { Queue } from '../../../core/queue/queue.ts';
import type { Channel } from '../channel.ts';
import { methodFrame } from '../codec/index.ts';
import { AmqpError, isBrokerError } from '../errors.ts';
import { exchangeNamed, findTarget, queueName, queueNamed, targetNamed } from '../lookup.ts';
import type { Methods } from '../methods/index.ts';
import { plainTable } from '../plain-values.ts';
import { declareQueue } from '../queue-declaration.ts';
import type { AmqpSession } from '../session.ts';
import { sourceStreamOf } from '../stream-source.ts';
import { refuseDefault, unlessMissing } from './exchange.ts';
import type { Handlers } from './handler.ts';

export const queueHandlers: Handlers = {
  async 'queue.declare'(session, args, channel) {
    const declared = await declareQueue(channel, args);
    channel.lastQueue = declared.name;
    if (args.noWait) return;
    const { name, messageCount, consumerCount } = declared;
    session.output.frame(
      methodFrame(channel.number, 'queue.declare-ok', {
        queue: name,
        messageCount: Math.min(messageCount, 0xffff_ffff),
        consumerCount,
      }),
    );
  },

  async 'queue.bind'(session, args, channel) {
    await session.server.broker.exchanges.bind(bindingOf(session, args, channel));
    if (args.noWait) return;
    session.output.frame(methodFrame(channel.number, 'queue.bind-ok', {}));
  },

  async 'queue.unbind'(session, args, channel) {
    await unlessMissing(() => {
      const binding = bindingOf(session, args, channel);
      return session.server.broker.exchanges.unbind(binding);
    });
    session.output.frame(methodFrame(channel.number, 'queue.unbind-ok', {}));
  },

  async 'queue.purge'(session, { queue: name, noWait }, channel) {
    const messageCount = await queueNamed(channel, name, 'queue.purge').purge();
    if (noWait) return;
    session.output.frame(methodFrame(channel.number, 'queue.purge-ok', { messageCount }));
  },

  async 'queue.delete'(session, args, channel) {
    // As RabbitMQ: the answer first, then the news to consumers of the same connection, which may end it then.
    const notices: Buffer[] = [];
    session.notices = notices;
    try {
      const messageCount = await remove(channel, args);
      if (args.noWait) return;
      session.output.frame(methodFrame(channel.number, 'queue.delete-ok', { messageCount }));
    } finally {
      session.notices = undefined;
      for (const notice of notices) session.output.frame(notice);
    }
  },
};

/** A queue that does not exist counts as deleted, as in RabbitMQ. */
async function remove(channel: Channel, args: Methods['queue.delete']): Promise<number> {
  const { session } = channel;
  const { broker } = session.server;
  const name = queueName(channel, args.queue);
  if (findTarget(session, name) === undefined) return 0;
  const { queue, stream } = targetNamed(channel, name);
  if (stream !== undefined) {
    await gone(broker.streams.delete(stream.name));
    return 0;
  }
  refuseUse(session, queue, args);
  const count = await gone(broker.queues.delete(queue, args));
  session.server.owners.release(queue);
  return count ?? 0;
}

/** Somebody else may have deleted it at the same time. */
function gone<T>(deleted: Promise<T>): Promise<T | undefined> {
  return deleted.catch((error: unknown): undefined => {
    const done = isBrokerError(error, 'unknown-queue') || isBrokerError(error, 'unknown-stream');
    if (!done) throw error;
  });
}

function refuseUse(
  { vhost }: AmqpSession,
  queue: Queue,
  { ifUnused, ifEmpty }: Methods['queue.delete'],
): void {
  const what = `queue '${queue.name}' in vhost '${vhost}'`;
  if (ifUnused && queue.consumerCount > 0) {
    throw new AmqpError('preconditionFailed', `${what} in use`);
  }
  if (ifEmpty && queue.readyCount > 0) {
    throw new AmqpError('preconditionFailed', `${what} not empty`);
  }
}

function bindingOf(
  session: AmqpSession,
  args: Methods['queue.bind'] | Methods['queue.unbind'],
  channel: Channel,
): Binding {
  const { queue, stream } = targetNamed(channel, args.queue);
  refuseDefault(args.exchange);
  const sourceStream = sourceStreamOf(session, args.exchange, args.arguments);
  if (sourceStream === undefined) exchangeNamed(session, args.exchange);
  return {
    namespace: session.namespace,
    source: sourceStream ?? args.exchange,
    ...(sourceStream === undefined ? {} : { sourceKind: 'stream' as const }),
    destination: queue?.name ?? stream!.name,
    destinationKind: queue === undefined ? 'stream' : 'queue',
    // As RabbitMQ: who names neither the queue nor a key means the queue that was declared last for both.
    routingKey: args.queue === '' && args.routingKey === '' ? channel.lastQueue : args.routingKey,
    arguments: plainTable(args.arguments),
  };
}
