/**
 * Messages on their way to the SDK. Nothing reaches a handler before it is durable, and that it was handed out is durable, too: a
 * message that ends the process each time must run out of attempts (`CountedLeases`). What comes in one turn shares one commit.
 *
 *   taken ─► gathered ─(end of turn)─► durable? ─┬─ yes ─► handed on
 *                                                └─ no ──► waits, and all behind it ─► handed on
 */
import type { MessageView } from '../../core/message/message-bytes.ts';
import type { Queue } from '../../core/queue/queue.ts';
import type { EmbeddedContext } from '../context.ts';
import { bodies, readProperties, readView } from '../wire.ts';
import {
  type Begun,
  type DeliveryOwner,
  EmbeddedDelivery,
  type LeaseTerms,
} from './embedded-delivery.ts';

export class Deliveries {
  readonly #context: EmbeddedContext;
  readonly #terms: LeaseTerms;
  #gathered: EmbeddedDelivery[] = [];
  constructor(
    context: EmbeddedContext,
    lease: { queue: Queue; leaseMs: number },
    owner: DeliveryOwner | undefined,
  ) {
    this.#context = context;
    this.#terms = { ...lease, owner };
  }

  get count(): number {
    return this.#gathered.length;
  }

  /** The message is leased to this process, and `view` points at it. */
  add(row: number, view: MessageView, nowMs: number, begun: Begun = 'begun'): void {
    const terms = this.#terms;
    const properties = readProperties(view);
    if (properties !== undefined) {
      const body = bodies.copy(view.buffer, view.bodyStart, view.end);
      this.#gathered.push(new EmbeddedDelivery(properties, body, { terms, row, nowMs, begun }));
      return;
    }
    const { queue } = terms;
    const fields = readView(view, this.#context.core.formats, `${queue.id}-${queue.seq(row)}`);
    this.#gathered.push(new EmbeddedDelivery(fields, fields.body, { terms, row, nowMs, begun }));
  }

  /** What was gathered, and the position that it must wait for. */
  take(): { deliveries: EmbeddedDelivery[]; position: number } {
    const { position } = this.#context.core.queues.store;
    const deliveries = this.#gathered;
    this.#gathered = [];
    // What does not outlive the process need not wait for the disk.
    return { deliveries, position: this.#terms.queue.definition.durable ? position : 0 };
  }
}
