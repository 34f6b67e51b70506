/**
 * The last piece of the way of delayed messages into queues that refuse more when they are full. A server that moves a message
 * out of a delay asks nobody: if such a queue is full at that moment, the message is gone without a word. So it goes into a
 * queue without a limit instead, and from there the clients that have declared the limited one move it on, with confirms:
 *
 *   publish ──► delay ── after its time ──► polymq.due.<queue> ── client ──► <queue> ── confirmed ──► acknowledged
 *                                                                   ▲   └─ full ─┐
 *                                                                   └── a moment ◄┘
 *
 * What nobody moves on, since no client that knows the limit is there, waits.
 */
import type { QueueSpec } from '../../driver/driver.ts';
import { sleep } from '../../lib/clock.ts';
import type { AmqpDelivery } from './leases.ts';
import type { Link } from './link.ts';
import { dueQueue } from './names.ts';
import { AmqpSubscription } from './subscription.ts';
import type { Topology } from './topology.ts';
import { Untouched } from './untouched.ts';

/** Messages of one queue that are moved on, or wait for room, in one client. */
const MOVING_MAX = 20;
const FULL_WAIT_FIRST_MS = 20;
const FULL_WAIT_MAX_MS = 2_000;

export interface DueParts {
  readonly link: Link;
  readonly topology: Topology;
  /** Stores a copy of the delivery in the queue; rejects if the queue has not taken it. */
  readonly forward: (delivery: AmqpDelivery, queue: string) => Promise<void>;
  readonly divert: (delivery: AmqpDelivery) => boolean;
}

export class DueQueues {
  readonly #parts: DueParts;
  /** By the limited queue. */
  readonly #open = new Map<string, Promise<AmqpSubscription>>();

  constructor(parts: DueParts) {
    this.#parts = parts;
  }

  /** Where delayed messages for the queue come out. */
  targetOf(queue: string): string {
    return this.#open.has(queue) ? dueQueue(queue) : queue;
  }

  /** For a queue that has been declared like that. */
  async declare(spec: QueueSpec): Promise<void> {
    const { name, limit } = spec;
    if (limit?.overflow !== 'reject' && limit?.overflow !== 'block') return;
    const known = this.#open.get(name);
    const opened = known ?? this.#begin(spec);
    if (known === undefined) this.#open.set(name, opened);
    try {
      await opened;
    } catch (error) {
      if (this.#open.get(name) === opened) this.#open.delete(name);
      throw error;
    }
  }

  async delete(queue: string): Promise<void> {
    const due = dueQueue(queue);
    const opened = this.#open.get(queue);
    this.#open.delete(queue);
    this.#parts.topology.forget(`queue ${due}`);
    await (await opened?.catch(() => undefined))?.close();
    const what = `deleting queue "${due}"`;
    const deleted = this.#parts.topology.run(what, (channel) => channel.deleteQueue(due));
    // Most likely there is none; then rights to delete it may be missing as well.
    await (opened === undefined ? deleted.catch(() => undefined) : deleted);
  }

  /** Made again when somebody has deleted it. */
  #begin(spec: QueueSpec): Promise<AmqpSubscription> {
    const { name } = spec;
    const opened: Promise<AmqpSubscription> = this.#openSubscription(name, () => {
      if (this.#open.get(name) !== opened) return;
      this.#open.delete(name);
      this.declare(spec).catch(() => undefined);
    });
    return opened;
  }

  async #openSubscription(queue: string, ended: () => void): Promise<AmqpSubscription> {
    const { link, topology, divert } = this.#parts;
    const due = dueQueue(queue);
    await topology.declare(`queue ${due}`, `declaring queue "${due}"`, (channel) =>
      channel.assertQueue(due, { durable: true, arguments: {} }),
    );
    const options = {
      queue: due,
      prefetch: MOVING_MAX,
      consumerLimit: false,
      untouched: new Untouched(),
      divert,
    };
    const subscription = new AmqpSubscription(link, options, {
      deliver: (deliveries) => {
        for (const delivery of deliveries) void this.#moveOn(delivery as AmqpDelivery, queue);
      },
      // It is moved on when it comes again.
      lost: () => undefined,
      ended,
    });
    await subscription.open();
    return subscription;
  }

  /** Until the queue has it, or it is somebody else's. */
  async #moveOn(delivery: AmqpDelivery, queue: string): Promise<void> {
    const { link, forward } = this.#parts;
    let waitMs = FULL_WAIT_FIRST_MS;
    while (delivery.handle.holds(delivery)) {
      try {
        await forward(delivery, queue);
        await delivery.handle.ack(delivery);
        return;
      } catch {
        await sleep(link.context.clock, waitMs);
        waitMs = Math.min(waitMs * 2, FULL_WAIT_MAX_MS);
      }
    }
  }
}
