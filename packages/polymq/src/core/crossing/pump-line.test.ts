import { expect, it } from 'vitest';
import type { Timers } from '../../lib/environment/clock.ts';
import type { TurnBudget } from './pump-context.ts';
import { PumpLine } from './pump-line.ts';
import type { StreamPump } from './stream-pump.ts';

/** A line whose turns are run by hand. */
function openLine() {
  const immediates: (() => void)[] = [];
  const listeners = new Set<() => void>();
  const store = {
    uncommittedBytes: 0,
    onCommitted: (listener: () => void) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  const timers = { immediate: (callback: () => void) => immediates.push(callback) };
  const line = new PumpLine({ store, timers: timers as unknown as Timers, alarms: undefined });
  return {
    line,
    store,
    listeners,
    turn: () => {
      for (const callback of immediates.splice(0)) callback();
    },
    commit: (uncommittedBytes: number) => {
      store.uncommittedBytes = uncommittedBytes;
      for (const listener of [...listeners]) listener();
    },
  };
}

/** A pump that takes `records` of every budget and comes back into line, and what it has taken. */
function pumpOf(line: PumpLine, records: number): { pump: StreamPump; taken: number[] } {
  const taken: number[] = [];
  const pump = {
    run: (budget: TurnBudget) => {
      const count = Math.min(records, budget.records);
      budget.records -= count;
      taken.push(count);
      line.push(pump);
    },
  } as StreamPump;
  return { pump, taken };
}

it('gives all pumps together one budget a turn, in turns', () => {
  const { line, turn } = openLine();
  const pumps = [700, 700, 700].map((records) => pumpOf(line, records));
  for (const { pump } of pumps) line.push(pump);
  turn();
  expect(pumps.map(({ taken }) => taken)).toEqual([[700], [300], []]);
  turn();
  expect(pumps.map(({ taken }) => taken)).toEqual([[700, 300], [300], [700]]);
});

it('waits while too much is not on disk yet', () => {
  const { line, store, listeners, turn, commit } = openLine();
  const { pump, taken } = pumpOf(line, 1);
  store.uncommittedBytes = 5 * 1024 * 1024;
  line.push(pump);
  turn();
  commit(3 * 1024 * 1024);
  turn();
  expect([taken.length, listeners.size]).toEqual([0, 1]);
  commit(1024 * 1024);
  turn();
  expect([taken.length, listeners.size]).toEqual([1, 0]);
});

it('gives no turns any more once it is stopped', () => {
  const { line, turn } = openLine();
  const { pump, taken } = pumpOf(line, 1);
  line.push(pump);
  line.stop();
  turn();
  line.push(pump);
  turn();
  expect(taken).toEqual([]);
});
