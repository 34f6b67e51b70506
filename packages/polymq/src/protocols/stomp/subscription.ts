/**
 * One SUBSCRIBE of a queue: takes messages from it while its prefetch and the connection have room, and writes them out. Answers
 * name a delivery by its number, and with `ack:client` all before it too. An unsubscribed one that still awaits answers takes
 * them until its id is used again or the connection ends.
 */
import type { MessageView } from '../../core/message/message-bytes.ts';
import type { Queue, QueueConsumer } from '../../core/queue/queue.ts';
import { Delivery } from './delivery.ts';
import type { DestinationName } from './destinations.ts';
import { refused } from './errors.ts';
import type { StompSession } from './session.ts';
import { Unacked } from './unacked.ts';

export type AckMode = 'auto' | 'client' | 'client-individual';

/** What becomes of a delivery. */
export type Answer = 'ack' | 'requeue' | 'reject';

export interface SubscriptionOptions {
  id: string | undefined;
  /** The same as the client has written it. */
  wireId: Buffer | undefined;
  tag: string;
  /** What it is a subscription to; none for the private queue of replies. */
  destination: DestinationName | undefined;
  /** `id='x'` or `destination='x'`. */
  description: string;
  ackMode: AckMode;
  /** Deliveries without an answer; 0: no limit. */
  prefetch: number;
  /** The number of the first delivery: an earlier subscription of that tag has used those below. */
  firstNumber: number;
}

/** What sessions do with subscriptions of queues and of streams. */
export interface Subscription {
  readonly tag: string;
  readonly destination: DestinationName | undefined;
  readonly description: string;
  readonly delivery: Delivery;
  /** Deliveries await an answer. */
  readonly waiting: boolean;
  readonly nextNumber: number;
  /** Messages may come from now on. */
  begin(): void;
  resume(): void;
  /** Throws if no such delivery awaits an answer. */
  check(number: number): void;
  answer(number: number, how: Answer): void;
  /** No message comes any more. */
  stop(): void;
  /** Gives back what awaits an answer. */
  giveBack(): void;
}

export class QueueSubscription implements Subscription, QueueConsumer {
  readonly tag: string;
  readonly destination: DestinationName | undefined;
  readonly description: string;
  readonly noAck: boolean;
  readonly delivery: Delivery;
  readonly queue: Queue;
  readonly #session: StompSession;
  readonly #cumulative: boolean;
  readonly #prefetch: number;
  readonly #unacked: Unacked | undefined;
  #number: number;
  #begun = false;

  constructor(session: StompSession, queue: Queue, options: SubscriptionOptions) {
    const { ackMode, prefetch, firstNumber } = options;
    this.tag = options.tag;
    this.destination = options.destination;
    this.description = options.description;
    this.queue = queue;
    this.noAck = ackMode === 'auto';
    this.delivery = new Delivery(session, { ...options, answered: !this.noAck });
    this.#session = session;
    this.#cumulative = ackMode === 'client';
    this.#prefetch = prefetch === 0 || this.noAck ? Infinity : prefetch;
    this.#unacked = this.noAck ? undefined : new Unacked(firstNumber);
    this.#number = firstNumber;
  }

  get waiting(): boolean {
    return this.#unacked !== undefined && this.#unacked.count > 0;
  }

  get nextNumber(): number {
    return this.#unacked?.next ?? this.#number;
  }

  begin(): void {
    this.#begun = true;
    this.queue.resume(this);
  }

  resume(): void {
    this.queue.resume(this);
  }

  ready(): boolean {
    if (!this.#begun) return false;
    if (this.#unacked !== undefined && this.#unacked.count >= this.#prefetch) return false;
    return this.#session.mayDeliver();
  }

  deliver(_queue: Queue, row: number, view: MessageView, redelivered: boolean): void {
    const number = this.#unacked === undefined ? this.#number++ : this.#unacked.add(row);
    this.delivery.deliver(number, redelivered, view);
  }

  check(number: number): void {
    if (this.#unacked?.has(number)) return;
    throw refused('precondition_failed', `unknown delivery tag ${number}`);
  }

  answer(number: number, how: Answer): void {
    this.check(number);
    const unacked = this.#unacked!;
    if (!this.#cumulative) this.#settle(unacked.take(number), how);
    else if (how === 'requeue') this.queue.requeueAll(unacked.takeUpTo(number));
    else for (const row of unacked.takeUpTo(number)) this.#settle(row, how);
    this.#session.resumeLater(this);
  }

  stop(): void {
    this.queue.removeConsumer(this);
  }

  giveBack(): void {
    const unacked = this.#unacked;
    if (unacked === undefined || unacked.count === 0) return;
    this.queue.requeueAll(unacked.takeUpTo(unacked.next));
  }

  onCancelled(): void {
    this.#session.subscriptionCancelled(this);
  }

  #settle(row: number, how: Answer): void {
    if (how === 'ack') this.queue.ack(row);
    else if (how === 'requeue') this.queue.requeue(row);
    else this.queue.reject(row);
  }
}
