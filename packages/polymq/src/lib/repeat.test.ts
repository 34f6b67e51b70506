import { describe, expect, it } from 'vitest';
import { SimulatedClock } from './environment/simulated/simulated-clock.ts';
import { repeat } from './repeat.ts';

describe('what is repeated', () => {
  it('is called every so often until it is stopped', () => {
    const clock = new SimulatedClock();
    let calls = 0;
    const stop = repeat(clock, 100, () => void calls++);
    clock.advance(99);
    expect(calls).toBe(0);
    clock.advance(201);
    expect(calls).toBe(3);
    stop();
    clock.advance(500);
    expect(calls).toBe(3);
  });

  it('may stop itself', () => {
    const clock = new SimulatedClock();
    let calls = 0;
    const stop = repeat(clock, 100, () => {
      calls += 1;
      stop();
    });
    clock.advance(500);
    expect(calls).toBe(1);
  });
});
