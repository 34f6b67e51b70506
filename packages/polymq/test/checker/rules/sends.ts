/** Rules about what was sent: nothing acknowledged is missing, nothing is stored twice or out of order. */
import type { Anomaly } from '../anomaly.ts';
import { type FinalState, groupBy, type Place } from '../final-state.ts';
import type { History, Send } from '../history.ts';

/** Acknowledged values must be in their log. */
export function missingValues(history: History, state: FinalState): Anomaly[] {
  const anomalies: Anomaly[] = [];
  for (const send of history.sends) {
    const drain = state.drainOf.get(send.log);
    if (send.outcome !== 'ok' || !drain) continue;
    if (state.placesOf.get(send.value)?.some((place) => place.log === send.log)) continue;
    const beyond = send.offset !== undefined && send.offset >= drain.endOffset;
    anomalies.push({
      kind: beyond ? 'unseen' : 'lost',
      log: send.log,
      message: `value ${send.value} of ${send.producer} was acknowledged${at(send)}, the log ends at ${drain.endOffset}`,
      evidence: [send],
    });
  }
  return anomalies;
}

/** A value may be in a log more than once only if its producer promised nothing. */
export function duplicates(
  history: History,
  state: FinalState,
): { anomalies: Anomaly[]; legal: number } {
  const anomalies: Anomaly[] = [];
  let legal = 0;
  for (const send of history.sends) {
    const places = state.placesOf.get(send.value);
    if (!places || places.length < 2) continue;
    if (!send.idempotent) {
      legal += places.length - 1;
      continue;
    }
    anomalies.push({
      kind: 'duplicated',
      log: send.log,
      message: `value ${send.value} of idempotent ${send.producer} is at ${places.map(where).join(' and ')}`,
      evidence: [send, ...places],
    });
  }
  return { anomalies, legal };
}

/**
 * First occurrences of one producer's values in one log stand in the order of sending. Values whose send
 * ended unknown count only for idempotent producers: a plain producer's late retry may land anywhere.
 */
export function reordered(history: History, state: FinalState): Anomaly[] {
  const anomalies: Anomaly[] = [];
  const streams = groupBy(history.sends, (send) => `${send.producer}\n${send.log}`);
  for (const sends of streams.values()) {
    let last: { send: Send; offset: number } | undefined;
    for (const send of sends) {
      if (send.outcome !== 'ok' && !send.idempotent) continue;
      const first = firstIn(state.placesOf.get(send.value), send.log);
      if (first === undefined) continue;
      if (last && first < last.offset) {
        anomalies.push({
          kind: 'reordered',
          log: send.log,
          message: `value ${send.value} of ${send.producer} is at ${first}, but ${last.send.value}, sent earlier, at ${last.offset}`,
          evidence: [last.send, send],
        });
      } else {
        last = { send, offset: first };
      }
    }
  }
  return anomalies;
}

function firstIn(places: readonly Place[] | undefined, log: string): number | undefined {
  let first: number | undefined;
  for (const place of places ?? []) {
    if (place.log === log && (first === undefined || place.offset < first)) first = place.offset;
  }
  return first;
}

function at(send: Send): string {
  return send.offset === undefined ? '' : ` at ${send.offset}`;
}

function where(place: Place): string {
  return `${place.log} ${place.offset}`;
}
