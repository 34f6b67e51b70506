/**
 * A consumer of a queue on a channel of its own, which comes back by itself when the connection or the channel was lost.
 *
 *   opening ──► consuming ── channel or connection lost: `lost` ──► opening
 *                  │  └── queue deleted, rights withdrawn: `ended` ──► over
 *                  └── close: cancelled; the channel stays until all deliveries are settled ──► over
 */
import type { DeliverySink, QueueSubscription } from '../../driver/driver.ts';
import { PolymqError } from '../../errors.ts';
import { amqpError } from './errors.ts';
import { type AmqpDelivery, LeaseChannel } from './leases.ts';
import type { AmqpConnection, AmqpMessage } from './library.ts';
import { type Link, type LinkPart, openChannel } from './link.ts';
import { restoredOrEnded } from './restoring.ts';
import type { Untouched } from './untouched.ts';

/** So many more deliveries may wait here to be given back later; beyond that, they are in the way of others. */
const HELD_MAX = 1_000;

export interface SubscriptionOptions {
  readonly queue: string;
  readonly prefetch: number;
  /** Only each consumer can be limited, not their channel: quorum queues of RabbitMQ. */
  readonly consumerLimit: boolean;
  readonly untouched: Untouched;
  /** Takes a delivery that is not due yet; `true`: it has. */
  readonly divert: (delivery: AmqpDelivery) => boolean;
}

export class AmqpSubscription implements QueueSubscription, LinkPart {
  readonly #link: Link;
  readonly #options: SubscriptionOptions;
  readonly #sink: DeliverySink;
  #prefetch: number;
  #held = 0;
  #leases: LeaseChannel | undefined = undefined;
  #tag = '';
  #closed = false;
  #channelLimit = false;
  /** Came since the last turn of the event loop. */
  #arrived: AmqpDelivery[] = [];
  #changing: Promise<unknown> = Promise.resolve();
  /** The consumer that is being made, or was last. */
  #consuming: Promise<void> = Promise.resolve();

  constructor(link: Link, options: SubscriptionOptions, sink: DeliverySink) {
    this.#link = link;
    this.#options = options;
    this.#sink = sink;
    this.#prefetch = options.prefetch;
  }

  async open(): Promise<void> {
    const connection = await this.#link.ready(this.#what);
    await this.#consume(connection);
    if (!this.#closed) this.#link.add(this);
  }

  setPrefetch(prefetch: number): void {
    if (prefetch === this.#prefetch) return;
    this.#prefetch = prefetch;
    this.#limitChanged();
  }

  /** What waits for its time here shall not take the place of what could be worked on. */
  get #limit(): number {
    return this.#prefetch + Math.min(this.#held, HELD_MAX);
  }

  #setHeld(leases: LeaseChannel, count: number): void {
    // Elsewhere, each change of the limit would cost more than it gives.
    if (this.#leases !== leases || !this.#channelLimit) return;
    this.#held = count;
    this.#limitChanged();
  }

  #limitChanged(): void {
    this.#changing = this.#changing.then(() => this.#applyPrefetch()).catch(() => undefined);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#link.remove(this);
    await this.#consuming.catch(() => undefined);
    const leases = this.#leases;
    if (leases === undefined || !leases.alive) return;
    await this.#changing;
    try {
      await leases.channel.cancel(this.#tag);
    } catch {
      // The channel has ended, and with it the consumer.
    }
    this.#flush();
    leases.whenIdle(() => leases.close());
  }

  lost(): void {
    const leases = this.#leases;
    this.#leases = undefined;
    this.#tag = '';
    this.#arrived = [];
    const open = leases?.end() ?? [];
    if (open.length === 0) return;
    this.#excuse(open);
    this.#sink.lost(open);
  }

  /** The server calls all of them delivered before, when they come again. */
  #excuse(lost: readonly AmqpDelivery[]): void {
    for (const delivery of lost) {
      const isUntouched = !delivery.isHanded || this.#sink.isUntouched?.(delivery) === true;
      if (isUntouched) this.#options.untouched.add(delivery.id);
    }
  }

  async restore(connection: AmqpConnection): Promise<void> {
    if (this.#closed) return;
    await restoredOrEnded(this.#consume(connection), this.#what, (error) => this.#end(error));
  }

  get #what(): string {
    return `consuming queue "${this.#options.queue}"`;
  }

  #consume(connection: AmqpConnection): Promise<void> {
    this.#consuming = this.#consumeOn(connection);
    return this.#consuming;
  }

