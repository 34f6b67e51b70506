export const ANOMALIES = {
  lost: 'acknowledged, but not in the log although later offsets are',
  unseen: 'acknowledged at an offset beyond the end of the log',
  duplicated: 'stored more than once although its producer is idempotent',
  reordered: 'stored before a value that its producer sent earlier',
  'inconsistent-offset': 'two different values were seen at one offset',
  vanished: 'given to a reader, but not in the log at the end',
  unexpected: 'in the log although nobody sent it, or although the send certainly failed',
  misplaced: 'in another log than the one it was sent to',
  gap: 'an offset inside the log holds nothing',
  'non-monotonic-read': 'a reading session went back',
  skipped: 'a reading session passed over a value',
  'stale-commit': 'a group position that an acknowledged commit had replaced',
  'unexpected-commit': 'a group position that nobody committed',
  returned: 'settled for good, and yet in its queue again',
  unflagged: 'delivered again without being marked as redelivered',
  torn: 'one part of a transaction took effect, another did not',
  undrained: 'the run ended without reading the log to its end, so nothing can be said',
} as const;

export type AnomalyKind = keyof typeof ANOMALIES;

/** One broken promise and the few operations that prove it. */
export interface Anomaly {
  kind: AnomalyKind;
  log: string;
  /** In one sentence, with values and offsets. */
  message: string;
  evidence: readonly object[];
}
