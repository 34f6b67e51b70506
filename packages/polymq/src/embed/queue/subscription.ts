/**
 * A consumer of a queue in this process. It gets messages in batches, at the end of a turn of the event loop, and more when
 * it has settled some; so a turn costs the same whatever it carries.
 *
 *   queue ─► deliver ─► gathered ─(end of turn, durable)─► sink ─► settled ─(end of turn)─► resume
 */
import type { DeliverySink, QueueSubscription } from '@polymq/client/driver';
import { PolymqError } from '@polymq/client/driver';
import type { MessageView } from '../../core/message/message-bytes.ts';
import type { Queue, QueueConsumer } from '../../core/queue/queue.ts';
import type { EmbeddedContext } from '../context.ts';
import { clientError } from '../errors.ts';
import { Deliveries } from './deliveries.ts';
import type { Begun, DeliveryOwner, EmbeddedDelivery } from './embedded-delivery.ts';
import { OpenDeliveries } from './open-deliveries.ts';
import { giveBack } from './received.ts';

export interface SubscriptionOptions {
  readonly prefetch: number;
  readonly leaseMs: number;
}

export class EmbeddedSubscription implements QueueSubscription, QueueConsumer, DeliveryOwner {
  readonly noAck = false;
  readonly canPause = true;
  readonly counted = 'later';
  readonly leaseMs: number;
  readonly #context: EmbeddedContext;
  readonly #queue: Queue;
  readonly #sink: DeliverySink;
  readonly #onEnd: (subscription: EmbeddedSubscription) => void;
  readonly #deliveries: Deliveries;
  /** Handed to the sink, and not settled. */
  readonly #open = new OpenDeliveries();
  /** Wait to be durable, in order. */
  readonly #waiting: { deliveries: EmbeddedDelivery[]; position: number }[] = [];
  #waitingCount = 0;
  #prefetch: number;
  #turn = false;
  #watch: { cancel(): void } | undefined;
  #nowMs = 0;
  #letGo: (() => void) | undefined;
  #closed = false;

  constructor(
    context: EmbeddedContext,
    queue: Queue,
    options: SubscriptionOptions,
    sink: DeliverySink,
    onEnd: (subscription: EmbeddedSubscription) => void,
  ) {
    this.#context = context;
    this.#queue = queue;
    this.#sink = sink;
    this.#onEnd = onEnd;
    this.#prefetch = options.prefetch;
    this.leaseMs = options.leaseMs;
    this.#deliveries = new Deliveries(context, { queue, leaseMs: options.leaseMs }, this);
  }

  start(): void {
    this.#queue.addConsumer(this);
    if (!this.#closed) this.#letGo = this.#context.hold();
  }

  setPrefetch(prefetch: number): void {
    this.#prefetch = prefetch;
    this.#later();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#end();
    if (!this.#queue.deleted) this.#queue.removeConsumer(this);
    const rows = [this.#deliveries.take(), ...this.#waiting.splice(0)]
      .flatMap(({ deliveries }) => deliveries)
      .filter((delivery) => delivery.held)
      .map(({ row }) => row);
    if (rows.length > 0 && !this.#queue.deleted) {
      this.#queue.requeueAll(rows, { untouched: true });
    }
  }

  /** After `close`, when nobody will settle them any more. */
  giveBackOpen(): void {
    giveBack([...this.#open]);
  }

  // What the queue asks.

  ready(): boolean {
    const held = this.#open.size + this.#waitingCount + this.#deliveries.count;
    return !this.#closed && held < this.#prefetch;
  }

  deliver(_queue: Queue, row: number, view: MessageView): void {
    if (this.#deliveries.count === 0) this.#nowMs = this.#context.clock.nowMs();
    this.#deliveries.add(row, view, this.#nowMs, this.#begin(row));
    this.#later();
  }

  /** A handler that has nothing else to do begins at once: then it is known that it was this message, and no other. */
  #begin(row: number): Begun {
    const { free = Number.POSITIVE_INFINITY } = this.#sink;
    if (this.#waitingCount + this.#deliveries.count >= free) {
      return this.#queue.handAhead(row) ? 'may-begin' : 'must-begin';
    }
    this.#queue.begin(row);
    return 'begun';
  }

  onCancelled(): void {
    if (this.#closed) return;
    this.#end();
    const message = `queue "${this.#queue.name}" was deleted, which ends its consumers`;
    this.#sink.ended(new PolymqError('not-found', message));
  }

  // What deliveries tell.

  settled(delivery: EmbeddedDelivery): void {
    if (this.#open.delete(delivery)) this.#later();
  }

  #later(): void {
    if (this.#turn) return;
    this.#turn = true;
    this.#context.environment.timers.immediate(this.#atEndOfTurn);
  }

  readonly #atEndOfTurn = (): void => {
    // What the queue hands out now goes along.
    if (!this.#closed) this.#queue.resume(this);
    this.#turn = false;
    if (this.#closed || this.#deliveries.count === 0) return;
    const batch = this.#deliveries.take();
    const { store } = this.#context.core.queues;
    if (this.#waiting.length === 0 && batch.position <= store.committed) {
      this.#handOn(batch.deliveries);
      return;
    }
    this.#waiting.push(batch);
    this.#waitingCount += batch.deliveries.length;
    const committed = store.whenCommitted(batch.position);
    this.#context.track(committed).then(this.#handOnWaiting, this.#fail);
  };

  readonly #handOnWaiting = (): void => {
    const { store } = this.#context.core.queues;
    for (;;) {
      const batch = this.#waiting[0];
      if (batch === undefined || batch.position > store.committed) return;
      this.#waiting.shift();
      this.#waitingCount -= batch.deliveries.length;
      this.#handOn(batch.deliveries);
    }
  };

  readonly #fail = (error: unknown): void => {
    if (this.#closed) return;
    this.#end();
    if (!this.#queue.deleted) this.#queue.removeConsumer(this);
    this.#sink.ended(clientError(error, `consume queue "${this.#queue.name}"`));
  };

  #handOn(deliveries: readonly EmbeddedDelivery[]): void {
    for (const delivery of deliveries) this.#open.add(delivery);
    if (this.#watch === undefined) this.#watchLeases();
    this.#sink.deliver(deliveries);
  }

  /** Sees to it that what was not settled in time does not take room for ever. */
  #watchLeases(): void {
    const { clock } = this.#context;
    let endMs = Number.POSITIVE_INFINITY;
    for (const { leaseEndMs } of this.#open) endMs = Math.min(endMs, leaseEndMs);
    if (endMs === Number.POSITIVE_INFINITY) return;
    const waitMs = Math.max(1, endMs - clock.nowMs());
    this.#watch = clock.after(waitMs, () => {
      this.#watch = undefined;
      this.#dropLost();
      this.#watchLeases();
    });
  }

  #dropLost(): void {
    const nowMs = this.#context.clock.nowMs();
    const lost = [...this.#open].filter(
      (delivery) => delivery.leaseEndMs <= nowMs && !delivery.held,
    );
    for (const delivery of lost) delivery.close();
    if (lost.length > 0) this.#sink.lost(lost);
  }

  #end(): void {
    this.#closed = true;
    this.#watch?.cancel();
    this.#watch = undefined;
    this.#letGo?.();
    this.#onEnd(this);
  }
}
