import { describe, expect, it } from 'vitest';
import { ANOMALIES, type AnomalyKind } from './anomaly.ts';
import { check } from './check.ts';
import { type Drain, type History, replay } from './history.ts';
import { madeUpHistory } from './made-up-history.ts';
import { madeUpQueueHistory } from './made-up-queue-history.ts';
import { madeUpSessionHistory } from './made-up-session-history.ts';

/** Takes a value out of a drained log and moves the rest up, as if it had never been stored. */
function removeAt(drain: Drain, index: number): void {
  drain.values.splice(index, 1);
  drain.offsets.pop();
  drain.endOffset -= 1;
}

function swap(drain: Drain, a: number, b: number): void {
  const value = drain.values[a]!;
  drain.values[a] = drain.values[b]!;
  drain.values[b] = value;
}

/** Forgets what readers and acknowledgements said about offsets: only order and presence are left. */
function withoutSightings(history: History): History {
  history.reads.length = 0;
  for (const send of history.sends) send.offset = undefined;
  return history;
}

/** One violation of every kind, planted in a history that is otherwise clean. */
const PLANTED: Record<AnomalyKind, () => History> = {
  lost: () => {
    const history = withoutSightings(madeUpHistory(400));
    removeAt(history.drains[0]!, 7);
    return history;
  },
  unseen: () => {
    const history = madeUpHistory(400);
    history.reads.length = 0;
    const drain = history.drains[0]!;
    drain.values.pop();
    drain.offsets.pop();
    drain.endOffset -= 1;
    return history;
  },
  duplicated: () => {
    const history = madeUpHistory(400);
    const drain = history.drains[0]!;
    const idempotent = history.sends.find((send) => send.idempotent && send.log === drain.log)!;
    drain.values.push(idempotent.value);
    drain.offsets.push(drain.endOffset);
    drain.endOffset += 1;
    return history;
  },
  reordered: () => {
    const history = withoutSightings(madeUpHistory(400, 1, 1));
    swap(history.drains[0]!, 10, 11);
    return history;
  },
  'inconsistent-offset': () => {
    const history = madeUpHistory(400);
    history.reads[5]!.value = history.reads[6]!.value;
    return history;
  },
  vanished: () => {
    const history = madeUpHistory(400);
    const { log, endOffset } = history.drains[0]!;
    history.read({ reader: 'c9', log, offset: endOffset, value: 'v9' });
    return history;
  },
  unexpected: () => {
    const history = madeUpHistory(400);
    const drain = history.drains[0]!;
    drain.values.push('never sent');
    drain.offsets.push(drain.endOffset);
    drain.endOffset += 1;
    return history;
  },
  misplaced: () => {
    const history = withoutSightings(madeUpHistory(400));
    const [from, to] = history.drains as [Drain, Drain];
    to.values.push(from.values.at(-1)!);
    to.offsets.push(to.endOffset);
    to.endOffset += 1;
    return history;
  },
  gap: () => {
    const history = withoutSightings(madeUpHistory(400));
    const drain = history.drains[0]!;
    drain.values.splice(3, 1);
    drain.offsets.splice(3, 1);
    return history;
  },
  'non-monotonic-read': () => {
    const history = madeUpHistory(400);
    history.reads.push({ ...history.reads[0]!, reader: history.reads[0]!.reader });
    return history;
  },
  skipped: () => {
    const history = madeUpHistory(400);
    history.reads.splice(10, 1);
    return history;
  },
  'stale-commit': () => {
    const history = madeUpHistory(400);
    const [first] = history.observations;
    const invokedAt = history.begin();
    history.observed({ ...first!, invokedAt });
    return history;
  },
  'unexpected-commit': () => {
    const history = madeUpHistory(400);
    const invokedAt = history.begin();
    history.observed({ group: 'g', log: 'orders-0', offset: 7777, invokedAt });
    return history;
  },
  returned: () => {
    const history = madeUpQueueHistory(100);
    history.queues.drains[0]!.values.push('v0');
    return history;
  },
  unflagged: () => {
    const history = madeUpQueueHistory(100);
    for (const delivery of history.queues.deliveries) delivery.redelivered = false;
    return history;
  },
  torn: () => {
    const history = madeUpSessionHistory(100);
    history.queues.publish({
      value: 'never seen',
      producer: 'p0',
      queues: ['often'],
      persistent: true,
      unit: 'u1',
    });
    return history;
  },
  undrained: () => {
    const history = madeUpHistory(400);
    history.drains.pop();
    return history;
  },
};

