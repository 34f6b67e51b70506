import { describe, expect, it } from 'vitest';
import { ManualClock, settled } from '../../driver/testing/manual-clock.ts';
import type { OutgoingMessage } from '../../message/wire-message.ts';
import { type RateLimit, rateLimit } from './rate-limit.ts';

const PLACE = { kind: 'queue', name: 'orders', engine: 'Memory', system: 'memory' } as const;

function messages(count: number): OutgoingMessage[] {
  return Array.from({ length: count }, (_, index) => ({
    id: `${index}`,
    body: new Uint8Array(0),
    contentType: '',
    headers: {},
    timestampMs: 0,
  }));
}

/** Sends, and writes down when it went. */
function sender(limit: RateLimit, clock: ManualClock, gone: [string, number][]) {
  const startMs = clock.nowMs();
  return (name: string, count = 1): Promise<void> =>
    limit.send!(messages(count), PLACE, async () => {
      gone.push([name, clock.nowMs() - startMs]);
    });
}

describe('a rate limit', () => {
  it('lets a burst go at once, and the rest at its pace', async () => {
    const clock = new ManualClock();
    const gone: [string, number][] = [];
    const send = sender(rateLimit({ perSecond: 10, burst: 2, clock }), clock, gone);
    for (const name of ['a', 'b', 'c', 'd']) void send(name);
    await settled();
    expect(gone.map(([name]) => name)).toEqual(['a', 'b']);
    await clock.advance('1s');
    expect(gone).toEqual([
      ['a', 0],
      ['b', 0],
      ['c', 100],
      ['d', 200],
    ]);
  });

  it('lets nobody overtake a large batch, which leaves a debt', async () => {
    const clock = new ManualClock();
    const gone: [string, number][] = [];
    const send = sender(rateLimit({ perSecond: 10, burst: 5, clock }), clock, gone);
    await send('first', 5);
    void send('large', 20);
    void send('small');
    await clock.advance('3s');
    expect(gone).toEqual([
      ['first', 0],
      ['large', 500],
      ['small', 2100],
    ]);
  });

  it('refuses what does not fit into the line, and takes it when there is room again', async () => {
    const clock = new ManualClock();
    const gone: [string, number][] = [];
    const limit = rateLimit({ perSecond: 1, waitingMax: 2, clock });
    const send = sender(limit, clock, gone);
    await send('now');
    void send('waits', 2);
    await expect(send('too much')).rejects.toMatchObject({ code: 'queue-full', retryable: true });
    expect(limit.waiting).toBe(2);
    await clock.advance('2s');
    expect(limit.waiting).toBe(0);
    void send('later');
    await clock.advance('2s');
    expect(gone.map(([name]) => name)).toEqual(['now', 'waits', 'later']);
  });

  it('does not save up more than the burst', async () => {
    const clock = new ManualClock();
    const gone: [string, number][] = [];
    const send = sender(rateLimit({ perSecond: 1, burst: 1, clock }), clock, gone);
    await clock.advance('1h');
    void send('a');
    void send('b');
    await settled();
    expect(gone.map(([name]) => name)).toEqual(['a']);
  });

  it('refuses numbers without a meaning', () => {
    expect(() => rateLimit({ perSecond: 0 })).toThrow(/perSecond/);
    expect(() => rateLimit({ perSecond: Number.NaN })).toThrow(/perSecond/);
    expect(() => rateLimit({ perSecond: 1, burst: 0.5 })).toThrow(/burst/);
  });
});
