import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SimulatedClock } from './environment/simulated/simulated-clock.ts';
import { NO_TIMER, TimerWheel } from './timer-wheel.ts';

const DAY_MS = 24 * 60 * 60 * 1000;

function setUp(): { clock: SimulatedClock; wheel: TimerWheel; fired: number[] } {
  const clock = new SimulatedClock();
  const fired: number[] = [];
  const wheel = new TimerWheel({ clock, timers: clock, onDue: (key) => fired.push(key) });
  return { clock, wheel, fired };
}

describe('a timer wheel', () => {
  it.each([
    1,
    255,
    256,
    257,
    65_535,
    65_536,
    70_000,
    2 ** 24,
    2 ** 24 + 300,
    50 * DAY_MS,
    4000 * DAY_MS,
  ])('fires after %d ms and not a millisecond before', (delayMs) => {
    const { clock, wheel, fired } = setUp();
    clock.advance(77);
    wheel.add(delayMs, 5);
    clock.advance(delayMs - 1);
    expect(fired).toEqual([]);
    clock.advance(1);
    expect(fired).toEqual([5]);
    expect(wheel.count).toBe(0);
  });

  it('does not fire what was cancelled', () => {
    const { clock, wheel, fired } = setUp();
    const first = wheel.add(10, 1);
    wheel.add(10, 2);
    expect(wheel.cancel(first)).toBe(true);
    expect(wheel.cancel(first)).toBe(false);
    clock.advance(20);
    expect(fired).toEqual([2]);
  });

  it('tells a stale id from the timer that has its place now', () => {
    const { wheel } = setUp();
    const stale = wheel.add(10, 1);
    wheel.cancel(stale);
    // Free places are used in turn: after so many the first one comes round.
    for (let count = 0; count < 4095; count++) wheel.cancel(wheel.add(10, 2));
    const id = wheel.add(10, 3);
    expect(id & 0x3ff_ffff).toBe(stale & 0x3ff_ffff);
    expect(wheel.cancel(stale)).toBe(false);
    expect(wheel.due(stale)).toBeUndefined();
    expect(wheel.count).toBe(1);
  });

  it('gives ids that fit 32 bits and are never 0', () => {
    const { wheel } = setUp();
    for (let count = 0; count < 70 * 4096; count++) {
      const id = wheel.add(10, 1);
      if (id === NO_TIMER || id !== (id | 0)) expect.unreachable(`id ${id}`);
      if (!wheel.cancel(id)) expect.unreachable(`id ${id} is not known`);
    }
  });

  it('knows when a timer is due, by the monotonic clock', () => {
    const { clock, wheel } = setUp();
    clock.advance(1000);
    const id = wheel.add(90_000, 1);
    expect(wheel.due(id)).toBe(91_000);
    clock.advance(90_000);
    expect(wheel.due(id)).toBeUndefined();
    expect(wheel.due(NO_TIMER)).toBeUndefined();
  });

  it('takes what is due already, or for ever, as soon and as late as it can', () => {
    const { clock, wheel, fired } = setUp();
    wheel.add(-5, 1);
    wheel.add(0, 2);
    wheel.add(Number.POSITIVE_INFINITY, 3);
    wheel.add(Number.NaN, 4);
    expect(fired).toEqual([]);
    clock.advance(1);
    expect(fired.sort()).toEqual([1, 2]);
    clock.advance(36_500 * DAY_MS);
    expect(wheel.count).toBe(2);
  });

  it('lets a callback add and cancel timers, without running them at once', () => {
    const clock = new SimulatedClock();
    const fired: string[] = [];
    let other = NO_TIMER;
    const wheel = new TimerWheel({
      clock,
      timers: clock,
      onDue: (key) => {
        fired.push(`${key} at ${clock.monotonicMs()}`);
        if (key !== 1) return;
        wheel.add(0, 3);
        wheel.cancel(other);
      },
    });
    wheel.add(10, 1);
    other = wheel.add(10, 2);
    clock.advance(100);
    expect(fired).toEqual(['1 at 10', '3 at 11']);
  });

  it('fires many that are due together over several turns', async () => {
    const { clock, wheel, fired } = setUp();
    for (let key = 0; key < 20_000; key++) wheel.add(300, key);
    clock.advance(301);
    expect(fired.length).toBeLessThan(20_000);
    // What is added meanwhile is not lost.
    wheel.add(1, 20_000);
    for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
    clock.advance(2);
    expect(new Set(fired).size).toBe(20_001);
  });

  it('keeps the environment asleep while nothing is due', () => {
    const clock = new SimulatedClock();
    let wakes = 0;
    const timers = {
      after: (delayMs: number, callback: () => void) =>
        clock.after(delayMs, () => {
          wakes += 1;
          callback();
        }),
      clear: clock.clear.bind(clock),
      immediate: clock.immediate.bind(clock),
    };
    const wheel = new TimerWheel({ clock, timers, onDue: () => undefined });
    wheel.add(10 * DAY_MS, 1);
    clock.advance(10 * DAY_MS);
    expect(wheel.count).toBe(0);
    expect(wakes).toBeLessThan(20);
  });

  it('fires nothing after it was stopped', () => {
    const { clock, wheel, fired } = setUp();
    wheel.add(10, 1);
    wheel.stop();
    wheel.add(10, 2);
    clock.advance(100);
    expect(fired).toEqual([]);
  });

  it('behaves like a list of timers, whatever is added and cancelled when', () => {
    const delay = fc.oneof(
      fc.integer({ min: 0, max: 600 }),
      fc.integer({ min: 0, max: 200_000 }),
      fc.integer({ min: 0, max: 2 ** 34 }),
    );
    const action = fc.oneof(
      fc.record({ kind: fc.constant('add' as const), delayMs: delay }),
      fc.record({ kind: fc.constant('cancel' as const), which: fc.nat(50) }),
      fc.record({ kind: fc.constant('advance' as const), delayMs: delay }),
    );
    fc.assert(
      fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
        const { clock, wheel, fired } = setUp();
        const model = new Map<number, { id: number; dueMs: number }>();
        let nextKey = 0;
        for (const step of actions) {
          if (step.kind === 'add') {
            const dueMs = clock.monotonicMs() + Math.max(step.delayMs, 1);
            model.set(nextKey, { id: wheel.add(step.delayMs, nextKey), dueMs });
            nextKey += 1;
          } else if (step.kind === 'cancel') {
            const known = [...model].at(step.which % Math.max(model.size, 1));
            if (known === undefined) continue;
            expect(wheel.cancel(known[1].id)).toBe(true);
            model.delete(known[0]);
          } else {
            fired.length = 0;
            clock.advance(step.delayMs);
            const due = [...model].filter(([, { dueMs }]) => dueMs <= clock.monotonicMs());
            due.sort(([, a], [, b]) => a.dueMs - b.dueMs);
            // Sorting is stable: among equals, the order of adding.
            expect(fired).toEqual(due.map(([key]) => key));
            for (const [key] of due) model.delete(key);
          }
          expect(wheel.count).toBe(model.size);
        }
      }),
      { numRuns: 200 },
    );
  });
});