  /** It may be closed at each step; then the channel goes again. */
  async #consumeOn(connection: AmqpConnection): Promise<void> {
    const { queue, untouched } = this.#options;
    const channel = await openChannel(connection, this.#what);
    const leases = new LeaseChannel(channel, queue, untouched);
    if (this.#closed) {
      leases.close();
      return;
    }
    this.#leases = leases;
    this.#held = 0;
    leases.onHeld = (count) => this.#setHeld(leases, count);
    let cause: unknown;
    channel.on('error', (error: unknown) => {
      cause = error;
    });
    channel.on('close', () => this.#channelClosed(leases, cause));
    try {
      this.#channelLimit = this.#link.isPolymq;
      const limit = this.#limit;
      await channel.prefetch(limit, this.#channelLimit);
      if (this.#closed) leases.close();
      else await this.#start(leases);
      if (this.#limit !== limit) this.#limitChanged();
    } catch (error) {
      if (this.#leases === leases) this.#leases = undefined;
      leases.close();
      if (this.#closed) return;
      throw amqpError(error, this.#what);
    }
  }

  async #start(leases: LeaseChannel): Promise<void> {
    const arrive = (message: AmqpMessage | null): void => {
      if (message === null) this.#cancelled(leases);
      else this.#arrive(leases, message);
    };
    const { consumerTag } = await leases.channel.consume(this.#options.queue, arrive, {});
    this.#tag = consumerTag;
  }

  #arrive(leases: LeaseChannel, message: AmqpMessage): void {
    const delivery = leases.take(message, this.#link.context.clock.nowMs());
    if (this.#options.divert(delivery)) return;
    // Everything that one read of the socket brought goes on together.
    if (this.#arrived.push(delivery) === 1) queueMicrotask(() => this.#flush());
  }

  #flush(): void {
    const arrived = this.#arrived;
    if (arrived.length === 0) return;
    this.#arrived = [];
    for (const delivery of arrived) delivery.isHanded = true;
    this.#sink.deliver(arrived);
  }

  /** By the server: the queue was deleted, or its node has gone. */
  #cancelled(leases: LeaseChannel): void {
    if (this.#closed || this.#leases !== leases) return;
    const { queue } = this.#options;
    this.#end(
      new PolymqError(
        'not-found',
        `${this.#what} is over: the broker cancelled it, since queue "${queue}" was deleted or has moved`,
      ),
    );
  }

  /** Without the connection: something was not to the server's liking, or an answer took longer than it allows. */
  #channelClosed(leases: LeaseChannel, cause: unknown): void {
    if (this.#leases !== leases || cause === undefined) return;
    const wasOpen = this.#tag !== '';
    this.lost();
    if (this.#closed || !wasOpen) return;
    this.#link
      .ready(this.#what)
      .then((connection) => (this.#leases === undefined ? this.restore(connection) : undefined))
      .catch(() => undefined);
  }

  #end(error: PolymqError): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#link.remove(this);
    const leases = this.#leases;
    this.#flush();
    leases?.whenIdle(() => leases.close());
    this.#sink.ended(error);
  }

  /**
   * A limit per consumer only holds for new ones, so the consumer is replaced by one under a limit of the channel, which can be
   * changed as it goes. (Not from the beginning: it makes RabbitMQ slower; on a PolyMQ it costs nothing.) Quorum queues of RabbitMQ know no such
   * limit; there, what is unsettled is counted anew with each change.
   */
  async #applyPrefetch(): Promise<void> {
    const leases = this.#leases;
    // Who is only about to consume looks at the limit again afterwards.
    if (leases === undefined || this.#tag === '' || this.#closed) return;
    const { channel } = leases;
    if (this.#channelLimit) {
      await channel.prefetch(this.#limit, true);
      return;
    }
    await channel.cancel(this.#tag);
    if (this.#options.consumerLimit) {
      await channel.prefetch(this.#prefetch, false);
    } else {
      await channel.prefetch(0, false);
      await channel.prefetch(this.#prefetch, true);
      this.#channelLimit = true;
    }
    if (!this.#closed) await this.#start(leases);
  }
}
