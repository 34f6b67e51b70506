import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Fifo } from './fifo.ts';

describe('Fifo', () => {
  it('behaves as an array with push and shift', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.nat(), fc.constant('take'))), (steps) => {
        const fifo = new Fifo<number>();
        const model: number[] = [];
        for (const step of steps) {
          if (typeof step === 'number') {
            fifo.push(step);
            model.push(step);
          } else expect(fifo.take()).toBe(model.shift());
          expect(fifo.length).toBe(model.length);
          expect(fifo.peek()).toBe(model[0]);
        }
      }),
    );
  });

  it('keeps its order when taken items are compacted away', () => {
    const fifo = new Fifo<number>();
    let next = 0;
    for (let i = 0; i < 10_000; i++) fifo.push(i);
    while (fifo.length > 100) expect(fifo.take()).toBe(next++);
    fifo.push(10_000);
    while (fifo.length > 0) expect(fifo.take()).toBe(next++);
    expect(next).toBe(10_001);
  });
});
