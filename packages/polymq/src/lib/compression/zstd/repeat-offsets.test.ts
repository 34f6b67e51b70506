import { expect, test } from 'vitest';
import { type RepeatOffsets, repeatOffset } from './repeat-offsets.ts';

test.each<[value: number, literalLength: number, offset: number, after: RepeatOffsets]>([
  [1, 5, 10, [10, 20, 30]],
  [2, 5, 20, [20, 10, 30]],
  [3, 5, 30, [30, 10, 20]],
  [1, 0, 20, [20, 10, 30]],
  [2, 0, 30, [30, 10, 20]],
  [3, 0, 9, [9, 10, 20]],
])('%i after %i literals stands for the offset %i', (value, literalLength, offset, after) => {
  const repeats: RepeatOffsets = [10, 20, 30];
  expect(repeatOffset(repeats, value, literalLength)).toBe(offset);
  expect(repeats).toEqual(after);
});
