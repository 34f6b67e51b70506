/**
 * Deliveries that wait for an answer on one channel. A lease lasts until it is answered or the channel ends; then the
 * server gives the message to somebody else, and answering fails with `lease-lost`.
 */
import { PolymqError } from '../../errors.ts';
import type { Clock, ClockTimer } from '../../lib/clock.ts';
import type { Delivery } from '../../message/wire-message.ts';
import type { AmqpChannel, AmqpMessage, AmqpTag } from './library.ts';
import { ReceivedWire, redeliveriesOf } from './message-format.ts';
import type { Untouched } from './untouched.ts';

export class AmqpDelivery extends ReceivedWire implements Delivery {
  readonly queue: string;
  readonly redeliveries: number;
  readonly priority: number | undefined;
  readonly handle: LeaseChannel;
  readonly tag: number;
  /** The consumer has got it; it is not only on its way there. */
  isHanded = false;

  constructor(message: AmqpMessage, queue: string, handle: LeaseChannel, nowMs: number) {
    super(message, nowMs);
    this.queue = queue;
    this.handle = handle;
    this.tag = message.fields.deliveryTag;
    this.priority = message.properties.priority;
    const redeliveries = redeliveriesOf(message);
    this.redeliveries = redeliveries === 0 ? 0 : handle.untouched.correct(this.id, redeliveries);
  }
}

export class LeaseChannel {
  readonly channel: AmqpChannel;
  readonly queue: string;
  readonly untouched: Untouched;
  readonly #open = new Map<number, AmqpDelivery>();
  #alive = true;
  #whenIdle: (() => void) | undefined = undefined;
  /** Of those that are given back later. */
  readonly #timers = new Set<ClockTimer>();
  /** Called when the channel has ended, by the server or by us. */
  readonly onEnd: Set<() => void> = new Set();
  /** Called before an answer is sent, with whether it gives the message back. */
  beforeAnswer: ((gaveBack: boolean) => void) | undefined = undefined;
  /** The same, when it has been sent. */
  afterAnswer: ((gaveBack: boolean) => void) | undefined = undefined;
  /** Called with how many messages wait here to be given back, whenever that changes. */
  onHeld: ((count: number) => void) | undefined = undefined;

  constructor(channel: AmqpChannel, queue: string, untouched: Untouched) {
    this.channel = channel;
    this.queue = queue;
    this.untouched = untouched;
    channel.on('close', () => {
      this.#alive = false;
      this.#stopTimers();
      for (const callback of [...this.onEnd]) callback();
    });
  }

  get alive(): boolean {
    return this.#alive;
  }

  get size(): number {
    return this.#open.size;
  }

  take(message: AmqpMessage, nowMs: number): AmqpDelivery {
    const delivery = new AmqpDelivery(message, this.queue, this, nowMs);
    this.#open.set(delivery.tag, delivery);
    return delivery;
  }

  holds(delivery: AmqpDelivery): boolean {
    return this.#alive && this.#open.has(delivery.tag);
  }

  /** `undefined`: it is on its way to the server, who does not confirm it. */
  ack(delivery: AmqpDelivery): Promise<void> | undefined {
    if (!this.#remove(delivery)) return Promise.reject(leaseLost(delivery));
    try {
      this.beforeAnswer?.(false);
      this.channel.ack(tagOf(delivery));
      this.afterAnswer?.(false);
    } catch {
      return Promise.reject(leaseLost(delivery));
    }
    this.#checkIdle();
    return undefined;
  }

  requeue(delivery: AmqpDelivery): Promise<void> | undefined {
    if (!this.#remove(delivery)) return Promise.reject(leaseLost(delivery));
    try {
      this.beforeAnswer?.(true);
      this.channel.nack(tagOf(delivery), false, true);
      this.afterAnswer?.(true);
    } catch {
      return Promise.reject(leaseLost(delivery));
    }
    this.#checkIdle();
    return undefined;
  }

  /** Keeps it until then; what ends the channel gives it back at once. */
  requeueLater(delivery: AmqpDelivery, delayMs: number, clock: Clock): Promise<void> | undefined {
    if (!this.holds(delivery)) return Promise.reject(leaseLost(delivery));
    const timer = clock.after(delayMs, () => {
      this.#timers.delete(timer);
      this.requeue(delivery)?.catch(() => undefined);
      this.onHeld?.(this.#timers.size);
    });
    this.#timers.add(timer);
    this.onHeld?.(this.#timers.size);
    return undefined;
  }

  /** All that were open, when the channel has ended. */
  end(): AmqpDelivery[] {
    this.#alive = false;
    this.#stopTimers();
    const open = [...this.#open.values()];
    this.#open.clear();
    return open;
  }

  /** Calls back once when nothing is open, at once if nothing is. */
  whenIdle(callback: () => void): void {
    this.#whenIdle = callback;
    this.#checkIdle();
  }

  close(): void {
    if (!this.#alive) return;
    this.#alive = false;
    try {
      this.channel.close().catch(() => undefined);
    } catch {
      // The connection has ended.
    }
  }

  #stopTimers(): void {
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
  }

  #remove(delivery: AmqpDelivery): boolean {
    return this.#alive && this.#open.delete(delivery.tag);
  }

  #checkIdle(): void {
    if (this.#open.size > 0 || this.#whenIdle === undefined) return;
    const callback = this.#whenIdle;
    this.#whenIdle = undefined;
    callback();
  }
}

function tagOf({ tag }: AmqpDelivery): AmqpTag {
  return { fields: { deliveryTag: tag } };
}

function leaseLost({ id, queue }: AmqpDelivery): PolymqError {
  return new PolymqError(
    'lease-lost',
    `message ${id} of queue "${queue}" cannot be answered any more: it was settled before, or the connection that it came on is lost, and the broker gives it to somebody else`,
  );
}
