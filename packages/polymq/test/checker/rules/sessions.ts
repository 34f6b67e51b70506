/**
 * Rules about sessions that live on over connections (MQTT's with QoS 1 and 2). What a session was sent and has not
 * acknowledged comes again first and in its order when it is back, so:
 *
 *   - the first deliveries of one publisher's messages are in the order of publishing over all its connections, not only
 *     within one as in queues (`queues.ts`), up to what was left in it at the end;
 *   - where both sides remember what was sent (QoS 2), a message is taken once.
 */
import type { Anomaly } from '../anomaly.ts';
import { groupBy } from '../final-state.ts';
import type { Delivery, Publish, QueueHistory, Session } from '../queue-history.ts';

/** One message that came to a session, while it worked or at the end. */
interface Arrival {
  value: string;
  /** Missing: it was left at the end. */
  delivery?: Delivery;
}

export function sessionAnomalies(history: QueueHistory): Anomaly[] {
  if (history.sessions.length === 0) return [];
  const publishOf = new Map(history.publishes.map((publish) => [publish.value, publish]));
  const places = new Map(history.publishes.map(({ value }, i) => [value, i]));
  const deliveries = groupBy(history.deliveries, ({ queue }) => queue);
  return history.sessions.flatMap((session) => {
    const arrivals: Arrival[] = [
      ...(deliveries.get(session.queue) ?? []).map((delivery) => ({
        value: delivery.value,
        delivery,
      })),
      ...history.drains
        .filter(({ queue }) => queue === session.queue)
        .flatMap(({ values }) => values.map((value) => ({ value }))),
    ];
    return [
      ...takenTwice(session, arrivals, publishOf),
      ...overtaking(session, arrivals, publishOf, places),
    ];
  });
}

function takenTwice(
  { queue, once }: Session,
  arrivals: readonly Arrival[],
  publishOf: ReadonlyMap<string, Publish>,
): Anomaly[] {
  if (!once) return [];
  const exact = arrivals.filter(({ value }) => publishOf.get(value)?.once === true);
  return [...groupBy(exact, ({ value }) => value)].flatMap(([value, each]) => {
    if (each.length < 2) return [];
    const readers = each.map(({ delivery }) => delivery?.reader ?? 'the last reader');
    return {
      kind: 'duplicated' as const,
      log: queue,
      message: `value ${value} was to be taken once and came to ${readers.join(' and to ')}`,
      evidence: [publishOf.get(value)!, ...each],
    };
  });
}

function overtaking(
  { queue }: Session,
  arrivals: readonly Arrival[],
  publishOf: ReadonlyMap<string, Publish>,
  places: ReadonlyMap<string, number>,
): Anomaly[] {
  const anomalies: Anomaly[] = [];
  const seen = new Set<string>();
  /** By producer: the latest of its values that has come. */
  const latest = new Map<string, Arrival>();
  for (const arrival of arrivals) {
    const { value } = arrival;
    const producer = publishOf.get(value)?.producer;
    if (producer === undefined || seen.has(value)) continue;
    seen.add(value);
    const last = latest.get(producer);
    if (last !== undefined && places.get(value)! < places.get(last.value)!) {
      anomalies.push({
        kind: 'reordered',
        log: queue,
        message: `value ${value} of ${producer} came for the first time after ${last.value}, which was published later`,
        evidence: [last, arrival],
      });
    } else latest.set(producer, arrival);
  }
  return anomalies;
}
