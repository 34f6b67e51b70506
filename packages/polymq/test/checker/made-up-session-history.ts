import { History } from './history.ts';

/**
 * A history of two sessions in which nothing went wrong. `once` takes messages once, `often` may get them again. Of ten
 * messages both take seven, and three are left. Each tenth message is one that its publisher may send again. After
 * the first half both come back over another connection, where `often` gets its last two again.
 */
export function madeUpSessionHistory(messages: number, write?: (line: object) => void): History {
  const history = new History(write);
  const { queues } = history;
  queues.session({ queue: 'once', once: true });
  queues.session({ queue: 'often', once: false });
  const values = Array.from({ length: messages }, (_, i) => `v${i}`);
  for (const [i, value] of values.entries()) {
    const what = { value, producer: `p${i % 2}`, queues: ['once', 'often'], persistent: true };
    const unit = `u${Math.floor(i / 5)}`;
    queues.published(queues.publish({ ...what, once: i % 10 !== 0, unit }), 'ok');
  }
  const taken = values.slice(0, messages * 0.7);
  const half = taken.length / 2;
  for (const queue of ['once', 'often']) {
    const take = (value: string, life: number, redelivered: boolean) => {
      const reader = `${queue}#${life}`;
      queues.delivered({ queue, value, reader, redelivered });
      queues.settle({ queue, value, reader, kind: 'ack' });
    };
    queues.opening(`${queue}#1`);
    for (const value of taken.slice(0, half)) take(value, 1, false);
    queues.opening(`${queue}#2`);
    if (queue === 'often') for (const value of taken.slice(half - 2, half)) take(value, 2, true);
    for (const value of taken.slice(half)) take(value, 2, false);
  }
  const left = values.slice(taken.length);
  const redelivered = left.map(() => false);
  for (const queue of ['once', 'often']) {
    queues.drained({ queue, values: [...left], redelivered: [...redelivered] });
  }
  return history;
}
