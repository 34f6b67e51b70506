/**
 * `basic.consume` on a stream: records from an offset on, as many as the prefetch allows. Nothing is leased; an
 * acknowledgement only makes room for the next record, and where the client has come to is its own to remember.
 */

import type { StreamStart } from '../../core/crossing/record-cursor.ts';
import {
  openStreamReader,
  type StreamFilter,
  type StreamMessage,
  type StreamReader,
} from '../../core/crossing/stream-reader.ts';
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

/** Records that are looked at before others get a turn. */
const RECORDS_PER_TURN = 256;
const FILTER_HEADER = 'x-stream-filter-value';

export class StreamConsumer {
  readonly tag: string;
  readonly channel: Channel;
  readonly #stream: Stream;
  readonly #prefix: Buffer;
  readonly #prefetch: number;
  #readers: StreamReader[] = [];
  #next = 0;
  #unacked = 0;
  #pumping = false;
  #stopped = false;
  #stopWatching: () => void = () => undefined;
  resumeListed = false;

  constructor(channel: Channel, stream: Stream, tag: string) {
    this.channel = channel;
    this.#stream = stream;
    this.tag = tag;
    this.#prefix = deliverPrefix(channel.number, tag);
    this.#prefetch = channel.prefetch;
  }

  /** Opens a reader per partition, all from the same start. */
  async open(start: StreamStart, filter: StreamFilter | undefined): Promise<void> {
    const { streams } = this.channel.session.server.broker;
    this.#stopWatching = streams.onChange(({ kind, stream }) => {
      if (kind === 'deleted' && stream === this.#stream) this.#failed('the stream was deleted');
    });
    const onMore = (): void => this.#later();
    try {
      for (const partition of this.#stream.partitions) {
        const options = { onMore, ...(filter ? { filter } : {}) };
        this.#readers.push(await openStreamReader(partition, start, options));
      }
    } catch (error: unknown) {
      this.stop();
      throw error;
    }
    // The channel or the stream may have ended meanwhile.
    if (this.#stopped || this.channel.closing) this.stop();
  }

  answered(): void {
    this.#unacked -= 1;
    this.channel.consumersUnacked -= 1;
    this.#later();
  }

  unanswered(): void {
    this.#unacked += 1;
    this.channel.consumersUnacked += 1;
  }

  resume(): void {
    void this.#pump();
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  stop(): void {
    this.#stopped = true;
    this.#stopWatching();
    for (const reader of this.#readers) reader.close();
    this.#readers = [];
  }

  /** Not from inside a commit or an acknowledgement: at the end of the turn. */
  #later(): void {
    if (this.#pumping || this.#stopped) return;
    this.channel.session.server.environment.timers.immediate(() => this.resume());
  }

  get #room(): number {
    return this.channel.mayDeliver(false) ? this.#prefetch - this.#unacked : 0;
  }

  async #pump(): Promise<void> {
    if (this.#pumping || this.#stopped) return;
    this.#pumping = true;
    try {
      for (let reader = this.#waiting(); reader !== undefined; reader = this.#waiting()) {
        const read = reader.next(Math.min(this.#room, RECORDS_PER_TURN));
        const messages = read instanceof Promise ? await read : read;
        if (this.#stopped) return;
        for (const message of messages) this.#deliver(message);
      }
    } catch (error: unknown) {
      this.#failed(error);
    } finally {
      this.#pumping = false;
    }
  }

  /** The next reader with something to read, in turns, if there is room for it. */
  #waiting(): StreamReader | undefined {
    if (this.#stopped || this.#room <= 0) return undefined;
    for (let count = 0; count < this.#readers.length; count++) {
      this.#next = (this.#next + 1) % this.#readers.length;
      const reader = this.#readers[this.#next]!;
      if (reader.more) return reader;
    }
    return undefined;
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
    if (this.#stopped) return;
    const { channel } = this;
    const { logger } = channel.session.server;
    logger.warn({ error, stream: this.#stream.name }, 'a consumer of a stream has ended');
    this.stop();
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
  const start = startOf(args.arguments['x-stream-offset'], nowMs);
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
    `invalid arg 'x-stream-offset': it must be first, last, next, an offset, a timestamp or an interval such as 5m`,
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
  return editHeaders(stored, 0, end, { 'x-stream-offset': message.offset });
}

function shortNames(exchange: string, routingKey: string): Buffer {
  const first = Buffer.from(exchange);
  const second = Buffer.from(routingKey);
  return Buffer.concat([Buffer.of(first.length), first, Buffer.of(second.length), second]);
}
