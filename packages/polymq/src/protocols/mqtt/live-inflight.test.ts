import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AWAITS, type Awaits, PACKET_ID_MAX } from './inflight.ts';
import { LiveInflight } from './live-inflight.ts';

describe('packet ids under way', () => {
  it('are known with what they await until they are free', () => {
    const steps = fc.array(
      fc.record({
        what: fc.constantFrom('take', 'takeAny', 'free', 'change'),
        id: fc.integer({ min: 1, max: 400 }).map((id) => (id * 163) % PACKET_ID_MAX || 1),
        awaits: fc.constantFrom<Awaits>(AWAITS.puback, AWAITS.pubrec, AWAITS.pubcomp),
      }),
      { maxLength: 300 },
    );
    fc.assert(
      fc.property(steps, (list) => {
        const inflight = new LiveInflight();
        const model = new Map<number, Awaits>();
        for (const { what, id, awaits } of list) {
          if (what === 'take') {
            const taken = inflight.take(id, awaits);
            if (model.has(id)) expect(taken).toBe(false);
            if (taken) model.set(id, awaits);
          } else if (what === 'takeAny') {
            const any = inflight.takeAny(awaits);
            expect(model.has(any)).toBe(false);
            model.set(any, awaits);
          } else if (model.has(id)) {
            if (what === 'free') {
              inflight.free(id);
              model.delete(id);
            } else {
              inflight.change(id, awaits);
              model.set(id, awaits);
            }
          }
          expect(inflight.size).toBe(model.size);
          expect(inflight.awaits(id)).toBe(model.get(id));
        }
        for (const [id, awaits] of model) expect(inflight.awaits(id)).toBe(awaits);
      }),
    );
  });

  it('may all be in use at once', () => {
    const inflight = new LiveInflight();
    const ids = new Set<number>();
    for (let count = 0; count < PACKET_ID_MAX; count++) ids.add(inflight.takeAny(AWAITS.puback));
    expect([ids.size, inflight.size, Math.min(...ids), Math.max(...ids)]).toEqual([
      PACKET_ID_MAX,
      PACKET_ID_MAX,
      1,
      PACKET_ID_MAX,
    ]);
  });

  it('that follow each other in steps are mostly free', () => {
    for (const step of [1, 16, 100, 1024, 4096]) {
      const inflight = new LiveInflight();
      const taken: number[] = [];
      let refused = 0;
      for (let count = 1; count <= 20_000; count++) {
        const id = ((count * step) % PACKET_ID_MAX) + 1;
        if (inflight.take(id, AWAITS.puback)) taken.push(id);
        else refused += 1;
        if (taken.length > 100) inflight.free(taken.shift()!);
      }
      expect(refused).toBeLessThan(10_000);
    }
  });
});
