import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { joinSmall } from './join-small.ts';

describe('joinSmall', () => {
  it('keeps the bytes and their order', () => {
    const size = fc.oneof(fc.integer({ min: 0, max: 30 }), fc.integer({ min: 1020, max: 1030 }));
    fc.assert(
      fc.property(fc.array(size), (sizes) => {
        const buffers = sizes.map((bytes, at) => Buffer.alloc(bytes, at));
        const joined = joinSmall(buffers);
        expect(Buffer.concat(joined).equals(Buffer.concat(buffers))).toBe(true);
        expect(joined.length).toBeLessThanOrEqual(buffers.length);
      }),
    );
  });

  it('makes one of small neighbours and leaves large buffers uncopied', () => {
    const large = Buffer.alloc(5000);
    const small = () => Buffer.alloc(10);
    const joined = joinSmall([small(), small(), large, small(), large, small(), small()]);
    expect(joined.map((buffer) => buffer.length)).toEqual([20, 5000, 10, 5000, 20]);
    expect(joined[1]).toBe(large);
  });
});
