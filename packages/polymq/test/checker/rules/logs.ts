/** Rules about what a log holds at the end: only what was sent, where it was sent, without holes. */
import type { Anomaly } from '../anomaly.ts';
import type { FinalState } from '../final-state.ts';
import type { Drain, History } from '../history.ts';

/** Every drained value was sent to this log, by a send that did not certainly fail. */
export function unexpectedValues(history: History, state: FinalState): Anomaly[] {
  const anomalies: Anomaly[] = [];
  for (const drain of history.drains) {
    drain.values.forEach((value, i) => {
      const offset = drain.offsets[i]!;
      const send = state.sendOf.get(value);
      if (send && send.outcome !== 'fail' && send.log === drain.log) return;
      const misplaced = send !== undefined && send.log !== drain.log;
      anomalies.push({
        kind: misplaced ? 'misplaced' : 'unexpected',
        log: drain.log,
        message: misplaced
          ? `value ${value} at ${offset} was sent to ${send.log}`
          : `value ${value} at ${offset} ${send ? 'was refused by the broker' : 'was never sent'}`,
        evidence: [{ log: drain.log, offset, value }, ...(send ? [send] : [])],
      });
    });
  }
  return anomalies;
}

/** Every offset from start to end holds exactly one value. */
export function gaps(history: History): Anomaly[] {
  return history.drains.flatMap(gapsOf);
}

function gapsOf(drain: Drain): Anomaly[] {
  const anomalies: Anomaly[] = [];
  let due = drain.startOffset;
  const missing = (upTo: number) => {
    anomalies.push({
      kind: 'gap',
      log: drain.log,
      message: `offsets ${due} to ${upTo - 1} hold nothing`,
      evidence: [{ log: drain.log, from: due, to: upTo - 1 }],
    });
  };
  for (const offset of drain.offsets) {
    if (offset > due) missing(offset);
    due = Math.max(due, offset + 1);
  }
  if (due < drain.endOffset) missing(drain.endOffset);
  return anomalies;
}

/** A log that was written to but never drained would make every rule pass. */
export function undrained(history: History, state: FinalState): Anomaly[] {
  const written = new Set(history.sends.map((send) => send.log));
  return [...written]
    .filter((log) => !state.drainOf.has(log))
    .map((log) => ({
      kind: 'undrained',
      log,
      message: 'values were sent to it, but it was not read at the end',
      evidence: [],
    }));
}
