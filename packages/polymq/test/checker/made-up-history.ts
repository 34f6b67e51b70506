import { History } from './history.ts';

/**
 * A history in which nothing went wrong, as a model for planted violations and for the checker's own speed.
 * Producers take turns; every tenth send ends unknown, every twentieth is stored all the same; two
 * reading sessions per log; a group that commits behind them.
 */
export function madeUpHistory(
  sends: number,
  logCount = 4,
  producerCount = 3,
  write?: (line: object) => void,
): History {
  const history = new History(write);
  const logs = Array.from({ length: logCount }, (_, i) => `orders-${i}`);
  const content = new Map<string, string[]>(logs.map((log) => [log, []]));
  for (let i = 0; i < sends; i += 1) {
    const log = logs[i % logCount]!;
    const producer = `p${Math.floor(i / logCount) % producerCount}`;
    const values = content.get(log)!;
    const send = history.send({ value: `v${i}`, producer, log, idempotent: producer !== 'p0' });
    if (i % 10 === 9) {
      if (i % 20 === 9) values.push(send.value);
      history.sent(send, 'info', { error: 'connection lost' });
    } else {
      history.sent(send, 'ok', { offset: values.push(send.value) - 1 });
    }
  }
  for (const log of logs) {
    const values = content.get(log)!;
    values.forEach((value, offset) => {
      const session = offset < values.length / 2 ? 'c0#1' : 'c0#2';
      history.read({ reader: session, log, offset, value });
      if (offset % 10 !== 9) return;
      const commit = history.commit({ group: 'g', log, offset: offset + 1 });
      if (offset % 100 === 99) return;
      history.committed(commit, 'ok');
      const invokedAt = history.begin();
      history.observed({ group: 'g', log, offset: offset + 1, invokedAt });
    });
    const offsets = values.map((_, offset) => offset);
    history.drained({ log, startOffset: 0, endOffset: values.length, offsets, values });
  }
  return history;
}
