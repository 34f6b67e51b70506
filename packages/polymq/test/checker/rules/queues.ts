/**
 * Rules about queues: what was confirmed is there or was settled, what was settled for good does not come
 * back, what comes again says so, and one channel's messages keep their order.
 *
 * All look at one message in one queue at a time, its *course*:
 *
 *   published to q ─► delivered from q ─► ack: gone
 *                        ▲         ├────► requeue, or the consumer's end: delivered again, and marked as such
 *                        └─────────┘
 *                                  └────► reject: moves to the dead-letter queue of q, where it may be settled too
 */
import type { Anomaly, AnomalyKind } from '../anomaly.ts';
import { groupBy } from '../final-state.ts';
import type { Delivery, Publish, QueueHistory, Settlement } from '../queue-history.ts';

interface Course {
  queue: string;
  value: string;
  publish: Publish | undefined;
  deliveries: Delivery[];
  settlements: Settlement[];
  /** Positions in what was drained. */
  drainedAt: number[];
}

export function queueAnomalies(history: QueueHistory): Anomaly[] {
  const courses = new Courses(history);
  const anomalies = undrainedQueues(history);
  for (const course of courses.all()) {
    anomalies.push(
      ...lost(course, courses),
      ...returned(course, courses),
      ...unflagged(course, courses),
      ...multiplied(course, courses),
      ...strangers(course, courses),
    );
  }
  anomalies.push(...reorderedDeliveries(history), ...reorderedDrains(history));
  return anomalies;
}

class Courses {
  readonly history: QueueHistory;
  readonly publishOf = new Map<string, Publish>();
  /** The queues whose rejected messages come to this one. */
  readonly sourcesOf = new Map<string, string[]>();
  readonly drained: ReadonlySet<string>;
  readonly #byPlace = new Map<string, Course>();

  constructor(history: QueueHistory) {
    this.history = history;
    this.drained = new Set(history.drains.map((drain) => drain.queue));
    for (const [queue, deadLetter] of history.deadLetters) {
      if (deadLetter === undefined) continue;
      const sources = this.sourcesOf.get(deadLetter);
      if (sources) sources.push(queue);
      else this.sourcesOf.set(deadLetter, [queue]);
    }
    for (const publish of history.publishes) {
      this.publishOf.set(publish.value, publish);
      for (const queue of publish.queues) this.at(queue, publish.value).publish = publish;
    }
    for (const each of history.deliveries) this.at(each.queue, each.value).deliveries.push(each);
    for (const each of history.settlements) this.at(each.queue, each.value).settlements.push(each);
    for (const { queue, values } of history.drains) {
      for (const [i, value] of values.entries()) this.at(queue, value).drainedAt.push(i);
    }
  }

  all(): Iterable<Course> {
    return this.#byPlace.values();
  }

  find(queue: string | undefined, value: string): Course | undefined {
    return queue === undefined ? undefined : this.#byPlace.get(`${queue}\n${value}`);
  }

  at(queue: string, value: string): Course {
    const key = `${queue}\n${value}`;
    let course = this.#byPlace.get(key);
    if (!course) {
      course = {
        queue,
        value,
        publish: undefined,
        deliveries: [],
        settlements: [],
        drainedAt: [],
      };
      this.#byPlace.set(key, course);
    }
    return course;
  }

  /** Where the message goes when it is rejected, if it ever was. */
  afterReject(course: Course): Course | undefined {
    return this.find(this.history.deadLetters.get(course.queue), course.value);
  }

  /** Settlements of the message in the queues that it may have come from. */
  rejectsInto(course: Course): number {
    let rejects = 0;
    for (const source of this.sourcesOf.get(course.queue) ?? []) {
      const before = this.find(source, course.value);
      rejects += before?.settlements.filter((each) => each.kind === 'reject').length ?? 0;
    }
    return rejects;
  }
}

