/** What was received by the piece and is not settled yet. At the end of the driver it goes back at once, as with a connection that ends. */
import type { Queue } from '../../core/queue/queue.ts';
import type { DeliveryOwner, EmbeddedDelivery } from './embedded-delivery.ts';
import { OpenDeliveries } from './open-deliveries.ts';

/** So many may be kept before it is asked whose lease has ended. */
const KEPT_MIN = 1024;

export class Received implements DeliveryOwner {
  readonly #open = new OpenDeliveries();
  #sweepAt = KEPT_MIN;

  add(deliveries: readonly EmbeddedDelivery[]): void {
    for (const delivery of deliveries) this.#open.add(delivery);
    if (this.#open.size >= this.#sweepAt) this.#sweep();
  }

  settled(delivery: EmbeddedDelivery): void {
    this.#open.delete(delivery);
  }

  giveBack(): void {
    giveBack([...this.#open]);
  }

  #sweep(): void {
    for (const delivery of [...this.#open]) if (!delivery.held) delivery.close();
    this.#sweepAt = Math.max(KEPT_MIN, this.#open.size * 2);
  }
}

/** Those that are held still; that they were handed out counts. */
export function giveBack(deliveries: readonly EmbeddedDelivery[]): void {
  const rows = new Map<Queue, number[]>();
  for (const delivery of deliveries) {
    if (delivery.held && !delivery.queue.deleted) {
      const ofQueue = rows.get(delivery.queue) ?? [];
      ofQueue.push(delivery.row);
      rows.set(delivery.queue, ofQueue);
    }
  }
  for (const [queue, ofQueue] of rows) queue.requeueAll(ofQueue);
  for (const delivery of deliveries) delivery.close();
}
