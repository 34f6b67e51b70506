import { describe, expect, it } from 'vitest';
import { SparseColumn } from './sparse-column.ts';

const FAR = 1 << 20;

describe('a sparse column', () => {
  it('is 0 where nothing was set', () => {
    const column = new SparseColumn();
    column.set(FAR + 1, 5);
    expect([column.get(FAR), column.get(FAR + 1), column.get(3)]).toEqual([0, 5, 0]);
    expect(column.count).toBe(1);
  });

  it('is 0 everywhere again in memory that other rows had', () => {
    const column = new SparseColumn();
    for (const row of [7, 8, 9]) column.set(row, row);
    for (const row of [7, 8, 9]) column.set(row, 0);
    expect(column.count).toBe(0);
    column.set(FAR + 7, 1);
    expect([7, 8, 9].map((row) => column.get(FAR + row))).toEqual([1, 0, 0]);
    expect(column.get(7)).toBe(0);
    column.set(7, 2);
    expect([column.get(7), column.get(FAR + 7), column.count]).toEqual([2, 1, 2]);
  });

  it('allocates nothing for one row after the other', () => {
    const column = new SparseColumn();
    column.set(0, 1);
    column.set(0, 0);
    const before = process.memoryUsage().arrayBuffers;
    for (let row = 0; row < 1000; row++) {
      column.set(row, 1);
      column.set(row, 0);
    }
    // A page each time would be 128 MB.
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 * 1024 * 1024);
  });
});
