/**
 * Sends messages on one channel with publisher confirms, pipelined: a batch is written at once and done when the server
 * has confirmed each of its messages.
 *
 *   waiting ── connection, room ──► written ── ack ──► stored
 *                                      │ ├── return, ack ──► not-found (no queue took it)
 *                                      │ ├── nack ─────────► queue-full
 *                                      │ └── channel lost ─► disconnected: it may be stored or not
 *
 * Confirms name the number of a message on the channel, alone or with all before it. The window is a ring: the slot of
 * a number says whose message it is, and is empty when it is confirmed. What is not written yet survives the loss
 * of the connection.
 */
import { PolymqError } from '../../errors.ts';
import type { ClockTimer } from '../../lib/clock.ts';
import { Deque } from '../../lib/deque.ts';
import { Batch, type Outcomes, type Publication } from './batch.ts';
import { amqpError, disconnected, notEncodable, wordsOf } from './errors.ts';
import type { AmqpChannel, AmqpConnection, AmqpMessage } from './library.ts';
import { closedError, type Link, type LinkPart, openChannel } from './link.ts';

/** Bytes that wait for confirms; a single larger message goes alone. */
const UNCONFIRMED_BYTES_MAX = 64 * 1024 * 1024;
/** Times that are over are noticed so late at least. */
const LOOK_MS_MIN = 10;

interface Confirm {
  readonly deliveryTag: number;
  readonly multiple: boolean;
}

export class Publisher implements LinkPart {
  readonly #link: Link;
  /** Something to do on each new channel before the first message. */
  readonly #opened: ((channel: AmqpChannel) => Promise<unknown>) | undefined;
  #channel: AmqpChannel | undefined = undefined;
  #reopening = false;
  /** Batches that are not or not entirely written, in order. */
  readonly #waiting = new Deque<Batch>();
  readonly #owners: (Batch | undefined)[];
  /** The index in its batch, by slot. */
  readonly #indexes: Int32Array;
  /** The lowest number that is not confirmed, and the last one given. */
  #low = 1;
  #last = 0;
  #bytes = 0;
  /** Ids of returned messages that are not confirmed yet, and how many of them. */
  readonly #returned = new Map<string, number>();
  /** Looks for batches whose time is over, so often. */
  #timer: ClockTimer | undefined = undefined;
  #periodMs = 0;

  constructor(
    link: Link,
    unconfirmedMax: number,
    opened?: (channel: AmqpChannel) => Promise<unknown>,
  ) {
    this.#link = link;
    this.#opened = opened;
    const size = 2 ** Math.ceil(Math.log2(Math.max(2, unconfirmedMax)));
    this.#owners = new Array<Batch | undefined>(size).fill(undefined);
    this.#indexes = new Int32Array(size);
    link.add(this);
  }

