/** What was received by the piece and is not settled yet. At the end of the driver it goes back, so that nobody waits for its lease to end. */
import { sleep } from '../../lib/clock.ts';
import type { Aws } from './aws.ts';
import type { DeliveryOwner, SqsDelivery } from './delivery.ts';
import type { Settler } from './settle.ts';

/** So many may be kept before it is asked whose lease has ended. */
const KEPT_MIN = 1024;
/** An engine that does not answer shall not keep the program alive; the leases end by themselves. */
const GIVE_BACK_MS = 3_000;

export class Received implements DeliveryOwner {
  readonly #aws: Aws;
  readonly #settler: Settler;
  readonly #open = new Set<SqsDelivery>();
  #sweepAt = KEPT_MIN;

  constructor(aws: Aws, settler: Settler) {
    this.#aws = aws;
    this.#settler = settler;
  }

  add(deliveries: readonly SqsDelivery[]): void {
    for (const delivery of deliveries) this.#open.add(delivery);
    if (this.#open.size < this.#sweepAt) return;
    const nowMs = this.#aws.context.clock.nowMs();
    for (const delivery of [...this.#open]) {
      if (delivery.leaseEndMs <= nowMs) this.#open.delete(delivery);
    }
    this.#sweepAt = Math.max(KEPT_MIN, this.#open.size * 2);
  }

  done(delivery: SqsDelivery): void {
    this.#open.delete(delivery);
  }

  returned(delivery: SqsDelivery): void {
    this.#open.delete(delivery);
  }

  companions(): readonly SqsDelivery[] {
    return [];
  }

  /** Never rejects. */
  async close(): Promise<void> {
    const { clock } = this.#aws.context;
    const nowMs = clock.nowMs();
    const held = [...this.#open].filter(({ leaseEndMs }) => leaseEndMs > nowMs);
    this.#open.clear();
    if (held.length === 0) return;
    const answered = new AbortController();
    const givenBack = held.map((delivery) => this.#settler.setVisibility(delivery, 0));
    await Promise.race([
      Promise.allSettled(givenBack),
      sleep(clock, GIVE_BACK_MS, answered.signal),
    ]);
    answered.abort();
  }
}