/** Acknowledged, or rejected where that means thrown away. */
function isTaken(course: Course | undefined, courses: Courses): boolean {
  if (!course) return false;
  const rejectTakes = courses.history.deadLetters.get(course.queue) === undefined;
  return course.settlements.some(
    ({ kind }) => kind === 'ack' || (kind === 'reject' && rejectTakes),
  );
}

function isDrained(course: Course | undefined): boolean {
  return course !== undefined && course.drainedAt.length > 0;
}

/** Confirmed and persistent: still there, or acknowledged, here or where it was rejected to. */
function lost(course: Course, courses: Courses): Anomaly[] {
  const { publish, queue, value } = course;
  if (publish?.outcome !== 'ok' || !publish.persistent || !courses.drained.has(queue)) return [];
  const dead = courses.afterReject(course);
  if ([course, dead].some((each) => isTaken(each, courses) || isDrained(each))) return [];
  const was = course.deliveries.length === 0 ? 'never delivered' : 'delivered, never acknowledged';
  return [
    anomaly(
      'lost',
      course,
      `value ${value} of ${publish.producer} was confirmed, ${was}, and is gone`,
    ),
  ];
}

/** Settled and known to be stored: it must not be seen in this queue again. */
function returned(course: Course, courses: Courses): Anomaly[] {
  const anomalies: Anomaly[] = [];
  for (const settlement of course.settlements) {
    const { kind, committedAt, reader } = settlement;
    if (kind === 'requeue' || committedAt === Number.POSITIVE_INFINITY) continue;
    if (isSuperseded(settlement, course)) continue;
    const again = course.deliveries.find((each) => (each.askedAt ?? each.at) > committedAt);
    const did = kind === 'ack' ? 'acknowledged' : 'rejected';
    const told = `value ${course.value} was ${did} by ${reader} for good`;
    if (again)
      anomalies.push(anomaly('returned', course, `${told} and delivered to ${again.reader}`));
    if (isDrained(course))
      anomalies.push(anomaly('returned', course, `${told} and is still there`));
    const dead = courses.afterReject(course);
    if (kind === 'ack' && isDrained(dead)) {
      anomalies.push(anomaly('returned', course, `${told} and is in ${dead!.queue}`));
    }
  }
  return anomalies;
}

/**
 * Where messages are asked for, another reader may have got the message before this settlement arrived: then the
 * settlement is of a delivery that is no longer the last, and settles nothing for sure.
 */
function isSuperseded({ reader, at, committedAt }: Settlement, { deliveries }: Course): boolean {
  const own = deliveries.findLast((each) => each.reader === reader && each.at < at);
  if (own?.askedAt === undefined) return false;
  return deliveries.some((each) => each.at > own.at && (each.askedAt ?? each.at) < committedAt);
}

/**
 * A message comes without the mark only once, as the first; in a dead-letter queue once per reject. Two
 * connections are read in any order, so "first" is sure only within one reader, and for readers that
 * connected after the other delivery was seen.
 */
function unflagged(course: Course, courses: Courses): Anomaly[] {
  const { deliveries, queue, value } = course;
  const fresh = deliveries.filter((each) => !each.redelivered);
  if (fresh.length === 0 || deliveries.length < 2) return [];
  const allowed = courses.sourcesOf.has(queue) ? courses.rejectsInto(course) : 1;
  const isLater = (each: Delivery) => {
    const openedAt = courses.history.readers.get(each.reader) ?? 0;
    return deliveries.some(
      (other) => other.at < each.at && (other.reader === each.reader || other.at < openedAt),
    );
  };
  const wrong = fresh.slice(allowed);
  if (allowed === 1 && wrong.length === 0 && isLater(fresh[0]!)) wrong.push(fresh[0]!);
  return wrong.map((each) => {
    const others = deliveries.filter((other) => other !== each).map((other) => other.reader);
    const message = `value ${value} came to ${others.join(', ')} and to ${each.reader}, there not marked as redelivered`;
    return anomaly('unflagged', course, message);
  });
}

