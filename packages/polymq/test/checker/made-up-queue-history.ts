import { History } from './history.ts';

/**
 * A history of queues in which nothing went wrong. Queue `q` has one consumer session before a restart and one
 * behind it; of ten messages six are acknowledged, one is requeued and then acknowledged, one is rejected, one
 * is delivered again after the restart, and one stays. Queue `kept` gets the same and has no consumer.
 */
export function madeUpQueueHistory(messages: number, write?: (line: object) => void): History {
  const history = new History(write);
  const { queues } = history;
  queues.declared('q', 'q.dead');
  queues.declared('q.dead');
  queues.declared('kept');
  const kept: string[] = [];
  const left: string[] = [];
  const dead: string[] = [];
  const again: string[] = [];
  for (let i = 0; i < messages; i += 1) {
    const value = `v${i}`;
    const publish = queues.publish({
      value,
      producer: `p${i % 2}`,
      queues: ['q', 'kept'],
      persistent: true,
    });
    queues.published(publish, i % 10 === 9 ? 'info' : 'ok');
    kept.push(value);
  }
  const deliver = (value: string, reader: string, redelivered: boolean) =>
    queues.delivered({ queue: 'q', value, reader, redelivered });
  queues.opening('c#1');
  for (let i = 0; i < messages; i += 1) {
    const value = `v${i}`;
    const what = { queue: 'q', value, reader: 'c#1' };
    if (i % 10 === 9) {
      left.push(value);
      continue;
    }
    deliver(value, 'c#1', false);
    if (i % 10 === 8) again.push(value);
    else if (i % 10 === 7) {
      queues.committed([queues.settle({ ...what, kind: 'reject' })]);
      dead.push(value);
    } else {
      if (i % 10 === 6) {
        queues.settle({ ...what, kind: 'requeue' });
        deliver(value, 'c#1', true);
      }
      queues.committed([queues.settle({ ...what, kind: 'ack' })]);
    }
  }
  queues.opening('c#2');
  for (const value of again) {
    deliver(value, 'c#2', true);
    queues.settle({ queue: 'q', value, reader: 'c#2', kind: 'ack' });
  }
  const none = (values: string[]) => values.map(() => false);
  queues.drained({ queue: 'q', values: left, redelivered: none(left) });
  queues.drained({ queue: 'q.dead', values: dead, redelivered: none(dead) });
  queues.drained({ queue: 'kept', values: kept, redelivered: none(kept) });
  return history;
}
