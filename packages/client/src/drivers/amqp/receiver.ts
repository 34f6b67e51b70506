/**
 * Single messages on demand: `basic.get`, and if nothing is there, a consumer for as long as the caller waits. All that this one
 * got before its end was confirmed belongs to the caller, so nothing gets stuck in it. Each queue has its own
 * channel, because a mistake about one queue ends a channel with all its leases.
 */
import type { ReceiveRequest } from '../../driver/driver.ts';
import { PolymqError } from '../../errors.ts';
import type { Clock } from '../../lib/clock.ts';
import { amqpError } from './errors.ts';
import { type AmqpDelivery, LeaseChannel } from './leases.ts';
import type { AmqpMessage } from './library.ts';
import type { Link, LinkPart } from './link.ts';
import type { Untouched } from './untouched.ts';
import { Waiting } from './waiting.ts';

/** Channels that are kept for the next call; those with open leases come on top. */
const CHANNELS_MAX = 200;

export interface ReceiverParts {
  readonly untouched: Untouched;
  readonly divert: (delivery: AmqpDelivery) => boolean;
}

export class Receiver implements LinkPart {
  readonly #link: Link;
  readonly #clock: Clock;
  readonly #parts: ReceiverParts;
  readonly #channels = new Map<string, Promise<LeaseChannel>>();

  constructor(link: Link, parts: ReceiverParts) {
    this.#link = link;
    this.#clock = link.context.clock;
    this.#parts = parts;
    link.add(this);
  }

  lost(): void {
    for (const channel of this.#channels.values()) {
      channel.then((leases) => leases.end()).catch(() => undefined);
    }
    this.#channels.clear();
  }

  /** As `QueueDriver.receive`. A connection that is lost while it waits costs it nothing but time. */
  async receive(queue: string, request: ReceiveRequest): Promise<AmqpDelivery[]> {
    const endMs = this.#clock.nowMs() + request.waitMs;
    for (;;) {
      if (request.signal?.aborted === true) return [];
      try {
        return await this.#receive(queue, request, endMs);
      } catch (error) {
        const failed = amqpError(error, `receiving from queue "${queue}"`);
        const over = this.#clock.nowMs() >= endMs || this.#link.closed;
        if (failed.code !== 'disconnected' || over) throw failed;
      }
    }
  }

  async #receive(queue: string, request: ReceiveRequest, endMs: number): Promise<AmqpDelivery[]> {
    const leases = await this.#leasesOf(queue);
    const got = await this.#get(leases, request.max);
    const leftMs = endMs - this.#clock.nowMs();
    if (got.length > 0 || leftMs <= 0) return got;
    return this.#consume(leases, request, leftMs);
  }

  async #get(leases: LeaseChannel, max: number): Promise<AmqpDelivery[]> {
    const got: AmqpDelivery[] = [];
    while (got.length < max) {
      const message = await leases.channel.get(leases.queue, { noAck: false });
      if (message === false) break;
      this.#take(leases, message, got);
    }
    return got;
  }

  async #consume(
    leases: LeaseChannel,
    { max, signal }: ReceiveRequest,
    waitMs: number,
  ): Promise<AmqpDelivery[]> {
    const got: AmqpDelivery[] = [];
    const { channel, queue } = leases;
    const waiting = new Waiting(this.#clock, waitMs, signal);
    leases.onEnd.add(waiting.end);
    const arrive = (message: AmqpMessage | null): void => {
      if (message !== null) this.#take(leases, message, got);
      if (message === null || got.length > 0) waiting.end();
    };
    // Both at once, so that no other call's limit comes between.
    const limited = channel.prefetch(max, false);
    const { consumerTag } = await channel.consume(queue, arrive, {});
    await limited;
    await waiting.over;
    leases.onEnd.delete(waiting.end);
    if (leases.alive) await channel.cancel(consumerTag);
    if (signal?.aborted !== true || got.length === 0) return this.#checked(leases, got);
    for (const delivery of got) {
      this.#parts.untouched.add(delivery.id);
      void leases.requeue(delivery)?.catch(() => undefined);
    }
    return [];
  }

  #checked(leases: LeaseChannel, got: AmqpDelivery[]): AmqpDelivery[] {
    if (leases.alive) return got;
    throw new PolymqError(
      'disconnected',
      `receiving from queue "${leases.queue}": the connection was lost; try again`,
    );
  }

  #take(leases: LeaseChannel, message: AmqpMessage, got: AmqpDelivery[]): void {
    const delivery = leases.take(message, this.#clock.nowMs());
    if (!this.#parts.divert(delivery)) got.push(delivery);
  }

  #leasesOf(queue: string): Promise<LeaseChannel> {
    const known = this.#channels.get(queue);
    if (known !== undefined) return known;
    const opened = this.#open(queue, () => {
      if (this.#channels.get(queue) === opened) this.#channels.delete(queue);
    });
    this.#channels.set(queue, opened);
    if (this.#channels.size > CHANNELS_MAX) this.#letGo(queue);
    return opened;
  }

  async #open(queue: string, forget: () => void): Promise<LeaseChannel> {
    try {
      const channel = await this.#link.channel(`receiving from queue "${queue}"`);
      channel.on('close', forget);
      return new LeaseChannel(channel, queue, this.#parts.untouched);
    } catch (error) {
      forget();
      throw error;
    }
  }

  /** The channel that was opened first goes when its leases are settled. */
  #letGo(except: string): void {
    for (const [queue, channel] of this.#channels) {
      if (queue === except) continue;
      this.#channels.delete(queue);
      channel.then((leases) => leases.whenIdle(() => leases.close())).catch(() => undefined);
      return;
    }
  }
}