describe('the history checker', () => {
  it('finds nothing in a clean history', () => {
    const verdict = check(madeUpHistory(2000));
    expect(verdict.anomalies).toEqual([]);
    expect(verdict.valid).toBe(true);
    expect(verdict.counts.unknown).toBe(200);
    expect(verdict.counts.recovered).toBe(100);
  });

  it.each(Object.keys(ANOMALIES) as AnomalyKind[])('finds a planted violation: %s', (kind) => {
    const kinds = new Set(check(PLANTED[kind]()).anomalies.map((anomaly) => anomaly.kind));
    expect(kinds).toContain(kind);
  });

  it('names the value, the offset and the producer of a lost value', () => {
    const history = madeUpHistory(400);
    const lost = history.sends[0]!;
    removeAt(history.drains[0]!, 0);
    const found = check(history).anomalies.find((anomaly) => anomaly.kind === 'lost')!;
    expect(found.message).toContain(`${lost.value} of ${lost.producer}`);
    expect(found.evidence).toContain(lost);
  });

  it('says a refused send that is stored is unexpected', () => {
    const history = madeUpHistory(400);
    history.sends[4]!.outcome = 'fail';
    expect(check(history).anomalies.map((anomaly) => anomaly.kind)).toEqual(['unexpected']);
  });

  it('allows a plain producer to store a value twice, and counts it', () => {
    const history = madeUpHistory(400);
    const drain = history.drains[0]!;
    const plain = history.sends.find((send) => !send.idempotent && send.log === drain.log)!;
    drain.values.push(plain.value);
    drain.offsets.push(drain.endOffset);
    drain.endOffset += 1;
    const verdict = check(history);
    expect(verdict.anomalies).toEqual([]);
    expect(verdict.counts.repeated).toBe(1);
  });

  it('allows an unknown send of a plain producer to land late', () => {
    const history = withoutSightings(madeUpHistory(400, 1, 1));
    const drain = history.drains[0]!;
    const unknown = drain.values.indexOf('v9');
    swap(drain, unknown, unknown + 1);
    expect(check(history).anomalies).toEqual([]);
  });

  it('does not allow that for an idempotent producer', () => {
    const history = withoutSightings(madeUpHistory(400, 1, 1));
    for (const send of history.sends) send.idempotent = true;
    const drain = history.drains[0]!;
    const unknown = drain.values.indexOf('v9');
    swap(drain, unknown, unknown + 1);
    expect(check(history).anomalies.map((anomaly) => anomaly.kind)).toEqual(['reordered']);
  });

  it('allows a group position whose commit overlapped a later one', () => {
    const history = madeUpHistory(0);
    const first = history.commit({ group: 'g', log: 'a', offset: 10 });
    const second = history.commit({ group: 'g', log: 'a', offset: 20 });
    history.committed(second, 'ok');
    history.committed(first, 'ok');
    for (const offset of [10, 20]) {
      history.observed({ group: 'g', log: 'a', offset, invokedAt: history.begin() });
    }
    expect(check(history).anomalies).toEqual([]);
  });

  it('says a group without position lost an acknowledged commit', () => {
    const history = madeUpHistory(0);
    history.committed(history.commit({ group: 'g', log: 'a', offset: 10 }), 'ok');
    history.observed({ group: 'g', log: 'a', offset: -1, invokedAt: history.begin() });
    expect(check(history).anomalies.map((anomaly) => anomaly.kind)).toEqual(['stale-commit']);
  });

  it('allows a group position from a commit that ended unknown', () => {
    const history = madeUpHistory(0);
    history.committed(history.commit({ group: 'g', log: 'a', offset: 10 }), 'ok');
    history.committed(history.commit({ group: 'g', log: 'a', offset: 20 }), 'info');
    history.observed({ group: 'g', log: 'a', offset: 20, invokedAt: history.begin() });
    expect(check(history).anomalies).toEqual([]);
  });

  it('says the same of a history that was written down and read again', () => {
    const lines: string[] = [];
    const history = madeUpHistory(400, 4, 3, (line) => lines.push(JSON.stringify(line)));
    const again = replay(lines.map((line) => JSON.parse(line) as object));
    expect(check(again)).toEqual(check(history));
    again.drains[0]!.values[0] = 'another';
    expect(check(again).valid).toBe(false);
  });
});
