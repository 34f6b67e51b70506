/**
 * The rule of transactions: either all messages of a unit are stored or none is, also if nobody was told which, and none if it
 * was never committed. A message was stored if anybody ever saw it, in any of its queues. Whether it was stored in all of
 * them, and whether what was confirmed is lost, is a matter of the rules of queues.
 */
import type { Anomaly } from '../anomaly.ts';
import { groupBy } from '../final-state.ts';
import type { QueueHistory } from '../queue-history.ts';

export function tornUnits(history: QueueHistory): Anomaly[] {
  const members = history.publishes.filter(({ unit }) => unit !== undefined);
  if (members.length === 0) return [];
  const seen = new Set(history.deliveries.map(({ value }) => value));
  for (const { values } of history.drains) for (const value of values) seen.add(value);
  return [...groupBy(members, ({ unit }) => unit!)].flatMap(([unit, publishes]) => {
    const stored = publishes.filter(({ value }) => seen.has(value));
    if (stored.length > 0 && stored[0]!.outcome === 'fail') {
      return {
        kind: 'unexpected' as const,
        log: stored[0]!.queues.join(', '),
        message: `transaction ${unit} was never committed, but value ${stored[0]!.value} was stored`,
        evidence: publishes,
      };
    }
    if (stored.length === 0 || stored.length === publishes.length) return [];
    const missing = publishes.find(({ value }) => !seen.has(value))!;
    return {
      kind: 'torn' as const,
      log: missing.queues.join(', '),
      message: `of transaction ${unit}, value ${stored[0]!.value} was stored, but ${missing.value} was not`,
      evidence: publishes,
    };
  });
}
