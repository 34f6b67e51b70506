import { describe, expect, it } from 'vitest';
import { Copier } from './copier.ts';

describe('copier', () => {
  it('copies every length from and to every alignment, and nothing around it', () => {
    const copier = new Copier();
    const source = Buffer.from(Array.from({ length: 500 }, (_, at) => (at * 7 + 1) & 0xff));
    for (let bytes = 0; bytes <= 400; bytes++) {
      for (let shift = 0; shift < 4; shift++) {
        const target = Buffer.alloc(480, 0xee);
        const slice = source.subarray(shift);
        const end = copier.copy(slice, 3, 3 + bytes, target, 5 + shift);
        expect(end).toBe(5 + shift + bytes);
        const expected = Buffer.alloc(480, 0xee);
        slice.copy(expected, 5 + shift, 3, 3 + bytes);
        expect(target.equals(expected)).toBe(true);
      }
    }
  });
});
