/**
 * Messages on their way to the SDK. Nothing reaches a handler before it is durable, and of a message that is there from an
 * earlier life of the process, not before it is durable that it is handed out once more: one that ends the process each time
 * must run out of attempts.
 *
 *   taken ─► gathered ─(end of turn)─► durable? ─┬─ yes ─► handed on
 *                                                └─ no ──► waits, and all behind it ─► handed on
 */
import type { MessageView } from '../../core/message/message-bytes.ts';
import type { Queue } from '../../core/queue/queue.ts';
import type { EmbeddedContext } from '../context.ts';
import { readView } from '../wire.ts';
import { type DeliveryOwner, EmbeddedDelivery } from './embedded-delivery.ts';

export class Deliveries {
  readonly #context: EmbeddedContext;
  readonly #queue: Queue;
  readonly #leaseMs: number;
  readonly #owner: DeliveryOwner | undefined;
  #gathered: EmbeddedDelivery[] = [];
  /** What is gathered may be handed on when the store has come to here; infinite: to where it stands at the end of the turn. */
  #position = 0;

  constructor(
    context: EmbeddedContext,
    lease: { queue: Queue; leaseMs: number },
    owner: DeliveryOwner | undefined,
  ) {
    this.#context = context;
    this.#queue = lease.queue;
    this.#leaseMs = lease.leaseMs;
    this.#owner = owner;
  }

  get count(): number {
    return this.#gathered.length;
  }

  /** The message is leased to this process, and `view` points at it. */
  add(row: number, view: MessageView, nowMs: number): void {
    const queue = this.#queue;
    const { core } = this.#context;
    if (queue.isRestored(row)) this.#position = Number.POSITIVE_INFINITY;
    else this.#position = Math.max(this.#position, core.queues.store.positionOf(row));
    const fields = readView(view, core.formats, `${queue.id}-${queue.seq(row)}`);
    const lease = { queue, row, leaseMs: this.#leaseMs, nowMs };
    this.#gathered.push(new EmbeddedDelivery(fields, lease, this.#owner));
  }

  /** What was gathered, and the position that it must wait for. */
  take(): { deliveries: EmbeddedDelivery[]; position: number } {
    const { store } = this.#context.core.queues;
    const position = Math.min(this.#position, store.position);
    const deliveries = this.#gathered;
    this.#gathered = [];
    this.#position = 0;
    return { deliveries, position };
  }
}
