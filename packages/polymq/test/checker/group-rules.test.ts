import { describe, expect, it } from 'vitest';
import { check } from './check.ts';
import type { History } from './history.ts';
import { madeUpGroupHistory, receive } from './made-up-group-history.ts';

function kindsOf(history: History): string[] {
  return check(history).anomalies.map((each) => each.kind);
}

/** Moves what happened to one message of the queue, without touching its times. */
function swapDeliveries(history: History, a: string, b: string): void {
  for (const delivery of history.queues.deliveries) {
    if (delivery.value === a) delivery.value = b;
    else if (delivery.value === b) delivery.value = a;
  }
}

describe('the rules about FIFO groups', () => {
  it('find nothing in a clean history', () => {
    expect(check(madeUpGroupHistory(50)).anomalies).toEqual([]);
  });

  it('find messages of one answer in the wrong order', () => {
    const history = madeUpGroupHistory(10);
    swapDeliveries(history, 'v2', 'v3');
    expect(kindsOf(history)).toContain('reordered');
  });

  it('find a message that is delivered while one before it is with another reader', () => {
    const history = madeUpGroupHistory(10);
    const settlement = history.queues.settlements.find((each) => each.value === 'v4')!;
    // As if it had been deleted only after the messages behind it had come.
    settlement.at = history.queues.settlements.at(-1)!.at + 1;
    expect(kindsOf(history)).toContain('reordered');
  });

  it('find a message that is passed over for good', () => {
    const history = madeUpGroupHistory(10);
    const { queues } = history;
    queues.deliveries.splice(
      queues.deliveries.findIndex((each) => each.value === 'v6'),
      1,
    );
    queues.settlements.splice(
      queues.settlements.findIndex((each) => each.value === 'v6'),
      1,
    );
    expect(kindsOf(history)).toEqual(expect.arrayContaining(['reordered', 'lost']));
  });

  it('find a second copy of a message that was deleted', () => {
    const history = madeUpGroupHistory(10);
    receive(history, ['v0'], 'r1');
    expect(kindsOf(history)).toEqual(['returned']);
  });

  it('allow that a message comes again that another reader had got before it was deleted', () => {
    const history = madeUpGroupHistory(10);
    const { queues } = history;
    const deletion = queues.settlements.find((each) => each.value === 'v19')!;
    const askedAt = deletion.at - 0.5;
    const late = { queue: 'q.fifo', value: 'v19', reader: 'late', redelivered: true, askedAt };
    queues.delivered(late);
    receive(history, ['v19'], 'later');
    expect(check(history).anomalies).toEqual([]);
  });

  it('allow that a message is missing which nobody knows to be stored', () => {
    const history = madeUpGroupHistory(10);
    const { queues } = history;
    queues.publishes[6]!.outcome = 'info';
    queues.deliveries.splice(
      queues.deliveries.findIndex((each) => each.value === 'v6'),
      1,
    );
    queues.settlements.splice(
      queues.settlements.findIndex((each) => each.value === 'v6'),
      1,
    );
    expect(check(history).anomalies).toEqual([]);
  });
});
