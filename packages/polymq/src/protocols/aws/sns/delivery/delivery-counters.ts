import type { Counter, Counters } from '../../../../lib/counters.ts';
import type { SubscriptionProtocol } from '../subscription.ts';

/** What came of an attempt. All but the first are failures. */
export type DeliveryOutcome = 'delivered' | 'retried' | 'dead-lettered' | 'dropped';

/** Attempts of one protocol by what came of them. */
export class DeliveryCounters {
  readonly #outcomes: Readonly<Record<DeliveryOutcome, Counter>>;

  constructor(counters: Counters, protocol: SubscriptionProtocol) {
    const of = (outcome: DeliveryOutcome): Counter =>
      counters.counter('polymq_sns_delivery_attempts_total', { protocol, outcome });
    this.#outcomes = {
      delivered: of('delivered'),
      retried: of('retried'),
      'dead-lettered': of('dead-lettered'),
      dropped: of('dropped'),
    };
  }

  count(outcome: DeliveryOutcome): void {
    this.#outcomes[outcome].value += 1;
  }
}
