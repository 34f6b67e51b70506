/**
 * One channel: its consumers, what it owes and is owed, and the content that is arriving on it.
 *
 *   open ──► closing (we have sent channel.close, everything but its answer is dropped) ──► gone
 *
 * Methods arrive at `handlers/`, messages at `publishing.ts`; this file is the state that they share.
 */
import type { Queue } from '../../core/queue/queue.ts';
import { methodFrame } from './codec/write-method.ts';
import type { Confirms } from './confirms.ts';
import type { AmqpConsumer } from './consumer.ts';
import { Delivery } from './delivery.ts';
import { AmqpError } from './errors.ts';
import { Publishing } from './publishing.ts';
import type { AmqpSession } from './session.ts';
import type { StreamConsumer } from './stream-consumer.ts';
import { type Settlement, settleRow, type Transaction } from './transaction.ts';
import { Unacked } from './unacked.ts';

/** Anything that `basic.consume` can start and `basic.cancel` ends. */
export type Consumer = AmqpConsumer | StreamConsumer;

export class Channel {
  readonly number: number;
  readonly session: AmqpSession;
  readonly publishing: Publishing;
  readonly delivery: Delivery;
  readonly unacked: Unacked<Consumer> = new Unacked();
  readonly consumers: Map<string, Consumer> = new Map();
  /** In confirm mode. */
  confirms: Confirms | undefined;
  /** After `tx.select`. */
  transaction: Transaction | undefined;
  /** Prefetch of consumers that start from now on. */
  prefetch = 0;
  /** `basic.qos` with `global`: over all consumers of the channel; 0: no limit. */
  prefetchOfChannel = 0;
  /** Deliveries of consumers, not of `basic.get`, without an answer. */
  consumersUnacked = 0;
  /** The consumer of `amq.rabbitmq.reply-to`, and the address that requests of this channel carry. */
  replyTo: { tag: string; address: string } | undefined;
  /** The queue declared last: what an empty queue name means. */
  lastQueue = '';
  /** False while the client has stopped deliveries with `channel.flow`. */
  flowing = true;
  /** `channel.open` was answered. */
  opened = false;
  /** We have sent `channel.close`, or all is ended: nothing more goes out. */
  closing = false;
  /** A `channel.close` of the client came while ours was on its way. */
  crossed = false;

  constructor(number: number, session: AmqpSession) {
    this.number = number;
    this.session = session;
    this.publishing = new Publishing(this);
    this.delivery = new Delivery(this);
  }

  get namespace(): string {
    return this.session.namespace;
  }

  /** Whether its consumers may get one more message; asked before every delivery. */
  mayDeliver(noAck: boolean): boolean {
    if (this.session.output.full) {
      this.session.waitsForOutput = true;
      return false;
    }
    const limit = this.prefetchOfChannel;
    return this.flowing && (noAck || limit === 0 || this.consumersUnacked < limit);
  }

  /** Answers one delivery or, with `multiple`, all up to it; tag 0 means the last one there is. */
  settle(tag: number, multiple: boolean, how: Settlement): void {
    if (!multiple) {
      this.#settleOne(tag, how);
      return;
    }
    const last = tag === 0 ? this.unacked.next - 1 : tag;
    // As RabbitMQ: the tag must be open, but "everything" may be nothing.
    if (tag !== 0 && !this.unacked.has(tag)) throw unknownTag(tag);
    for (let at = this.unacked.oldest; at <= last; at = this.unacked.oldest) {
      if (this.unacked.count === 0) break;
      this.#settleOne(at, how);
    }
  }

  #settleOne(tag: number, how: Settlement): void {
    const row = this.unacked.take(tag);
    if (row < 0) throw unknownTag(tag);
    const { queue, owner } = this.unacked;
    owner?.answered();
    // A delivery from a stream has no queue: answering it only makes room for the next.
    if (queue === undefined) return;
    if (this.transaction) this.transaction.settle({ queue, row, how, tag, owner });
    else settleRow(queue, row, how);
  }

  /** Gives back everything that was delivered and not answered. */
  requeueAll(): void {
    const rows = new Map<Queue, number[]>();
    while (this.unacked.count > 0) {
      const row = this.unacked.take(this.unacked.oldest);
      const { queue, owner } = this.unacked;
      owner?.answered();
      if (queue === undefined) continue;
      const list = rows.get(queue);
      if (list) list.push(row);
      else rows.set(queue, [row]);
    }
    for (const [queue, list] of rows) queue.requeueAll(list);
  }

  /** Its queue is gone: the client is told if it understands that. */
  consumerCancelled(consumer: Consumer): void {
    this.consumers.delete(consumer.tag);
    if (!this.session.capabilities.consumerCancelNotify || this.closing) return;
    const args = { consumerTag: consumer.tag, noWait: true };
    const notice = methodFrame(this.number, 'basic.cancel', args);
    if (this.session.notices) this.session.notices.push(notice);
    else this.session.output.frame(notice);
  }

  cancel(consumer: Consumer): void {
    this.consumers.delete(consumer.tag);
    consumer.stop();
  }

  /** Ends everything; deliveries without an answer go back to their queues. */
  close(): void {
    this.closing = true;
    for (const consumer of [...this.consumers.values()]) this.cancel(consumer);
    this.requeueAll();
    if (this.replyTo) this.session.server.replies.close(this.replyTo.address);
    this.replyTo = undefined;
    this.transaction?.abandon();
    this.transaction = undefined;
    this.publishing.abort();
  }

  /** The message published last was refused, by a queue that is full. */
  refusePublished(): void {
    const { confirms } = this;
    if (confirms === undefined) return;
    // What came before it keeps its own answer.
    confirms.published -= 1;
    this.noteConfirms();
    confirms.published += 1;
    confirms.skip();
    this.delivery.nack(confirms.published, false);
  }

  /** Answers what was published since the last call, or notes that the journal must come so far first. */
  noteConfirms(): void {
    const { confirms, session } = this;
    if (confirms === undefined) return;
    const { store } = session.server.broker.queues;
    const streams = this.publishing.takeStreams();
    if (!confirms.note(this.publishing.position, streams, () => this.sendConfirms())) return;
    if (this.publishing.position <= store.committed && streams === undefined) this.sendConfirms();
    else session.server.awaitCommit(this);
  }

  /** Sends the confirms that are due. Returns whether more are to come. */
  sendConfirms(): boolean {
    const { confirms, session } = this;
    if (confirms === undefined || this.closing || session.closed) return false;
    const { committed } = session.server.broker.queues.store;
    for (let last = confirms.take(committed); last > 0; last = confirms.take(committed)) {
      const multiple = confirms.confirm(last) > 1;
      if (confirms.refused) this.delivery.nack(last, multiple);
      else this.delivery.ack(last, multiple);
    }
    return confirms.pending > 0;
  }
}

function unknownTag(tag: number): AmqpError {
  return new AmqpError('preconditionFailed', `unknown delivery tag ${tag}`);
}
