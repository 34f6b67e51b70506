/**
 * The history checker: reads what clients did and saw, and names every promise that was broken.
 *
 * Each rule is a function of its own over the history and a few indexes; all are linear or O(n log n), so a
 * million operations take seconds. A rule says nothing about outcomes that nobody knows (`info`): such
 * a value may be in the log or not, and both is counted.
 */
import type { Anomaly } from './anomaly.ts';
import { type FinalState, finalState } from './final-state.ts';
import type { History } from './history.ts';
import { stalePositions } from './rules/commits.ts';
import { overtaken } from './rules/groups.ts';
import { gaps, undrained, unexpectedValues } from './rules/logs.ts';
import { queueAnomalies } from './rules/queues.ts';
import { brokenSessions, inconsistentOffsets, vanished } from './rules/reads.ts';
import { duplicates, missingValues, reordered } from './rules/sends.ts';
import { sessionAnomalies } from './rules/sessions.ts';
import { tornUnits } from './rules/units.ts';

export interface Verdict {
  valid: boolean;
  anomalies: Anomaly[];
  counts: {
    operations: number;
    acknowledged: number;
    refused: number;
    unknown: number;
    /** Unknown outcomes that turned out to be stored: legal. */
    recovered: number;
    stored: number;
    /** Values stored again by a producer that may: legal. */
    repeated: number;
    reads: number;
    commitsAcknowledged: number;
    observations: number;
    deliveries: number;
    /** Messages acknowledged, requeued or rejected, and of those what was known to be stored. */
    settled: number;
    settledForSure: number;
  };
}

export function check(history: History): Verdict {
  const state = finalState(history);
  const repeated = duplicates(history, state);
  const anomalies = [
    ...undrained(history, state),
    ...missingValues(history, state),
    ...repeated.anomalies,
    ...reordered(history, state),
    ...unexpectedValues(history, state),
    ...gaps(history),
    ...inconsistentOffsets(history, state),
    ...vanished(history, state),
    ...brokenSessions(history, state),
    ...stalePositions(history),
    ...queueAnomalies(history.queues),
    ...overtaken(history.queues),
    ...sessionAnomalies(history.queues),
    ...tornUnits(history.queues),
  ];
  const counts = countOf(history, state, repeated.legal);
  return { valid: anomalies.length === 0, anomalies, counts };
}

function countOf(history: History, state: FinalState, repeated: number): Verdict['counts'] {
  const { queues } = history;
  const counts = {
    operations: history.size,
    acknowledged: 0,
    refused: 0,
    unknown: 0,
    recovered: 0,
    stored: [...history.drains, ...queues.drains].reduce(
      (sum, drain) => sum + drain.values.length,
      0,
    ),
    repeated,
    reads: history.reads.length,
    commitsAcknowledged: history.commits.filter((commit) => commit.outcome === 'ok').length,
    observations: history.observations.length,
    deliveries: queues.deliveries.length,
    settled: queues.settlements.length,
    settledForSure: queues.settlements.filter((each) => each.committedAt < Number.POSITIVE_INFINITY)
      .length,
  };
  const seen = new Set(queues.deliveries.map((delivery) => delivery.value));
  for (const drain of queues.drains) for (const value of drain.values) seen.add(value);
  for (const send of [...history.sends, ...queues.publishes]) {
    if (send.outcome === 'ok') counts.acknowledged += 1;
    else if (send.outcome === 'fail') counts.refused += 1;
    else {
      counts.unknown += 1;
      if (state.placesOf.has(send.value) || seen.has(send.value)) counts.recovered += 1;
    }
  }
  return counts;
}
