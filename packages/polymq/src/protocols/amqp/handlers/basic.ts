/**
 * Class 60: consuming, fetching and answering. Publishing and single acknowledgements do not come here: the session takes
 * them where they lie (`publishing.ts`, `channel.ts`).
 */
import type { Queue } from '../../../core/queue/queue.ts';
import { ROW_FLAG } from '../../../core/queue/rows.ts';
import type { Channel } from '../channel.ts';
import { methodFrame } from '../codec/index.ts';
import { AmqpConsumer } from '../consumer.ts';
import { AmqpError } from '../errors.ts';
import { noQueue, queueNamed, targetNamed } from '../lookup.ts';
import type { Methods } from '../methods/index.ts';
import { plainTable, plainType } from '../plain-values.ts';
import { REPLY_TO_QUEUE } from '../replies.ts';
import type { AmqpSession } from '../session.ts';
import { openStreamConsumer } from '../stream-consumer.ts';
import type { Handlers } from './handler.ts';

const TAG_BYTES = 12;

export const basicHandlers: Handlers = {
  'basic.qos'(session, { prefetchSize, prefetchCount, global }, channel) {
    if (prefetchSize !== 0) {
      throw new AmqpError('notImplemented', `prefetch_size!=0 (${prefetchSize})`);
    }
    session.output.frame(methodFrame(channel.number, 'basic.qos-ok', {}));
    if (global) {
      channel.prefetchOfChannel = prefetchCount;
      for (const consumer of channel.consumers.values()) consumer.resume();
    } else channel.prefetch = prefetchCount;
    return undefined;
  },

  'basic.consume'(session, args, channel) {
    const tag = args.consumerTag === '' ? generatedTag(session) : args.consumerTag;
    const taken = channel.consumers.has(tag) || channel.replyTo?.tag === tag;
    if (taken) throw new AmqpError('notAllowed', `attempt to reuse consumer tag '${tag}'`);
    if (args.queue === REPLY_TO_QUEUE) {
      consumeReplies(channel, args, tag);
      return undefined;
    }
    const { queue, stream } = targetNamed(channel, args.queue);
    if (stream !== undefined) {
      return openStreamConsumer(channel, stream, args, tag).then((consumer) => {
        if (channel.closing) return;
        if (consumer.stopped) throw noQueue(session, stream.name);
        channel.consumers.set(tag, consumer);
        consumeOk(channel, args, tag);
        consumer.begin();
      });
    }
    consumeQueue(channel, queue, args, tag);
    return undefined;
  },

  'basic.cancel'(session, { consumerTag, noWait }, channel) {
    const consumer = channel.consumers.get(consumerTag);
    if (consumer) channel.cancel(consumer);
    if (channel.replyTo?.tag === consumerTag) {
      session.server.replies.close(channel.replyTo.address);
      channel.replyTo = undefined;
    }
    if (!noWait) {
      session.output.frame(methodFrame(channel.number, 'basic.cancel-ok', { consumerTag }));
    }
    return undefined;
  },

  'basic.cancel-ok'() {
    return undefined;
  },

  'basic.get'(session, { queue: name, noAck }, channel) {
    const queue = queueNamed(channel, name, 'basic.get');
    const taken = queue.take();
    if (taken instanceof Promise) {
      return taken.then(async (row) =>
        answerGet(session, channel, queue, await inMemory(session, queue, row), noAck),
      );
    }
    answerGet(session, channel, queue, taken, noAck);
    return undefined;
  },

  'basic.ack'(_session, { deliveryTag, multiple }, channel) {
    channel.settle(deliveryTag, multiple, 'ack');
    return undefined;
  },

  'basic.reject'(_session, { deliveryTag, requeue }, channel) {
    channel.settle(deliveryTag, false, requeue ? 'requeue' : 'reject');
    return undefined;
  },

  'basic.nack'(_session, { deliveryTag, multiple, requeue }, channel) {
    channel.settle(deliveryTag, multiple, requeue ? 'requeue' : 'reject');
    return undefined;
  },

  'basic.recover'(session, { requeue }, channel) {
    refuseDropping(requeue);
    session.output.frame(methodFrame(channel.number, 'basic.recover-ok', {}));
    channel.requeueAll();
    return undefined;
  },

  'basic.recover-async'(_session, { requeue }, channel) {
    refuseDropping(requeue);
    channel.requeueAll();
    return undefined;
  },

  // Reached only if its frame is malformed: reading it has thrown already.
  'basic.publish'() {
    throw new AmqpError('syntaxError', 'basic.publish is malformed');
  },
};