/** At the end a message is in a queue at most once, and not also where it was rejected to. */
function multiplied(course: Course, courses: Courses): Anomaly[] {
  const dead = courses.afterReject(course);
  const copies = course.drainedAt.length + (dead && isDrained(course) ? dead.drainedAt.length : 0);
  if (copies < 2) return [];
  const where = dead && isDrained(dead) ? ` and ${dead.queue}` : '';
  return [anomaly('duplicated', course, `value ${course.value} is there ${copies} times${where}`)];
}

/** Nobody published it, or not to here. */
function strangers(course: Course, courses: Courses): Anomaly[] {
  if (course.publish) return [];
  if (course.deliveries.length === 0 && course.drainedAt.length === 0) return [];
  if (courses.rejectsInto(course) > 0) return [];
  const publish = courses.publishOf.get(course.value);
  const message = publish
    ? `value ${course.value} was published to ${publish.queues.join(', ')}`
    : `nobody published value ${course.value}`;
  return [anomaly(publish ? 'misplaced' : 'unexpected', course, message)];
}

/** What one consumer gets for the first time from one channel comes in the order of publishing. */
function reorderedDeliveries(history: QueueHistory): Anomaly[] {
  const place = new Map(history.publishes.map((publish, i) => [publish.value, i]));
  const producerOf = new Map(history.publishes.map(({ value, producer }) => [value, producer]));
  const dead = new Set(history.deadLetters.values());
  const streams = groupBy(
    history.deliveries.filter((each) => !each.redelivered && !dead.has(each.queue)),
    (each) => `${each.reader}\n${each.queue}\n${producerOf.get(each.value)}`,
  );
  return [...streams.values()].flatMap((deliveries) =>
    backwards(deliveries, (each) => place.get(each.value) ?? -1).map(([before, after]) => ({
      kind: 'reordered' as const,
      log: after.queue,
      message: `value ${after.value} came to ${after.reader} after ${before.value}, which was published later`,
      evidence: [before, after],
    })),
  );
}

/** A queue that nobody consumed is in the order of publishing, however often the broker was restarted. */
function reorderedDrains(history: QueueHistory): Anomaly[] {
  const consumed = new Set(history.deliveries.map((each) => each.queue));
  const dead = new Set(history.deadLetters.values());
  const place = new Map(history.publishes.map((publish, i) => [publish.value, i]));
  const producerOf = new Map(history.publishes.map(({ value, producer }) => [value, producer]));
  return history.drains
    .filter((drain) => !consumed.has(drain.queue) && !dead.has(drain.queue))
    .flatMap((drain) => {
      const streams = groupBy(drain.values, (value) => producerOf.get(value) ?? '');
      return [...streams.values()].flatMap((values) =>
        backwards(values, (value) => place.get(value) ?? -1).map(([before, after]) => ({
          kind: 'reordered' as const,
          log: drain.queue,
          message: `value ${after} stands behind ${before}, which was published later`,
          evidence: [drain.values.indexOf(before), drain.values.indexOf(after)].map((at) => ({
            at,
          })),
        })),
      );
    });
}

/** Neighbours that stand the wrong way round. */
function backwards<T>(items: readonly T[], placeOf: (item: T) => number): [before: T, after: T][] {
  const pairs: [T, T][] = [];
  let last: T | undefined;
  for (const item of items) {
    if (last !== undefined && placeOf(item) < placeOf(last)) pairs.push([last, item]);
    last = item;
  }
  return pairs;
}

function undrainedQueues(history: QueueHistory): Anomaly[] {
  const drained = new Set(history.drains.map((drain) => drain.queue));
  return [...history.deadLetters.keys()]
    .filter((queue) => !drained.has(queue))
    .map((queue) => ({
      kind: 'undrained' as const,
      log: queue,
      message: `what ${queue} held at the end was never read`,
      evidence: [],
    }));
}

function anomaly(kind: AnomalyKind, course: Course, message: string): Anomaly {
  const { publish, deliveries, settlements, drainedAt } = course;
  const evidence = [...(publish ? [publish] : []), ...deliveries, ...settlements, { drainedAt }];
  return { kind, log: course.queue, message, evidence };
}
