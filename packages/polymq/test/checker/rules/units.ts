/**
 * The rule of transactions: either all messages of a unit are stored or none is, also if nobody was told which, and none if it
 * was never committed. Whether each was stored in all its queues, and whether what was confirmed is lost, is a matter of
 * the rules of queues.
 *
 *   publish … ✗ given up (a crash)        restart ─► reader ─► delivery: stored
 *       └─► delivery: proves nothing, since messages are given to readers before they are stored
 */
import type { Anomaly } from '../anomaly.ts';
import { groupBy } from '../final-state.ts';
import type { Delivery, Publish, QueueHistory } from '../queue-history.ts';

export function tornUnits(history: QueueHistory): Anomaly[] {
  const members = history.publishes.filter(({ unit }) => unit !== undefined);
  if (members.length === 0) return [];
  const sightings = new Sightings(history);
  return [...groupBy(members, ({ unit }) => unit!)].flatMap(([unit, publishes]) => {
    const [first] = publishes;
    const seen = publishes.find((publish) => sightings.any(publish));
    if (seen === undefined) return [];
    if (first!.outcome === 'fail') {
      const message = `transaction ${unit} was never committed, but value ${seen.value} was stored`;
      return { kind: 'unexpected', log: seen.queues.join(', '), message, evidence: publishes };
    }
    const stored = publishes.find((publish) => sightings.stored(publish));
    const missing = publishes.find((publish) => !sightings.any(publish));
    if (stored === undefined || missing === undefined) return [];
    const message = `of transaction ${unit}, value ${stored.value} was stored, but ${missing.value} was not`;
    return { kind: 'torn', log: missing.queues.join(', '), message, evidence: publishes };
  });
}

class Sightings {
  readonly #history: QueueHistory;
  readonly #deliveries: ReadonlyMap<string, readonly Delivery[]>;
  readonly #drained: ReadonlySet<string>;

  constructor(history: QueueHistory) {
    this.#history = history;
    this.#deliveries = groupBy(history.deliveries, ({ value }) => value);
    this.#drained = new Set(history.drains.flatMap(({ values }) => values));
  }

  any({ value }: Publish): boolean {
    return this.#drained.has(value) || this.#deliveries.has(value);
  }

  /** Confirmed, or seen by somebody who came after the crash that made it unknown. */
  stored({ value, outcome, givenUpAt = Number.POSITIVE_INFINITY }: Publish): boolean {
    if (outcome === 'ok' || this.#drained.has(value)) return true;
    const { readers } = this.#history;
    const deliveries = this.#deliveries.get(value) ?? [];
    return deliveries.some(({ reader }) => (readers.get(reader) ?? 0) > givenUpAt);
  }
}
