/**
 * Single messages of a fifo queue. `basic.get` knows no order between clients, so each message is taken as the queue's one active
 * consumer, which stays until the message is answered: meanwhile nobody gets a message behind it. A message that is given
 * back comes to the same consumer again, and waits there for the next call of this client, for a moment.
 */
import type { ReceiveRequest } from '../../driver/driver.ts';
import type { Clock } from '../../lib/clock.ts';
import { type AmqpDelivery, LeaseChannel } from './leases.ts';
import type { AmqpMessage } from './library.ts';
import type { Link } from './link.ts';
import type { ReceiverParts } from './receiver.ts';
import { Waiting } from './waiting.ts';

/** A queue that has messages hands one out within that; one that has none says nothing. */
const LOOK_MS = 100;
/** How long a message that was given back waits here before other clients may have it. */
const PARKED_MS = 500;

export class FifoReceiver {
  readonly #link: Link;
  readonly #clock: Clock;
  readonly #parts: ReceiverParts;
  /** Who receives from the queue now, or waits for that. */
  readonly #lines = new Map<string, Promise<void>>();
  readonly #parked = new Map<string, Holder>();

  constructor(link: Link, parts: ReceiverParts) {
    this.#link = link;
    this.#clock = link.context.clock;
    this.#parts = parts;
  }

  /** At most one message: what is behind it may not be handed out before it is settled. */
  async receive(queue: string, { waitMs, signal }: ReceiveRequest): Promise<AmqpDelivery[]> {
    const endMs = this.#clock.nowMs() + Math.max(waitMs, LOOK_MS);
    if (!(await this.#turn(queue, endMs, signal))) return [];
    let passOn: () => void = () => undefined;
    const turn = new Promise<void>((resolve) => {
      passOn = resolve;
    });
    this.#lines.set(queue, turn);
    const over = (): void => {
      if (this.#lines.get(queue) === turn) this.#lines.delete(queue);
      passOn();
    };
    try {
      const delivery = await this.#take(queue, endMs, { signal, over });
      return delivery === undefined ? [] : [delivery];
    } catch (error) {
      over();
      throw error;
    }
  }

  /** Whether it is our turn before the time is over. */
  async #turn(queue: string, endMs: number, signal: AbortSignal | undefined): Promise<boolean> {
    for (;;) {
      const line = this.#lines.get(queue);
      if (line === undefined) return true;
      const leftMs = endMs - this.#clock.nowMs();
      if (leftMs <= 0 || signal?.aborted === true) return false;
      const waiting = new Waiting(this.#clock, leftMs, signal);
      void line.then(waiting.end);
      await waiting.over;
    }
  }

  async #take(
    queue: string,
    endMs: number,
    { signal, over }: { signal: AbortSignal | undefined; over: () => void },
  ): Promise<AmqpDelivery | undefined> {
    const holder = this.#parked.get(queue) ?? (await this.#open(queue));
    this.#parked.delete(queue);
    const delivery = await holder.next(Math.max(0, endMs - this.#clock.nowMs()), signal);
    if (delivery === undefined) {
      // What arrives until it is closed goes back with the channel.
      holder.close();
      over();
      return undefined;
    }
    holder.onAnswered = (gaveBack) => {
      if (gaveBack) this.#park(queue, holder);
      over();
    };
    holder.leases.onEnd.add(over);
    return delivery;
  }

  #park(queue: string, holder: Holder): void {
    this.#parked.set(queue, holder);
    this.#clock.after(PARKED_MS, () => {
      if (this.#parked.get(queue) !== holder) return;
      this.#parked.delete(queue);
      holder.close();
    });
  }

  async #open(queue: string): Promise<Holder> {
    const channel = await this.#link.channel(`receiving from queue "${queue}"`);
    const leases = new LeaseChannel(channel, queue, this.#parts.untouched);
    const holder = new Holder(leases, this.#clock, this.#parts);
    await holder.consume();
    return holder;
  }
}

/** One consumer that has at most one message. */
class Holder {
  readonly leases: LeaseChannel;
  onAnswered: (gaveBack: boolean) => void = () => undefined;
  readonly #clock: Clock;
  readonly #parts: ReceiverParts;
  #arrived: AmqpDelivery | undefined = undefined;
  #waiting: Waiting | undefined = undefined;
  #tag = '';

  constructor(leases: LeaseChannel, clock: Clock, parts: ReceiverParts) {
    this.leases = leases;
    this.#clock = clock;
    this.#parts = parts;
  }

  async consume(): Promise<void> {
    const { channel, queue } = this.leases;
    await channel.prefetch(1, false);
    const arrive = (message: AmqpMessage | null): void => this.#arrive(message);
    const { consumerTag } = await channel.consume(queue, arrive, {});
    this.#tag = consumerTag;
    // Cancelled with the acknowledgement and not after it, so that the next message does not come here first.
    this.leases.beforeAnswer = (gaveBack) => {
      if (!gaveBack) void channel.cancel(this.#tag).catch(() => undefined);
    };
    this.leases.afterAnswer = (gaveBack) => {
      if (!gaveBack) this.leases.close();
      this.onAnswered(gaveBack);
    };
  }

  async next(waitMs: number, signal: AbortSignal | undefined): Promise<AmqpDelivery | undefined> {
    if (this.#arrived === undefined && this.leases.alive) {
      const waiting = new Waiting(this.#clock, waitMs, signal);
      this.#waiting = waiting;
      this.leases.onEnd.add(waiting.end);
      await waiting.over;
      this.leases.onEnd.delete(waiting.end);
    }
    if (signal?.aborted === true || !this.leases.alive) return undefined;
    const arrived = this.#arrived;
    this.#arrived = undefined;
    return arrived;
  }

  close(): void {
    if (this.#arrived !== undefined) this.#parts.untouched.add(this.#arrived.id);
    this.leases.close();
  }

  #arrive(message: AmqpMessage | null): void {
    if (message !== null) {
      const delivery = this.leases.take(message, this.#clock.nowMs());
      if (this.#parts.divert(delivery)) return;
      this.#arrived = delivery;
    }
    this.#waiting?.end();
  }
}
