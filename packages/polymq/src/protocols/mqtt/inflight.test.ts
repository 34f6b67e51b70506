import { describe, expect, it } from 'vitest';
import { NO_ROW } from '../../core/queue/rows.ts';
import { AWAITS, Inflight, packetIdOf } from './inflight.ts';

describe('messages without an answer', () => {
  it('remember row and state, also of the largest rows and of none', () => {
    const inflight = new Inflight();
    inflight.set(1, AWAITS.pubrec, 2 ** 45);
    inflight.set(2, AWAITS.puback);
    inflight.set(3, AWAITS.pubcomp, 0);
    expect([inflight.awaits(1), inflight.row(1)]).toEqual([AWAITS.pubrec, 2 ** 45]);
    expect([inflight.awaits(2), inflight.row(2)]).toEqual([AWAITS.puback, NO_ROW]);
    expect([inflight.awaits(3), inflight.row(3)]).toEqual([AWAITS.pubcomp, 0]);
    expect([inflight.awaits(4), inflight.row(4)]).toEqual([undefined, NO_ROW]);
  });

  it('are shown in the order in which they were sent, also while they go', () => {
    const inflight = new Inflight();
    for (const id of [9, 3, 7]) inflight.set(id, AWAITS.pubrec, id);
    const seen: number[] = [];
    inflight.forEach((id) => {
      seen.push(id);
      inflight.delete(id);
    });
    expect(seen).toEqual([9, 3, 7]);
    expect(inflight.size).toBe(0);
  });

  it('of a stored queue have the id that follows from their place in it', () => {
    expect([0, 1, 65_534, 65_535, 131_070].map(packetIdOf)).toEqual([1, 2, 65_535, 1, 1]);
  });
});
