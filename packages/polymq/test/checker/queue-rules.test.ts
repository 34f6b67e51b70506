import { describe, expect, it } from 'vitest';
import type { AnomalyKind } from './anomaly.ts';
import { check } from './check.ts';
import { type History, replay } from './history.ts';
import { madeUpQueueHistory } from './made-up-queue-history.ts';
import type { QueueDrain } from './queue-history.ts';

function drainOf(history: History, queue: string): QueueDrain {
  return history.queues.drains.find((drain) => drain.queue === queue)!;
}

function remove(drain: QueueDrain, index: number): void {
  drain.values.splice(index, 1);
  drain.redelivered.splice(index, 1);
}

function add(drain: QueueDrain, value: string): void {
  drain.values.push(value);
  drain.redelivered.push(false);
}

/** The broken promise, what breaks it, and how it is done to a history in which nothing went wrong. */
const PLANTED: readonly (readonly [AnomalyKind, string, (history: History) => void])[] = [
  [
    'lost',
    'a message is gone from a queue that nobody consumed',
    (h) => remove(drainOf(h, 'kept'), 4),
  ],
  ['lost', 'a rejected message is nowhere', (h) => remove(drainOf(h, 'q.dead'), 0)],
  [
    'lost',
    'a message was delivered, never settled, and is gone',
    (h) => {
      const at = h.queues.settlements.findIndex((each) => each.reader === 'c#2');
      h.queues.settlements.splice(at, 1);
    },
  ],
  ['returned', 'an acknowledged message is still there', (h) => add(drainOf(h, 'q'), 'v0')],
  ['returned', 'a rejected message is still there', (h) => add(drainOf(h, 'q'), 'v7')],
  ['returned', 'an acknowledged message is a dead letter', (h) => add(drainOf(h, 'q.dead'), 'v0')],
  [
    'returned',
    'an acknowledged message comes again',
    (h) => h.queues.delivered({ queue: 'q', value: 'v0', reader: 'c#2', redelivered: true }),
  ],
  [
    'unflagged',
    'a message comes again without the mark',
    (h) => {
      h.queues.deliveries.find((each) => each.reader === 'c#2')!.redelivered = false;
    },
  ],
  [
    'unflagged',
    'a message that came marked comes again without the mark',
    (h) => {
      const again = h.queues.deliveries.find((each) => each.reader === 'c#2')!;
      const first = h.queues.deliveries.find((each) => each.value === again.value)!;
      first.redelivered = true;
      again.redelivered = false;
    },
  ],
  [
    'unflagged',
    'a dead letter comes twice without the mark',
    (h) => {
      for (const reader of ['d#1', 'd#2']) {
        h.queues.delivered({ queue: 'q.dead', value: 'v7', reader, redelivered: false });
      }
    },
  ],
  ['duplicated', 'a message is there twice', (h) => drainOf(h, 'kept').values.splice(3, 0, 'v3')],
  [
    'duplicated',
    'a message is in its queue and among the dead letters',
    (h) => {
      const reject = h.queues.settlements.find((each) => each.kind === 'reject')!;
      reject.committedAt = Number.POSITIVE_INFINITY;
      add(drainOf(h, 'q'), reject.value);
    },
  ],
  ['unexpected', 'nobody published it', (h) => add(drainOf(h, 'q'), 'never published')],
  [
    'misplaced',
    'it was published to another queue',
    (h) => {
      h.queues.publishes[9]!.queues = ['kept'];
    },
  ],
  [
    'reordered',
    'a consumer gets one channel’s messages out of order',
    (h) => {
      const { deliveries } = h.queues;
      [deliveries[0], deliveries[2]] = [deliveries[2]!, deliveries[0]!];
    },
  ],
  [
    'reordered',
    'a queue that nobody consumed is out of order',
    (h) => {
      const { values } = drainOf(h, 'kept');
      [values[0], values[2]] = [values[2]!, values[0]!];
    },
  ],
  ['undrained', 'a queue was not read at the end', (h) => h.queues.drains.pop()],
];

describe('the rules about queues', () => {
  it('find nothing in a clean history', () => {
    const verdict = check(madeUpQueueHistory(1000));
    expect(verdict.anomalies).toEqual([]);
    expect(verdict.counts).toMatchObject({ acknowledged: 900, unknown: 100, recovered: 100 });
    expect(verdict.counts).toMatchObject({ deliveries: 1100, settledForSure: 800 });
  });

  it.each(PLANTED)('find a planted violation: %s, %s', (kind, _, plant) => {
    const history = madeUpQueueHistory(100);
    plant(history);
    const kinds = new Set(check(history).anomalies.map((anomaly) => anomaly.kind));
    expect(kinds).toContain(kind);
  });

  it('allow that a crash undoes an acknowledgement that was not known to be stored', () => {
    const history = madeUpQueueHistory(100);
    const unknown = history.queues.settlements.find((each) => each.reader === 'c#2')!;
    history.queues.delivered({ ...unknown, reader: 'c#3', redelivered: true });
    expect(check(history).anomalies).toEqual([]);
  });

  it('allow that a marked copy is read before the first one, from another connection', () => {
    const history = madeUpQueueHistory(100);
    history.queues.readers.set('c#2', 0);
    const again = history.queues.deliveries.find((each) => each.reader === 'c#2')!;
    history.queues.deliveries.find((each) => each.value === again.value)!.redelivered = true;
    again.redelivered = false;
    expect(check(history).anomalies).toEqual([]);
  });

  it('allow that a message which need not survive a crash is gone', () => {
    const history = madeUpQueueHistory(100);
    history.queues.publishes[4]!.persistent = false;
    remove(drainOf(history, 'kept'), 4);
    expect(check(history).anomalies).toEqual([]);
  });

  it('allow that an unconfirmed message is gone', () => {
    const history = madeUpQueueHistory(100);
    remove(drainOf(history, 'kept'), 9);
    expect(check(history).anomalies).toEqual([]);
  });

  it('allow that a message is gone that was rejected where nothing takes dead letters', () => {
    const history = madeUpQueueHistory(100);
    const { queues } = history;
    const [value] = drainOf(history, 'q.dead').values;
    queues.delivered({ queue: 'q.dead', value: value!, reader: 'd#1', redelivered: false });
    queues.settle({ queue: 'q.dead', value: value!, reader: 'd#1', kind: 'reject' });
    remove(drainOf(history, 'q.dead'), 0);
    expect(check(history).anomalies).toEqual([]);
  });

  it('allow that a dead letter comes anew after each reject', () => {
    const history = madeUpQueueHistory(100);
    const { queues } = history;
    queues.settle({ queue: 'q', value: 'v7', reader: 'c#1', kind: 'reject' });
    for (const reader of ['d#1', 'd#2']) {
      queues.delivered({ queue: 'q.dead', value: 'v7', reader, redelivered: false });
    }
    expect(check(history).anomalies).toEqual([]);
  });

  it('say the same of a history that was written down and read again', () => {
    const lines: string[] = [];
    const history = madeUpQueueHistory(400, (line) => lines.push(JSON.stringify(line)));
    const again = replay(lines.map((line) => JSON.parse(line) as object));
    expect(check(again)).toEqual(check(history));
    remove(drainOf(again, 'kept'), 0);
    expect(check(again).valid).toBe(false);
  });

  it('judge hundreds of thousands of operations in seconds', { timeout: 60_000 }, () => {
    const history = madeUpQueueHistory(80_000);
    expect(history.size).toBeGreaterThan(250_000);
    expect(check(history).valid).toBe(true);
  });
});