  /**
   * `undefined`: all are stored. Else one outcome each; rejects if all failed in the same way. What is not written when the
   * time is over never will be.
   */
  publish(
    messages: readonly Publication[],
    what: string,
    timeoutMs: number = this.#link.context.timeoutMs,
  ): Promise<Outcomes> {
    if (this.#link.closed) return Promise.reject(closedError(what));
    if (messages.length === 0) return Promise.resolve(undefined);
    return new Promise((resolve, reject) => {
      const endMs = this.#link.context.clock.nowMs() + timeoutMs;
      this.#waiting.push(new Batch(messages, { what, timeoutMs, endMs }, resolve, reject));
      this.#pump();
      this.#watch(timeoutMs);
    });
  }

  lost(error: PolymqError): void {
    this.#channel = undefined;
    this.#failWritten(() => error);
  }

  async restore(connection: AmqpConnection): Promise<void> {
    const channel = await openChannel(connection, 'opening a channel', true);
    await this.#opened?.(channel);
    this.#use(channel);
  }

  #use(channel: AmqpChannel): void {
    // Numbers begin anew: whatever was written to an earlier channel and has no answer gets none.
    this.#failWritten((_, what) => disconnected(what, new Error('its channel was replaced')));
    this.#low = 1;
    this.#last = 0;
    this.#channel = channel;
    channel.on('ack', (fields: Confirm) => this.#confirmed(channel, fields, undefined));
    channel.on('nack', (fields: Confirm) => this.#confirmed(channel, fields, refused));
    channel.on('return', ({ properties }: AmqpMessage) => {
      const id = properties.messageId ?? '';
      this.#returned.set(id, (this.#returned.get(id) ?? 0) + 1);
    });
    let cause: unknown;
    channel.on('error', (error: unknown) => {
      cause = error;
    });
    channel.on('close', () => this.#closed(channel, cause));
    this.#pump();
  }

  /** The channel ended although the connection goes on: some message was not to the server's liking. */
  #closed(channel: AmqpChannel, cause: unknown): void {
    // When the connection ends, `lost` tells with which error.
    if (this.#channel !== channel || cause === undefined) return;
    this.#channel = undefined;
    this.#failWritten((message, what) => blamed(message, what, cause));
    void this.#reopen();
  }

  async #reopen(): Promise<void> {
    if (this.#reopening) return;
    this.#reopening = true;
    try {
      const connection = await this.#link.ready('opening a channel');
      if (this.#channel === undefined) await this.restore(connection);
    } catch {
      // The next connection restores it.
    } finally {
      this.#reopening = false;
    }
  }

  #pump(): void {
    for (;;) {
      const batch = this.#waiting.first();
      if (batch === undefined) return;
      const { messages } = batch;
      while (batch.written < messages.length && !batch.isSettled) {
        if (this.#channel === undefined || this.#isFull) return;
        if (!this.#write(this.#channel, batch)) return;
      }
      this.#waiting.shift();
    }
  }

  get #isFull(): boolean {
    return (
      this.#last - this.#low + 1 >= this.#owners.length || this.#bytes >= UNCONFIRMED_BYTES_MAX
    );
  }

  /** `false`: the channel has just ended, and nothing was written. */
  #write(channel: AmqpChannel, batch: Batch): boolean {
    const index = batch.written;
    const message = batch.messages[index]!;
    try {
      const properties = message.properties();
      channel.publish(message.exchange, message.routingKey, message.body, properties);
    } catch (error) {
      if (error instanceof Error && error.name === 'IllegalOperationError') return false;
      batch.written += 1;
      batch.done(index, error instanceof PolymqError ? error : notEncodable(error, message.id));
      return true;
    }
    batch.written += 1;
    this.#last += 1;
    const slot = this.#last & (this.#owners.length - 1);
    this.#owners[slot] = batch;
    this.#indexes[slot] = index;
    this.#bytes += message.body.length;
    return true;
  }

  #confirmed(channel: AmqpChannel, { deliveryTag, multiple }: Confirm, failed?: Failed): void {
    if (this.#channel !== channel || deliveryTag > this.#last) return;
    for (let tag = multiple ? this.#low : deliveryTag; tag <= deliveryTag; tag += 1) {
      this.#finish(tag, failed);
    }
    const mask = this.#owners.length - 1;
    while (this.#low <= this.#last && this.#owners[this.#low & mask] === undefined) this.#low += 1;
    this.#pump();
  }

  #finish(tag: number, failed: Failed | undefined): void {
    const slot = tag & (this.#owners.length - 1);
    const batch = this.#owners[slot];
    if (batch === undefined) return;
    this.#owners[slot] = undefined;
    const index = this.#indexes[slot]!;
    const message = batch.messages[index]!;
    this.#bytes -= message.body.length;
    const error = failed?.(message, batch.what);
    batch.done(index, this.#wasReturned(message) ? noQueue(message, batch.what) : error);
  }

  #wasReturned({ id }: Publication): boolean {
    if (this.#returned.size === 0) return false;
    const count = this.#returned.get(id);
    if (count === undefined) return false;
    if (count === 1) this.#returned.delete(id);
    else this.#returned.set(id, count - 1);
    return true;
  }

  #failWritten(failed: Failed): void {
    this.#returned.clear();
    const [low, last] = [this.#low, this.#last];
    for (let tag = low; tag <= last; tag += 1) this.#finish(tag, failed);
    this.#low = this.#last + 1;
    this.#bytes = 0;
  }

  /** Looks every so often whether a call has waited too long: a timer per call would cost more than the call. */
  #watch(timeoutMs: number): void {
    const periodMs = Math.max(LOOK_MS_MIN, timeoutMs / 8);
    if (this.#timer !== undefined && this.#periodMs <= periodMs) return;
    this.#timer?.cancel();
    const { clock } = this.#link.context;
    this.#periodMs = periodMs;
    this.#timer = clock.after(periodMs, () => {
      this.#timer = undefined;
      const shortestMs = this.#giveUpLate(clock.nowMs());
      if (shortestMs !== undefined) this.#watch(shortestMs);
    });
  }

  /** The shortest time that one of the others has in all; undefined: there are none. */
  #giveUpLate(nowMs: number): number | undefined {
    let shortestMs: number | undefined;
    const isLate = ({ endMs, timeoutMs }: Batch): boolean => {
      if (endMs <= nowMs) return true;
      shortestMs = Math.min(shortestMs ?? timeoutMs, timeoutMs);
      return false;
    };
    for (let tag = this.#low; tag <= this.#last; tag += 1) {
      const batch = this.#owners[tag & (this.#owners.length - 1)];
      if (batch !== undefined && isLate(batch)) batch.giveUp(unanswered(batch));
    }
    const reason = this.#link.unreachable;
    this.#waiting.removeWhere((batch) => {
      if (!isLate(batch)) return false;
      batch.giveUp(reason?.(batch.what, batch.timeoutMs) ?? unanswered(batch));
      return true;
    });
    return shortestMs;
  }

  /** Nothing is written any more. */
  close(): void {
    this.#timer?.cancel();
    this.#failWritten((_, what) => closedError(what));
    this.#waiting.removeWhere((batch) => {
      batch.giveUp(closedError(batch.what));
      return true;
    });
  }
}

type Failed = (message: Publication, what: string) => PolymqError;

const refused: Failed = (message, what) =>
  new PolymqError(
    'queue-full',
    `${what}: ${place(message)} is at its limit and rejects more messages; send again when consumers have made room`,
  );

function noQueue(message: Publication, what: string): PolymqError {
  return new PolymqError(
    'not-found',
    `${what}: no queue took it at ${place(message)}; declare the queue first, or leave out { declare: false }`,
  );
}

/** Of all messages under way, the one that the server's words are about gets them; the others may be stored or not. */
function blamed(message: Publication, what: string, cause: unknown): PolymqError {
  const words = wordsOf(cause);
  const sizeMax = /larger than .*?(\d+)|max(?:imum)? size '?(\d+)/.exec(words);
  const limit = Number(sizeMax?.[1] ?? sizeMax?.[2] ?? Number.NaN);
  const isCause =
    message.body.length > limit ||
    (message.exchange !== '' && words.includes(`'${message.exchange}'`));
  return isCause ? amqpError(cause, what) : disconnected(what, cause);
}

function unanswered({ what, timeoutMs }: Batch): PolymqError {
  return new PolymqError(
    'timeout',
    `${what}: the broker has not confirmed it within ${timeoutMs} ms, and may have stored it or not; send it again, or look whether the broker is short of memory or disk`,
  );
}

function place({ exchange, routingKey }: Publication): string {
  return exchange === '' ? `queue "${routingKey}"` : `exchange "${exchange}"`;
}
