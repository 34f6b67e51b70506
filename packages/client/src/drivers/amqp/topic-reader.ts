/**
 * Reads a topic for one subscriber: a stream from where it was left, or a queue of its own for a live topic. Records go to the
 * sink in the order they came, the next ones when the sink is done with the last.
 */
import type { TopicSink, TopicSubscription } from '../../driver/driver.ts';
import type { PolymqError } from '../../errors.ts';
import type { TopicRecord } from '../../message/wire-message.ts';
import { amqpError } from './errors.ts';
import type { AmqpChannel, AmqpConnection, AmqpMessage } from './library.ts';
import { type Link, type LinkPart, openChannel } from './link.ts';
import { ReceivedWire } from './message-format.ts';
import { restoredOrEnded } from './restoring.ts';

/** Where records come from. */
export interface RecordSource {
  /** For errors: `reading topic "a"`. */
  readonly what: string;
  /** Makes what is needed and begins; called again on each new channel. */
  attach(channel: AmqpChannel, arrive: (message: AmqpMessage | null) => void): Promise<unknown>;
  /** `undefined`: it is none of those asked for. */
  record(message: AmqpMessage, nowMs: number): TopicRecord | undefined;
}

/** Records that the server sends ahead. */
const PREFETCH = 500;
/** Records that a sink gets at once. */
const BATCH_MAX = 250;

export class TopicReader implements TopicSubscription, LinkPart {
  readonly #link: Link;
  readonly #source: RecordSource;
  readonly #sink: TopicSink;
  #channel: AmqpChannel | undefined = undefined;
  #arrived: AmqpMessage[] = [];
  #running = false;
  #closed = false;

  constructor(link: Link, source: RecordSource, sink: TopicSink) {
    this.#link = link;
    this.#source = source;
    this.#sink = sink;
  }

  async open(): Promise<void> {
    await this.#attach(await this.#link.ready(this.#source.what));
    if (!this.#closed) this.#link.add(this);
  }

  close(): Promise<void> {
    this.#closed = true;
    this.#link.remove(this);
    this.#arrived = [];
    const channel = this.#channel;
    this.#channel = undefined;
    return closeQuietly(channel);
  }

  lost(): void {
    this.#channel = undefined;
    this.#arrived = [];
  }

  async restore(connection: AmqpConnection): Promise<void> {
    if (this.#closed) return;
    await restoredOrEnded(this.#attach(connection), this.#source.what, (error) => this.#end(error));
  }

  async #attach(connection: AmqpConnection): Promise<void> {
    const channel = await openChannel(connection, this.#source.what);
    if (this.#closed) return closeQuietly(channel);
    this.#channel = channel;
    let cause: unknown;
    let isClosed = false;
    let attached = false;
    channel.on('error', (error: unknown) => {
      cause = error;
    });
    channel.on('close', () => {
      isClosed = true;
      // Before that, whoever waits for it is told.
      if (attached) this.#channelClosed(channel, cause);
    });
    try {
      await channel.prefetch(PREFETCH, false);
      await this.#source.attach(channel, (message) => this.#arrive(channel, message));
      attached = true;
      if (isClosed) this.#channelClosed(channel, cause);
    } catch (error) {
      if (this.#channel === channel) this.#channel = undefined;
      await closeQuietly(channel);
      if (this.#closed) return;
      throw amqpError(error, this.#source.what);
    }
  }

  #arrive(channel: AmqpChannel, message: AmqpMessage | null): void {
    if (this.#channel !== channel) return;
    if (message === null) {
      this.#end(
        amqpError(Object.assign(new Error('it was deleted'), { code: 404 }), this.#source.what),
      );
      return;
    }
    this.#arrived.push(message);
    if (this.#running) return;
    this.#running = true;
    queueMicrotask(() => void this.#drain());
  }

  async #drain(): Promise<void> {
    while (this.#arrived.length > 0 && !this.#closed) {
      const channel = this.#channel;
      const messages = this.#arrived.splice(0, BATCH_MAX);
      const nowMs = this.#link.context.clock.nowMs();
      const records: TopicRecord[] = [];
      for (const message of messages) {
        const record = this.#source.record(message, nowMs);
        if (record !== undefined) records.push(record);
      }
      if (records.length > 0) await this.#sink.deliver(records);
      // Makes room for as many; where the reader has come to is not the server's business.
      if (this.#channel === channel) channel?.ack(messages.at(-1)!, true);
    }
    this.#running = false;
  }

  #channelClosed(channel: AmqpChannel, cause: unknown): void {
    if (this.#channel !== channel || cause === undefined || this.#closed) return;
    this.lost();
    this.#link
      .ready(this.#source.what)
      .then((connection) => (this.#channel === undefined ? this.restore(connection) : undefined))
      .catch(() => undefined);
  }

  #end(error: PolymqError): void {
    if (this.#closed) return;
    void this.close();
    this.#sink.ended(error);
  }
}

export async function closeQuietly(channel: AmqpChannel | undefined): Promise<void> {
  try {
    await channel?.close();
  } catch {
    // It had been closed by the server.
  }
}

/** A message of a topic; -1 where the engine keeps no offsets. */
export class ReceivedRecord extends ReceivedWire implements TopicRecord {
  readonly partition: number;
  readonly offset: number;

  constructor(message: AmqpMessage, nowMs: number) {
    super(message, nowMs);
    const offset = message.properties.headers?.['x-stream-offset'];
    this.offset = typeof offset === 'number' ? offset : -1;
    this.partition = this.offset < 0 ? -1 : 0;
  }
}
