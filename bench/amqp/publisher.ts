/**
 * One publishing connection. Messages are frames built beforehand in a ring; only the number in the first
 * four body bytes is written before a message goes out, and a whole run of them goes out in one write.
 *
 *   ring:  | publish, header, body 0 | publish, header, body 1 | …          each `unitBytes` long
 *
 * A slot may be written again only after the socket has let go of it. That is so because at most `window`
 * messages are unanswered, by confirms or else by deliveries, and the ring has room for more than that.
 */
import { decodeMethod } from '../../packages/polymq/test/support/amqp-frames.ts';
import type { AmqpChannel } from '../../packages/polymq/test/support/amqp-wire.ts';
import type { Latencies } from '../lib/statistics.ts';

export interface PublisherOptions {
  /** The frames of single messages, all of one length, used in turn. A power of two of them. */
  units: readonly Buffer[];
  /** Where in a unit the body begins. */
  bodyAt: number;
  /** Whether confirms open the window; else deliveries do. */
  confirms: boolean;
  window: number;
  /** Messages that may be published but not delivered when confirms open the window. Default: no limit. */
  backlogMax?: number | undefined;
  /** The number of the first message. Default 0. */
  numbersFrom?: number | undefined;
  /** Ends after this many. */
  messagesMax?: number | undefined;
  /** Queues that get every message. */
  copies: number;
  /** Undefined: as fast as the window allows. */
  ratePerSecond?: number | undefined;
  latencies: Latencies;
  onFailure(error: Error): void;
}

/** With deep windows one message in this many is timed. */
const TIMED_EVERY = 64;
const TIMED_ALL_WINDOW_MAX = 100;
const TICK_MS = 1;
const RING_UNITS_MIN = 64;

export class Publisher {
  published = 0;
  confirmed = 0;
  /** Deliveries of all copies. */
  delivered = 0;
  stopped = true;
  readonly options: PublisherOptions;
  readonly #channel: AmqpChannel;
  readonly #ring: Buffer;
  readonly #unitBytes: number;
  readonly #mask: number;
  readonly #sentAt: Float64Array;
  /** Confirmed out of turn, until the gap before them closes. */
  readonly #early: Uint8Array;
  readonly #timedMask: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(channel: AmqpChannel, options: PublisherOptions) {
    this.#channel = channel;
    this.options = options;
    const { units, window, backlogMax = 0 } = options;
    this.#unitBytes = units[0]!.length;
    let slots = Math.max(RING_UNITS_MIN, units.length);
    while (slots < window + 1) slots *= 2;
    this.#mask = slots - 1;
    this.#ring = Buffer.concat(Array.from({ length: slots }, (_, i) => units[i % units.length]!));
    let remembered = slots;
    while (remembered < backlogMax + window) remembered *= 2;
    this.#sentAt = new Float64Array(remembered);
    this.#early = new Uint8Array(remembered);
    const timeAll = window <= TIMED_ALL_WINDOW_MAX || options.ratePerSecond !== undefined;
    this.#timedMask = timeAll ? 0 : TIMED_EVERY - 1;
    channel.wire.takeOver((buffer, end) => this.#read(buffer, end));
  }

  start(): void {
    this.stopped = false;
    const { ratePerSecond } = this.options;
    if (ratePerSecond === undefined) this.pump();
    else this.#startPaced(ratePerSecond);
  }

