import { History } from './history.ts';

/**
 * A history of a FIFO queue with one group in which nothing went wrong: messages are received in pairs and deleted
 * out of order; every fifth pair is received twice, its first delivery forgotten.
 */
export function madeUpGroupHistory(pairs: number): History {
  const history = new History();
  const { queues } = history;
  queues.declared('q.fifo');
  const valuesOf = (pair: number) => [`v${2 * pair}`, `v${2 * pair + 1}`] as const;
  for (let pair = 0; pair < pairs; pair += 1) {
    for (const value of valuesOf(pair)) {
      const what = { value, producer: 'p', group: 'g', queues: ['q.fifo'], persistent: true };
      queues.published(queues.publish(what), 'ok');
    }
  }
  for (let pair = 0; pair < pairs; pair += 1) {
    if (pair % 5 === 4) receive(history, valuesOf(pair), 'forgetful');
    const reader = `r${pair % 2}`;
    receive(history, valuesOf(pair), reader);
    for (const value of [...valuesOf(pair)].reverse()) {
      const settlement = queues.settle({ queue: 'q.fifo', value, reader, kind: 'ack' });
      queues.committed([settlement]);
    }
  }
  queues.drained({ queue: 'q.fifo', values: [], redelivered: [] });
  return history;
}

/** One answer with these messages. */
export function receive(history: History, values: readonly string[], reader: string): void {
  const { queues } = history;
  const askedAt = queues.asking();
  for (const value of values) {
    queues.delivered({ queue: 'q.fifo', value, reader, redelivered: true, askedAt });
  }
}
