/** Who waits for a slot. */
export interface SlotWaiter {
  /** There may be one now: ask again. */
  wake(): void;
}

/** How many deliveries run at the same time, over all subscriptions; those that wait get their turn in order. */
export class Slots {
  readonly #countMax: number;
  #taken = 0;
  readonly #waiting = new Set<SlotWaiter>();

  constructor(countMax: number) {
    this.#countMax = countMax;
  }

  get taken(): number {
    return this.#taken;
  }

  /** Whether there is one; if not, the waiter is woken when there is. */
  offer(waiter: SlotWaiter): boolean {
    if (this.#taken < this.#countMax) return true;
    this.#waiting.add(waiter);
    return false;
  }

  take(): void {
    this.#taken += 1;
  }

  release(): void {
    this.#taken -= 1;
    // Who is woken may not want it any more: then the next one is asked.
    for (const next of this.#waiting) {
      if (this.#taken >= this.#countMax) return;
      this.#waiting.delete(next);
      next.wake();
    }
  }

  forget(waiter: SlotWaiter): void {
    this.#waiting.delete(waiter);
  }
}
