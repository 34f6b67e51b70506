/**
 * `basic.consume` on a stream: records from an offset on, as many as the prefetch allows. Nothing is leased; an
 * acknowledgement only makes room for the next record, and where the client has come to is its own to remember.
 */

import { START_ARGUMENT } from '../../core/crossing/binding-start.ts';
import type { StreamStart } from '../../core/crossing/record-cursor.ts';
import { StreamFeed } from '../../core/crossing/stream-feed.ts';
import type { StreamFilter, StreamMessage } from '../../core/crossing/stream-reader.ts';
import { shortNames } from '../../core/message/message-bytes.ts';
import type { NeutralMessage } from '../../core/message/neutral-message.ts';
import type { Stream } from '../../core/stream/streams.ts';
import type { Channel } from './channel.ts';
import {
  deliverBytes,
  deliverPrefix,
  editHeaders,
  FieldTimestamp,
  type FieldValue,
  writeDeliver,
} from './codec/index.ts';
import { CONTENT_GAP_BYTES } from './content.ts';
import { AmqpError } from './errors.ts';
import { described } from './lookup.ts';
import { amqpFormat } from './message-format.ts';
import type { Methods } from './methods/index.ts';
import { streamStart } from './stream-start.ts';

const FILTER_HEADER = 'x-stream-filter-value';

export class StreamConsumer {
  readonly tag: string;
  readonly channel: Channel;
  readonly #stream: Stream;
  readonly #prefix: Buffer;
  readonly #prefetch: number;
  readonly #feed: StreamFeed;
  #unacked = 0;
  resumeListed = false;

  constructor(channel: Channel, stream: Stream, tag: string) {
    const { broker, environment } = channel.session.server;
    this.channel = channel;
    this.#stream = stream;
    this.tag = tag;
    this.#prefix = deliverPrefix(channel.number, tag);
    this.#prefetch = channel.prefetch;
    this.#feed = new StreamFeed(stream, {
      streams: broker.streams,
      timers: environment.timers,
      room: () => (channel.mayDeliver(false) ? this.#prefetch - this.#unacked : 0),
      deliver: (message) => this.#deliver(message),
      failed: (error) => this.#failed(error),
    });
  }

  async open(start: StreamStart, filter: StreamFilter | undefined): Promise<void> {
    await this.#feed.open(start, filter);
    // The channel may have ended meanwhile.
    if (this.channel.closing) this.stop();
  }

  /** Records may come from now on. */
  begin(): void {
    this.#feed.begin();
  }

  answered(): void {
    this.#unacked -= 1;
    this.channel.consumersUnacked -= 1;
    this.#feed.later();
  }

  unanswered(): void {
    this.#unacked += 1;
    this.channel.consumersUnacked += 1;
  }

  resume(): void {
    this.#feed.resume();
  }

  get stopped(): boolean {
    return this.#feed.stopped;
  }

  stop(): void {
    this.#feed.stop();
  }

  #deliver(message: StreamMessage): void {
    const { channel } = this;
    const { session, unacked, delivery } = channel;
    const { exchange, routingKey, message: neutral } = message.whole;
    const tag = unacked.add(undefined, 0, this, session.server.nowMs);
    this.unanswered();
    const names = shortNames(exchange, routingKey);
    const target = session.output.reserve(deliverBytes(this.#prefix, names.length));
    const at = session.output.position;
    session.output.position = writeDeliver(
      target,
      at,
      this.#prefix,
      tag,
      false,
      names,
      0,
      names.length,
    );
    delivery.looseContent(headerOf(neutral, message), message.body);
    session.server.delivered.value += 1;
  }

  /** The stream was deleted or is broken. */
  #failed(error: unknown): void {
    const { channel } = this;
    const { logger } = channel.session.server;
    logger.warn({ error, stream: this.#stream.name }, 'a consumer of a stream has ended');
    channel.consumerCancelled(this);
  }
}

/** Rejects with 406 or 540 for what RabbitMQ refuses too. */
export async function openStreamConsumer(
  channel: Channel,
  stream: Stream,
  args: Methods['basic.consume'],
  tag: string,
): Promise<StreamConsumer> {
  const what = described(channel.session, stream);
  if (args.noAck) {
    const text = `automatic acknowledgement not supported by stream queues ${what}`;
    throw new AmqpError('notImplemented', text);
  }
  if (channel.prefetch === 0) {
    throw new AmqpError(
      'preconditionFailed',
      `consumer prefetch count is not set for stream ${what}`,
    );
  }
  const { nowMs } = channel.session.server;
  const start = startOf(args.arguments[START_ARGUMENT], nowMs);
  const consumer = new StreamConsumer(channel, stream, tag);
  await consumer.open(start, filterOf(args.arguments));
  return consumer;
}

function startOf(value: FieldValue | undefined, nowMs: number): StreamStart {
  if (value instanceof FieldTimestamp) return { timestampMs: value.timestamp * 1_000 };
  const start = streamStart(value, nowMs);
  if (start !== undefined) return start;
  throw new AmqpError(
    'preconditionFailed',
    `invalid arg '${START_ARGUMENT}': it must be first, last, next, an offset, a timestamp or an interval such as 5m`,
  );
}

function filterOf(args: { readonly [name: string]: FieldValue }): StreamFilter | undefined {
  const given = args['x-stream-filter'];
  if (given === undefined) return undefined;
  const values = Array.isArray(given) ? given : [given];
  if (!values.every((value): value is string => typeof value === 'string')) {
    throw new AmqpError(
      'preconditionFailed',
      `invalid arg 'x-stream-filter': it must be a string or an array of strings`,
    );
  }
  const matchUnfiltered = args['x-stream-match-unfiltered'] === true;
  return { header: FILTER_HEADER, values, matchUnfiltered };
}

/** The record's own properties, and its offset, which a client needs to go on from it. */
function headerOf(neutral: NeutralMessage, message: StreamMessage): Buffer {
  const stored = amqpFormat.fromNeutral(neutral, message.body.length);
  const end = stored.length - CONTENT_GAP_BYTES;
  return editHeaders(stored, 0, end, { [START_ARGUMENT]: message.offset });
}
