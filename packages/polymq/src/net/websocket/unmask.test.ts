import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rotate, unmask } from './unmask.ts';

describe('taking off a mask', () => {
  it('undoes what a client does, at any place of the memory and for any length', () => {
    const memory = Buffer.alloc(2100);
    const place = fc.nat(40);
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 2000 }),
        fc.integer(),
        place,
        place,
        (payload, mask, from, to) => {
          const key = [mask, mask >>> 8, mask >>> 16, mask >>> 24].map((byte) => byte & 0xff);
          const input = Buffer.alloc(from + payload.length);
          input.set(
            payload.map((byte, i) => byte ^ key[i % 4]!),
            from,
          );
          memory.fill(7);
          const target = memory.subarray(3, 3 + 40 + payload.length);
          unmask(input, from, payload.length, target, to, mask);
          expect(Buffer.from(payload).equals(target.subarray(to, to + payload.length))).toBe(true);
          expect([...memory.subarray(0, 3 + to)].every((byte) => byte === 7)).toBe(true);
          expect([...memory.subarray(3 + to + payload.length)].every((byte) => byte === 7)).toBe(
            true,
          );
        },
      ),
      { numRuns: 500 },
    );
  });

  it('goes on with the byte of the mask that comes next', () => {
    expect([0, 1, 2, 3].map((bytes) => rotate(0x04030201, bytes) & 0xff)).toEqual([1, 2, 3, 4]);
  });
});
