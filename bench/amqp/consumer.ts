/**
 * One consuming connection. Deliveries are counted by walking frames in the buffer that the socket was read
 * into; acknowledgements of one read go out in one write.
 *
 * Every message is looked at: its number must be the next one for its queue, so nothing can be left out, doubled
 * or reordered, and it must not be marked as redelivered. Of one message in a thousand all bytes are compared.
 */
import {
  decodeMethod,
  FRAME_BODY,
  FRAME_HEADER,
  methodFrame,
} from '../../packages/polymq/test/support/amqp-frames.ts';
import type { AmqpChannel } from '../../packages/polymq/test/support/amqp-wire.ts';
import type { Publisher } from './publisher.ts';

export type Acks = 'none' | 'each' | number;

export interface ConsumerOptions {
  /** `none` consumes without acknowledging; a number acknowledges that many at once. */
  acks: Acks;
  /** Bodies as published; the first four bytes are the message's number. */
  body: Buffer;
  /** Queues; consumer tags end in the digit of the queue. */
  queues: number;
  /** The publisher of all messages that come here, if it waits for them. */
  publisher?: Publisher | undefined;
  /** Messages may have been delivered before, as after a restart. */
  redelivered?: boolean | undefined;
  onDelivered(messages: number): void;
  onFailure(error: Error): void;
}

const ACK_BYTES = 21;
const ACKS_PER_WRITE_MAX = 4096;
const COMPARED_MASK = 1023;
const BASIC_DELIVER = 60 * 65536 + 60;
export const CONSUMER_TAG_PREFIX = 'c';

export class Consumer {
  readonly #channel: AmqpChannel;
  readonly #options: ConsumerOptions;
  readonly #expected: Uint32Array;
  readonly #ackEvery: number;
  #acks: Buffer;
  #acksFilled = 0;
  /** The message whose frames are coming. */
  #tag = 0;
  #queue = 0;
  #bodyAt = 0;
  #bodyBytes = 0;
  #number = 0;
  #sinceAck = 0;

  constructor(channel: AmqpChannel, options: ConsumerOptions) {
    this.#channel = channel;
    this.#options = options;
    this.#expected = new Uint32Array(options.queues);
    const { acks } = options;
    this.#ackEvery = acks === 'none' ? 0 : acks === 'each' ? 1 : acks;
    const ack = methodFrame(channel.number, 'basic.ack', { multiple: this.#ackEvery > 1 });
    this.#acks = Buffer.concat(new Array<Buffer>(ACKS_PER_WRITE_MAX).fill(ack));
  }

  /** From now on this object reads the connection. */
  takeOver(): void {
    this.#channel.wire.takeOver((buffer, end) => this.#read(buffer, end));
  }

  #read(buffer: Buffer, end: number): number {
    let at = 0;
    let count = 0;
    const { publisher } = this.#options;
    const timed = publisher?.options.confirms === false ? publisher : undefined;
    const nowMs = timed ? performance.now() : 0;
    while (end - at >= 8) {
      const size =
        (buffer[at + 3]! << 24) |
        (buffer[at + 4]! << 16) |
        (buffer[at + 5]! << 8) |
        buffer[at + 6]!;
      const next = at + size + 8;
      if (next > end) break;
      const type = buffer[at];
      if (type === FRAME_BODY) {
        if (this.#onBody(buffer, at + 7, size)) {
          count += 1;
          timed?.timeDelivery(this.#number, nowMs);
        }
      } else if (type === FRAME_HEADER) {
        this.#bodyBytes = buffer.readUInt32BE(at + 15);
        this.#bodyAt = 0;
      } else if (type === 1) this.#onMethod(buffer, at, next);
      at = next;
    }
    if (this.#acksFilled > 0) this.#flush();
    if (count > 0) {
      this.#options.onDelivered(count);
      publisher?.onDeliveredInOrder(count);
      publisher?.pump();
    }
    return at;
  }

  #onMethod(buffer: Buffer, at: number, next: number): void {
    const id = buffer.readUInt32BE(at + 7);
    if (id !== BASIC_DELIVER) {
      const { name, args } = decodeMethod(buffer.subarray(at + 7, next - 1));
      this.#fail(`the consumer was sent ${name} ${JSON.stringify(args)}`);
      return;
    }
    const tagEnd = at + 12 + buffer[at + 11]!;
    this.#queue = buffer[tagEnd - 1]! - 48;
    this.#tag =
      (buffer[tagEnd + 4]! << 24) |
      (buffer[tagEnd + 5]! << 16) |
      (buffer[tagEnd + 6]! << 8) |
      buffer[tagEnd + 7]!;
    if ((buffer[tagEnd + 8]! & 1) !== 0 && !this.#options.redelivered)
      this.#fail(`message ${this.#tag} came as redelivered`);
  }

  /** True when the message is complete. */
  #onBody(buffer: Buffer, at: number, size: number): boolean {
    if (this.#bodyAt === 0) {
      this.#number =
        ((buffer[at]! << 24) |
          (buffer[at + 1]! << 16) |
          (buffer[at + 2]! << 8) |
          buffer[at + 3]!) >>>
        0;
      const expected = this.#expected[this.#queue]!;
      if (this.#number !== expected) {
        this.#fail(`message ${this.#number} came where ${expected} was due (queue ${this.#queue})`);
      }
      this.#expected[this.#queue] = expected + 1;
    }
    if ((this.#number & COMPARED_MASK) === 0) this.#compare(buffer, at, size);
    this.#bodyAt += size;
    if (this.#bodyAt < this.#bodyBytes) return false;
    if (this.#ackEvery > 0) {
      this.#sinceAck += 1;
      if (this.#sinceAck === this.#ackEvery) this.#ack();
    }
    return true;
  }

  #compare(buffer: Buffer, at: number, size: number): void {
    const { body } = this.#options;
    const skip = this.#bodyAt === 0 ? 4 : 0;
    const same =
      this.#bodyBytes === body.length &&
      buffer.compare(body, this.#bodyAt + skip, this.#bodyAt + size, at + skip, at + size) === 0;
    if (!same) this.#fail(`message ${this.#number} is not what was published`);
  }

  #ack(): void {
    const at = this.#acksFilled * ACK_BYTES + 15;
    const acks = this.#acks;
    const tag = this.#tag;
    acks[at] = tag >>> 24;
    acks[at + 1] = tag >>> 16;
    acks[at + 2] = tag >>> 8;
    acks[at + 3] = tag;
    this.#sinceAck = 0;
    this.#acksFilled += 1;
    if (this.#acksFilled === ACKS_PER_WRITE_MAX) this.#flush();
  }

  #flush(): void {
    const { socket } = this.#channel.wire;
    socket.write(this.#acks.subarray(0, this.#acksFilled * ACK_BYTES));
    this.#acksFilled = 0;
    // What the kernel did not take at once is still read from there.
    if (socket.writableLength > 0) this.#acks = Buffer.from(this.#acks);
  }

  #fail(what: string): void {
    this.#options.onFailure(new Error(what));
  }
}
