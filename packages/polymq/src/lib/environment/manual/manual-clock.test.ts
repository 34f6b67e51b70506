import { describe, expect, it } from 'vitest';
import { ManualClock } from './manual-clock.ts';

describe('a manual clock', () => {
  it('runs timers in the order of their times, each at its own', async () => {
    const clock = new ManualClock(1_000);
    const seen: [string, number][] = [];
    const note = (name: string) => () => seen.push([name, clock.nowMs()]);
    clock.after(300, note('c'));
    clock.after(100, note('a'));
    clock.after(300, note('d'));
    clock.after(200, note('b'));
    const dropped = clock.after(250, note('dropped'));
    clock.clear(dropped);
    await clock.advance(299);
    expect(seen).toEqual([
      ['a', 1_100],
      ['b', 1_200],
    ]);
    await clock.advance(1);
    expect(seen.slice(2)).toEqual([
      ['c', 1_300],
      ['d', 1_300],
    ]);
    expect([clock.nowMs(), clock.monotonicMs()]).toEqual([1_300, 300]);
  });

  it('runs what timers set on the way', async () => {
    const clock = new ManualClock(0);
    const seen: number[] = [];
    const tick = (): void => {
      seen.push(clock.nowMs());
      clock.after(10, tick);
    };
    clock.after(10, tick);
    await clock.advance(35);
    expect(seen).toEqual([10, 20, 30]);
  });

  it('lets promises and turns of the event loop come to rest before time goes on', async () => {
    const clock = new ManualClock(0);
    const seen: string[] = [];
    const first = async (): Promise<void> => {
      await Promise.resolve();
      await new Promise<void>((resolve) => clock.immediate(resolve));
      await new Promise<void>((resolve) => clock.immediate(resolve));
      seen.push(`first at ${clock.nowMs()}`);
      clock.after(1, () => seen.push(`after it at ${clock.nowMs()}`));
    };
    clock.after(1, () => void first());
    clock.after(2, () => seen.push(`second at ${clock.nowMs()}`));
    await clock.advance(2);
    expect(seen).toEqual(['first at 1', 'second at 2', 'after it at 2']);
  });

  it('waits for work that needs no time', async () => {
    const clock = new ManualClock(0);
    let busy = true;
    clock.busy = () => busy;
    let done = false;
    setTimeout(() => {
      done = true;
      busy = false;
    }, 5);
    await clock.advance(1);
    expect(done).toBe(true);
  });

  it('gives a timer without delay its turn without time passing', async () => {
    const clock = new ManualClock(0);
    let count = 0;
    clock.after(0, () => {
      count += 1;
    });
    const cleared = clock.after(0, () => {
      count += 10;
    });
    clock.clear(cleared);
    await clock.settle();
    expect([count, clock.nowMs()]).toEqual([1, 0]);
  });

  it('forgets cleared timers, however many', async () => {
    const clock = new ManualClock(0);
    let fired = 0;
    for (let count = 0; count < 5_000; count++) {
      const timer = clock.after(count % 100, () => {
        fired += 1;
      });
      if (count % 10 !== 0) clock.clear(timer);
    }
    await clock.advance(100);
    expect(fired).toBe(500);
  });
});
