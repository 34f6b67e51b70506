import { describe, expect, it } from 'vitest';
import type { AnomalyKind } from './anomaly.ts';
import { check } from './check.ts';
import { type History, replay } from './history.ts';
import { madeUpSessionHistory } from './made-up-session-history.ts';

/** The broken promise, what breaks it, and how it is done to a history in which nothing went wrong. */
const PLANTED: readonly (readonly [AnomalyKind, string, (history: History) => void])[] = [
  [
    'duplicated',
    'a message comes again to a session that takes it once',
    ({ queues }) => {
      queues.delivered({ queue: 'once', value: 'v1', reader: 'once#2', redelivered: true });
    },
  ],
  [
    'duplicated',
    'a message that was taken once is still there at the end',
    ({ queues }) => {
      queues.drains[0]!.values.unshift('v1');
      queues.drains[0]!.redelivered.unshift(true);
    },
  ],
  [
    'reordered',
    'a session is sent new messages before those that it missed',
    ({ queues }) => {
      const at = (value: string) =>
        queues.deliveries.findIndex((each) => each.value === value && each.queue === 'often');
      const early = queues.deliveries[at('v3')]!;
      // Over another connection, so that the rules of queues see nothing in it.
      queues.deliveries.splice(at('v3'), 1);
      queues.deliveries.splice(at('v61') + 1, 0, { ...early, redelivered: true });
    },
  ],
  [
    'reordered',
    'what is left at the end is older than what has come',
    ({ queues }) => {
      const at = queues.deliveries.findIndex(({ value }) => value === 'v3');
      queues.deliveries.splice(at, 1);
      queues.drains[0]!.values.unshift('v3');
      queues.drains[0]!.redelivered.unshift(false);
    },
  ],
  [
    'lost',
    'a message never came to one of the sessions',
    ({ queues }) => {
      for (const list of [queues.deliveries, queues.settlements]) {
        list.splice(
          list.findIndex(({ value }) => value === 'v3'),
          1,
        );
      }
    },
  ],
  [
    'unexpected',
    'a transaction that was aborted was stored',
    ({ queues }) => {
      for (const each of queues.publishes) if (each.unit === 'u2') each.outcome = 'fail';
    },
  ],
  [
    'torn',
    'one message of a transaction was never seen',
    ({ queues }) => {
      queues.publishes[7]!.outcome = 'info';
      for (const list of [queues.deliveries, queues.settlements]) {
        for (;;) {
          const at = list.findIndex(({ value }) => value === 'v7');
          if (at < 0) break;
          list.splice(at, 1);
        }
      }
    },
  ],
];

function kindsOf(history: History): Set<AnomalyKind> {
  return new Set(check(history).anomalies.map(({ kind }) => kind));
}

describe('the rules about sessions and transactions', () => {
  it('find nothing in a clean history', () => {
    expect(check(madeUpSessionHistory(1000)).anomalies).toEqual([]);
  });

  it.each(PLANTED)('find a planted violation: %s, %s', (kind, _, plant) => {
    const history = madeUpSessionHistory(100);
    plant(history);
    expect(kindsOf(history)).toContain(kind);
  });

  it('allow that a message comes again whose publisher promised nothing', () => {
    const history = madeUpSessionHistory(100);
    const again = { queue: 'once', value: 'v10', reader: 'once#2', redelivered: true };
    history.queues.delivered(again);
    expect(check(history).anomalies).toEqual([]);
  });

  it('allow that one message of a transaction was delivered before a crash undid all of it', () => {
    const history = madeUpSessionHistory(100);
    const { queues } = history;
    const what = { producer: 'p9', queues: ['often'], persistent: true, unit: 'u' };
    const given = queues.publish({ ...what, value: 'given' });
    const other = queues.publish({ ...what, value: 'other' });
    const delivery = { queue: 'often', value: 'given', redelivered: false };
    queues.delivered({ ...delivery, reader: 'often#2' });
    for (const each of [given, other]) queues.published(each, 'info');
    expect(check(history).anomalies).toEqual([]);
    queues.opening('often#3');
    queues.delivered({ ...delivery, reader: 'often#3', redelivered: true });
    expect(kindsOf(history)).toEqual(new Set(['torn']));
  });

  it('allow that nothing of a transaction was stored of which nobody knows', () => {
    const history = madeUpSessionHistory(100);
    const { queues } = history;
    for (const publish of queues.publishes.filter(({ unit }) => unit === 'u1')) {
      publish.outcome = 'info';
      queues.deliveries.splice(
        0,
        queues.deliveries.length,
        ...queues.deliveries.filter(({ value }) => value !== publish.value),
      );
    }
    expect(check(history).anomalies).toEqual([]);
  });

  it('say the same of a history that was written down and read again', () => {
    const lines: string[] = [];
    const history = madeUpSessionHistory(400, (line) => lines.push(JSON.stringify(line)));
    const read = () => replay(lines.map((line) => JSON.parse(line) as object));
    expect(check(read())).toEqual(check(history));
    for (const [kind, , plant] of PLANTED) {
      const again = read();
      plant(again);
      expect(kindsOf(again)).toContain(kind);
    }
  });
});
