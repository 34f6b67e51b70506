import type { Drain, History, Send } from './history.ts';

/** Indexes over a history that several rules need. Built once, in linear time. */
export interface FinalState {
  /** Per log: value by offset, as drained. */
  valueAt: Map<string, Map<number, string>>;
  /** Per value: where it was found, in the order of the drains. */
  placesOf: Map<string, Place[]>;
  sendOf: Map<string, Send>;
  drainOf: Map<string, Drain>;
}

export interface Place {
  log: string;
  offset: number;
}

export function finalState(history: History): FinalState {
  const state: FinalState = {
    valueAt: new Map(),
    placesOf: new Map(),
    sendOf: new Map(history.sends.map((send) => [send.value, send])),
    drainOf: new Map(history.drains.map((drain) => [drain.log, drain])),
  };
  for (const drain of history.drains) {
    const byOffset = new Map<number, string>();
    state.valueAt.set(drain.log, byOffset);
    drain.values.forEach((value, i) => {
      const offset = drain.offsets[i]!;
      byOffset.set(offset, value);
      const places = state.placesOf.get(value);
      if (places) places.push({ log: drain.log, offset });
      else state.placesOf.set(value, [{ log: drain.log, offset }]);
    });
  }
  return state;
}

/** Groups in the order of first appearance. */
export function groupBy<T>(items: Iterable<T>, keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return groups;
}
