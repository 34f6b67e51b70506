import { describe, expect, it } from 'vitest';
import { TurnFlusher } from './turn-flusher.ts';

/** Turns that end when the test says so. */
function turns() {
  const callbacks: (() => void)[] = [];
  const timers = {
    after: () => ({ unref: () => undefined }),
    clear: () => undefined,
    immediate: (callback: () => void) => {
      callbacks.push(callback);
    },
  };
  const end = () => {
    const due = callbacks.splice(0);
    for (const callback of due) callback();
    return due.length;
  };
  return { timers, end };
}

describe('the end of a turn', () => {
  it('flushes everything that was added, once for the whole turn', () => {
    const { timers, end } = turns();
    const flushed: string[] = [];
    const flusher = new TurnFlusher<string>(timers, (one) => flushed.push(one));
    flusher.add('a');
    flusher.add('b');
    expect(flushed).toEqual([]);
    expect(end()).toBe(1);
    expect(flushed).toEqual(['a', 'b']);
    expect(end()).toBe(0);
  });

  it('lets what comes first add more to the same turn', () => {
    const { timers, end } = turns();
    const flushed: string[] = [];
    const flusher = new TurnFlusher<string>(
      timers,
      (one) => flushed.push(one),
      () => flusher.add('first'),
    );
    flusher.schedule();
    end();
    expect(flushed).toEqual(['first']);
  });

  it('leaves what is added while it flushes to the next turn', () => {
    const { timers, end } = turns();
    const flushed: string[] = [];
    const flusher = new TurnFlusher<string>(timers, (one) => {
      flushed.push(one);
      if (one === 'a') flusher.add('b');
    });
    flusher.add('a');
    end();
    expect(flushed).toEqual(['a']);
    end();
    expect(flushed).toEqual(['a', 'b']);
  });
});