  stop(): void {
    this.stopped = true;
    clearInterval(this.#timer);
  }

  /** All that was published has come back in every way that is expected. */
  get settled(): boolean {
    const { confirms, copies } = this.options;
    return (
      this.delivered === this.published * copies && (!confirms || this.confirmed === this.published)
    );
  }

  /** Sends what the window allows, if that is worth a write. */
  pump(): void {
    if (this.stopped || this.options.ratePerSecond !== undefined) return;
    const { window, confirms, backlogMax, messagesMax, copies } = this.options;
    const delivered = Math.floor(this.delivered / copies);
    const answered = confirms ? this.confirmed : delivered;
    let room = window - (this.published - answered);
    if (confirms && backlogMax !== undefined) {
      room = Math.min(room, backlogMax - (this.published - delivered));
    }
    // A write per message would make the generator the limit. What is under way opens more room.
    if (room * 8 < window) return;
    if (messagesMax !== undefined) room = Math.min(room, messagesMax - this.published);
    if (room <= 0) return;
    this.#send(room, performance.now(), 0);
  }

  /** The broker gave a copy of message `number` to a consumer. */
  onDeliveredInOrder(count: number): void {
    this.delivered += count;
  }

  /** When messages are not confirmed, the way to the consumer is what is timed. */
  timeDelivery(number: number, nowMs: number): void {
    if ((number & this.#timedMask) !== 0) return;
    this.options.latencies.add(nowMs - this.#sentAt[number & (this.#sentAt.length - 1)]!);
  }

  #startPaced(ratePerSecond: number): void {
    const msPerMessage = 1000 / ratePerSecond;
    const startMs = performance.now();
    this.#timer = setInterval(() => {
      const due = Math.floor((performance.now() - startMs) / msPerMessage);
      const room = this.options.window - (this.published - this.confirmed);
      const count = Math.min(due - this.published, room);
      if (count > 0) this.#send(count, startMs + this.published * msPerMessage, msPerMessage);
    }, TICK_MS);
  }

  #send(count: number, firstMs: number, msPerMessage: number): void {
    const { socket } = this.#channel.wire;
    const unitBytes = this.#unitBytes;
    const ring = this.#ring;
    const { numbersFrom = 0 } = this.options;
    let left = count;
    let atMs = firstMs;
    while (left > 0) {
      const slot = this.published & this.#mask;
      const some = Math.min(left, this.#mask + 1 - slot);
      let at = slot * unitBytes + this.options.bodyAt;
      for (let i = 0; i < some; i += 1) {
        const number = numbersFrom + this.published + i;
        ring[at] = number >>> 24;
        ring[at + 1] = number >>> 16;
        ring[at + 2] = number >>> 8;
        ring[at + 3] = number;
        this.#sentAt[(this.published + i) & (this.#sentAt.length - 1)] = atMs;
        at += unitBytes;
        atMs += msPerMessage;
      }
      this.published += some;
      left -= some;
      socket.write(ring.subarray(slot * unitBytes, (slot + some) * unitBytes));
    }
  }

  /** Frames that a publisher gets: confirms, and what says that something is wrong. */
  #read(buffer: Buffer, end: number): number {
    let at = 0;
    const before = this.confirmed;
    while (end - at >= 8) {
      const size = buffer.readUInt32BE(at + 3);
      const next = at + size + 8;
      if (next > end) break;
      if (buffer[at] === 1) {
        const id = buffer.readUInt32BE(at + 7);
        if (id === BASIC_ACK) this.#onConfirm(buffer.readUInt32BE(at + 15), buffer[at + 19] === 1);
        else this.#onOther(buffer.subarray(at + 7, next - 1));
      }
      at = next;
    }
    if (this.confirmed > before) {
      this.#timeConfirms(before);
      this.pump();
    }
    return at;
  }

  /** The broker numbers confirms from 1. */
  #onConfirm(tag: number, multiple: boolean): void {
    const mask = this.#early.length - 1;
    if (tag > this.published) {
      this.options.onFailure(new Error(`confirm ${tag} came, ${this.published} were published`));
    }
    if (multiple) {
      for (let i = this.confirmed; i < tag; i += 1) this.#early[i & mask] = 0;
      this.confirmed = Math.max(this.confirmed, tag);
    } else if (tag === this.confirmed + 1) this.confirmed = tag;
    else this.#early[(tag - 1) & mask] = 1;
    while (this.#early[this.confirmed & mask] === 1) {
      this.#early[this.confirmed & mask] = 0;
      this.confirmed += 1;
    }
  }

  #timeConfirms(from: number): void {
    const nowMs = performance.now();
    const mask = this.#sentAt.length - 1;
    const step = this.#timedMask + 1;
    const first = Math.ceil(from / step) * step;
    for (let i = first; i < this.confirmed; i += step) {
      this.options.latencies.add(nowMs - this.#sentAt[i & mask]!);
    }
  }

  #onOther(payload: Buffer): void {
    const { name, args } = decodeMethod(payload);
    if (name === 'connection.blocked' || name === 'connection.unblocked') return;
    this.options.onFailure(new Error(`the publisher was sent ${name} ${JSON.stringify(args)}`));
  }
}

const BASIC_ACK = 60 * 65536 + 80;
