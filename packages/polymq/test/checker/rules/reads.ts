/** Rules about what readers and acknowledgements said: the same value at the same offset, for ever. */
import type { Anomaly } from '../anomaly.ts';
import { type FinalState, groupBy } from '../final-state.ts';
import type { History } from '../history.ts';

interface Sighting {
  offset: number;
  value: string;
  by: string;
}

/** Two different values at one offset, over all readers, all acknowledgements and the final content. */
export function inconsistentOffsets(history: History, state: FinalState): Anomaly[] {
  const anomalies: Anomaly[] = [];
  for (const [log, sightings] of sightingsByLog(history)) {
    const final = state.valueAt.get(log);
    const seen = new Map<number, Sighting>();
    for (const sighting of sightings) {
      const { offset, value } = sighting;
      const drained = final?.get(offset);
      const before =
        drained === undefined ? seen.get(offset) : { offset, value: drained, by: 'the final log' };
      if (before && before.value !== value) {
        anomalies.push({
          kind: 'inconsistent-offset',
          log,
          message: `offset ${offset} is ${value} for ${sighting.by} but ${before.value} for ${before.by}`,
          evidence: [before, sighting],
        });
      }
      if (!seen.has(offset)) seen.set(offset, sighting);
    }
  }
  return anomalies;
}

function sightingsByLog(history: History): Map<string, Sighting[]> {
  const byLog = new Map<string, Sighting[]>();
  const add = (log: string, sighting: Sighting) => {
    const list = byLog.get(log);
    if (list) list.push(sighting);
    else byLog.set(log, [sighting]);
  };
  for (const { log, offset, value, reader } of history.reads) {
    add(log, { offset, value, by: reader });
  }
  for (const { log, offset, value, producer, outcome } of history.sends) {
    if (outcome !== 'ok' || offset === undefined) continue;
    add(log, { offset, value, by: `the acknowledgement to ${producer}` });
  }
  return byLog;
}

/** What a reader was given stays in the log. */
export function vanished(history: History, state: FinalState): Anomaly[] {
  const anomalies: Anomaly[] = [];
  for (const read of history.reads) {
    const drain = state.drainOf.get(read.log);
    if (!drain || read.offset < drain.startOffset) continue;
    if (state.valueAt.get(read.log)?.has(read.offset)) continue;
    anomalies.push({
      kind: 'vanished',
      log: read.log,
      message: `${read.reader} was given ${read.value} at ${read.offset}, which the log [${drain.startOffset}, ${drain.endOffset}) does not hold`,
      evidence: [read],
    });
  }
  return anomalies;
}

/** Within one session offsets go up by one: no step back, nothing left out that the log holds. */
export function brokenSessions(history: History, state: FinalState): Anomaly[] {
  const anomalies: Anomaly[] = [];
  for (const reads of groupBy(history.reads, (read) => `${read.reader}\n${read.log}`).values()) {
    for (let i = 1; i < reads.length; i += 1) {
      const [before, read] = [reads[i - 1]!, reads[i]!];
      const step = read.offset - before.offset;
      if (step === 1) continue;
      const passed = step > 1 && firstHeld(state, read.log, before.offset + 1, read.offset);
      if (step > 1 && passed === undefined) continue;
      anomalies.push({
        kind: step > 1 ? 'skipped' : 'non-monotonic-read',
        log: read.log,
        message: `${read.reader} was given ${before.offset}, then ${read.offset}${step > 1 ? `, passing over ${passed}` : ''}`,
        evidence: [before, read],
      });
    }
  }
  return anomalies;
}

function firstHeld(state: FinalState, log: string, from: number, to: number): number | undefined {
  const held = state.valueAt.get(log);
  for (let offset = from; offset < to; offset += 1) if (held?.has(offset)) return offset;
  return undefined;
}
