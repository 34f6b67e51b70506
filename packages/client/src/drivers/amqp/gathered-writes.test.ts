import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { gatherWrites } from './gathered-writes.ts';

/** A stream, and what it was given in each call. */
function recorded(options: { highWaterMark?: number } = {}): { stream: Writable; calls: string[] } {
  const calls: string[] = [];
  const stream = new Writable({
    ...options,
    writev(chunks, done) {
      calls.push(chunks.map(({ chunk }) => String(chunk)).join(''));
      setImmediate(done);
    },
  });
  gatherWrites(stream);
  return { stream, calls };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('gathered writes', () => {
  it('leave together at the end of the turn, and in their order', async () => {
    const { stream, calls } = recorded();
    for (const text of ['a', 'b', 'c']) stream.write(text);
    expect(calls).toEqual([]);
    await turn();
    expect(calls).toEqual(['abc']);
    stream.write('d');
    await turn();
    expect(calls).toEqual(['abc', 'd']);
  });

  it('leave with the end of the stream', async () => {
    const { stream, calls } = recorded();
    stream.write('a');
    stream.end('b');
    await new Promise((resolve) => stream.once('finish', resolve));
    expect(calls.join('')).toBe('ab');
  });

  it('say when there is too much, and when there is room again', async () => {
    const { stream, calls } = recorded({ highWaterMark: 2 });
    expect(stream.write('a')).toBe(true);
    expect(stream.write('b')).toBe(false);
    await new Promise((resolve) => stream.once('drain', resolve));
    expect(calls).toEqual(['ab']);
    expect(stream.write('c')).toBe(true);
  });

  it('do no harm when the stream is gone', async () => {
    const { stream, calls } = recorded();
    stream.on('error', () => undefined);
    stream.write('a');
    stream.destroy();
    await turn();
    expect(calls).toEqual([]);
  });
});
