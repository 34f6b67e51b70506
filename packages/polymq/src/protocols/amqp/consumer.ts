/**
 * One `basic.consume`: takes messages from its queue while its prefetch, its channel and its connection have room, and
 * writes them out as `basic.deliver`.
 */
import type { MessageView } from '../../core/message/message-bytes.ts';
import type { Queue, QueueConsumer } from '../../core/queue/queue.ts';
import type { Channel } from './channel.ts';
import { deliverPrefix } from './codec/index.ts';

export interface ConsumerOptions {
  tag: string;
  noAck: boolean;
  exclusive: boolean;
  priority: number;
  /** Deliveries without an answer; 0: no limit. */
  prefetch: number;
}

export class AmqpConsumer implements QueueConsumer {
  readonly tag: string;
  readonly noAck: boolean;
  readonly channel: Channel;
  readonly queue: Queue;
  readonly options: ConsumerOptions;
  /** Deliveries without an answer. */
  unacked = 0;
  /** It is in the list of those that want more messages at the end of the burst. */
  resumeListed = false;
  readonly prefix: Buffer;
  readonly #prefetch: number;

  constructor(channel: Channel, queue: Queue, options: ConsumerOptions) {
    this.channel = channel;
    this.queue = queue;
    this.options = options;
    this.tag = options.tag;
    this.noAck = options.noAck;
    this.#prefetch = options.prefetch === 0 || options.noAck ? Infinity : options.prefetch;
    this.prefix = deliverPrefix(channel.number, options.tag);
  }

  ready(): boolean {
    return this.unacked < this.#prefetch && this.channel.mayDeliver(this.noAck);
  }

  deliver(queue: Queue, row: number, view: MessageView, redelivered: boolean): void {
    const { channel } = this;
    let tag: number;
    if (this.noAck) tag = channel.unacked.skip();
    else {
      tag = channel.unacked.add(queue, row, this, channel.session.server.nowMs);
      this.unacked += 1;
      channel.consumersUnacked += 1;
    }
    channel.delivery.deliver(this.prefix, tag, redelivered, queue, row, view);
  }

  /** A delivery was answered. */
  answered(): void {
    this.unacked -= 1;
    this.channel.consumersUnacked -= 1;
    this.wantMore();
  }

  /** An answer was taken back. */
  unanswered(): void {
    this.unacked += 1;
    this.channel.consumersUnacked += 1;
  }

  wantMore(): void {
    if (this.resumeListed) return;
    this.resumeListed = true;
    this.channel.session.resumeLater(this);
  }

  resume(): void {
    this.queue.resume(this);
  }

  /** Gets nothing any more. Its deliveries stay open. */
  stop(): void {
    this.queue.removeConsumer(this);
  }

  /** Called by the queue when it goes away. */
  onCancelled(): void {
    this.channel.consumerCancelled(this);
  }
}
