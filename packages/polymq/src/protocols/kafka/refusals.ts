import type { BrokerError } from '../../core/errors.ts';
import type { Counters } from '../../lib/counters.ts';
import type { Clock } from '../../lib/environment/clock.ts';
import type { LogFields, Logger } from '../../lib/logger.ts';
import { RateLimit } from '../../lib/rate-limit.ts';

/** A client in a loop must not fill the disk with log lines; the counter still sees each of them. */
const LINES_PER_SECOND = 20;

/** Batches that were not accepted: each one is counted, and logged as far as that is bearable. */
export class Refusals {
  readonly #counters: Counters;
  readonly #logger: Logger;
  readonly #limit: RateLimit;

  constructor(counters: Counters, logger: Logger, clock: Clock) {
    this.#counters = counters;
    this.#logger = logger;
    this.#limit = new RateLimit(LINES_PER_SECOND, clock);
  }

  note(error: BrokerError, fields: LogFields): void {
    this.#counters.counter('polymq_kafka_refused_batches_total', { reason: error.code }).value += 1;
    if (!this.#limit.allow()) return;
    const notLogged = this.#limit.takeSuppressed();
    const more = notLogged > 0 ? { notLogged } : {};
    this.#logger.warn(
      { ...fields, ...more, code: error.code, reason: error.message },
      'refused a batch',
    );
  }
}