function refuseDropping(requeue: boolean): void {
  if (!requeue) throw new AmqpError('notImplemented', 'requeue=false');
}

function consumeOk(channel: Channel, { noWait }: Methods['basic.consume'], tag: string): void {
  if (noWait) return;
  channel.session.output.frame(
    methodFrame(channel.number, 'basic.consume-ok', { consumerTag: tag }),
  );
}

function consumeQueue(
  channel: Channel,
  queue: Queue,
  args: Methods['basic.consume'],
  tag: string,
): void {
  const priority = plainTable(args.arguments)['x-priority'];
  if (priority !== undefined && !Number.isInteger(priority)) {
    const what = `invalid arg 'x-priority' for queue '${queue.name}' in vhost '${channel.session.vhost}'`;
    throw new AmqpError(
      'preconditionFailed',
      `${what}: "expected integer, got ${plainType(priority)}"`,
    );
  }
  const consumer = new AmqpConsumer(channel, queue, {
    tag,
    noAck: args.noAck,
    exclusive: args.exclusive,
    priority: typeof priority === 'number' ? priority : 0,
    prefetch: channel.prefetch,
  });
  channel.consumers.set(tag, consumer);
  // The answer must come before the first delivery, which may happen right away; an error takes it back.
  const { output } = channel.session;
  const mark = output.mark();
  consumeOk(channel, args, tag);
  try {
    queue.addConsumer(consumer, { priority: consumer.options.priority, exclusive: args.exclusive });
  } catch (error: unknown) {
    output.rewind(mark);
    channel.consumers.delete(tag);
    throw inUse(channel, queue, error);
  }
}

function inUse({ session }: Channel, queue: Queue, cause: unknown): unknown {
  const code = (cause as { code?: unknown }).code;
  if (code !== 'queue-in-use') return cause;
  return new AmqpError(
    'accessRefused',
    `queue '${queue.name}' in vhost '${session.vhost}' in exclusive use`,
    { cause },
  );
}

function consumeReplies(channel: Channel, args: Methods['basic.consume'], tag: string): void {
  if (!args.noAck) {
    throw new AmqpError('preconditionFailed', 'reply consumer cannot acknowledge');
  }
  if (channel.replyTo) {
    throw new AmqpError('preconditionFailed', 'reply consumer already set');
  }
  channel.replyTo = { tag, address: channel.session.server.replies.open(channel, tag) };
  consumeOk(channel, args, tag);
}

/**
 * Points the store's view at a message that was taken a while ago: others may have moved it since, or pushed the message out
 * of memory. `undefined` if it is gone.
 */
async function inMemory(
  { server }: AmqpSession,
  queue: Queue,
  row: number | undefined,
): Promise<number | undefined> {
  const { store } = server.broker.queues;
  if (row === undefined || queue.deleted) return undefined;
  if (store.locate(row)) return row;
  await store.load(row);
  if (queue.deleted) return undefined;
  if (store.locate(row)) return row;
  // It is damaged on disk: nobody can get it any more.
  queue.ack(row);
  return undefined;
}

function answerGet(
  session: AmqpSession,
  channel: Channel,
  queue: Queue,
  row: number | undefined,
  noAck: boolean,
): void {
  if (row === undefined) {
    session.output.frame(methodFrame(channel.number, 'basic.get-empty', {}));
    return;
  }
  if (channel.closing || session.closed) {
    queue.requeue(row, { untouched: true });
    return;
  }
  const { store } = session.server.broker.queues;
  const redelivered = isRedelivered(store.rows, row);
  const tag = noAck
    ? channel.unacked.skip()
    : channel.unacked.add(queue, row, undefined, session.server.nowMs);
  channel.delivery.got(tag, redelivered, queue, row, store.view);
  if (noAck) queue.ack(row);
}

function isRedelivered(
  rows: { page(row: number): { flags: Uint8Array }; index(row: number): number },
  row: number,
): boolean {
  return (rows.page(row).flags[rows.index(row)]! & ROW_FLAG.redelivered) !== 0;
}

function generatedTag({ server }: AmqpSession): string {
  return `amq.ctag-${server.environment.random.bytes(TAG_BYTES).toString('base64url')}`;
}
