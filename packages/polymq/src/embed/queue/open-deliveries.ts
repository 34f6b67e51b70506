import type { EmbeddedDelivery } from './embedded-delivery.ts';

/** A set whose members know where they stand in it, in no order: cheaper than hashing each of them. */
export class OpenDeliveries {
  readonly #items: EmbeddedDelivery[] = [];

  get size(): number {
    return this.#items.length;
  }

  add(delivery: EmbeddedDelivery): void {
    delivery.slot = this.#items.length;
    this.#items.push(delivery);
  }

  /** Whether it was there. The last one takes its place. */
  delete(delivery: EmbeddedDelivery): boolean {
    const { slot } = delivery;
    if (this.#items[slot] !== delivery) return false;
    const last = this.#items.pop()!;
    if (last !== delivery) {
      this.#items[slot] = last;
      last.slot = slot;
    }
    delivery.slot = -1;
    return true;
  }

  [Symbol.iterator](): IterableIterator<EmbeddedDelivery> {
    return this.#items.values();
  }
}
