import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../lib/environment/simulated/seeded-random.ts';
import { NO_ROW, ROW_STATE, RowTable } from './rows.ts';

const PAGE_ROWS = 1 << 14;

function allocateReady(table: RowTable): number {
  const row = table.allocate();
  table.page(row).state[table.index(row)] = ROW_STATE.ready;
  return row;
}

describe('the row table', () => {
  it('gives every row to one user at a time', () => {
    const table = new RowTable();
    const random = new SeededRandom(1);
    const used: number[] = [];
    for (let step = 0; step < 200_000; step++) {
      if (random.integer(used.length > 60_000 ? 3 : 5) < 2 && used.length > 0) {
        const at = random.integer(used.length);
        table.free(used[at]!);
        used[at] = used.at(-1)!;
        used.pop();
      } else used.push(allocateReady(table));
    }
    expect(new Set(used).size).toBe(used.length);
    expect(table.count).toBe(used.length);
    const seen: number[] = [];
    table.forEach((row) => {
      seen.push(row);
    });
    expect(seen).toEqual(used.sort((a, b) => a - b));
  });

  it('hands out rows with nothing left of their last use', () => {
    const table = new RowTable();
    const row = allocateReady(table);
    const page = table.page(row);
    const index = table.index(row);
    for (const column of [page.next, page.timer, page.group, page.attempts, page.flags]) {
      column[index] = 7;
    }
    page.expiresMs[index] = 7;
    table.free(row);
    expect(table.allocate()).toBe(row);
    expect(page.next[index]).toBe(NO_ROW);
    expect([page.timer[index], page.group[index], page.attempts[index]]).toEqual([0, 0, 0]);
    expect([page.flags[index], page.expiresMs[index]]).toEqual([0, 0]);
  });

  it('gives pages back when their rows are free, but for a few', () => {
    const table = new RowTable();
    const rows = Array.from({ length: 10 * PAGE_ROWS }, () => allocateReady(table));
    expect(table.pages.filter(Boolean)).toHaveLength(10);
    for (const row of rows) table.free(row);
    expect(table.count).toBe(0);
    expect(table.pages.filter(Boolean)).toHaveLength(4);
    for (let count = 0; count < 10 * PAGE_ROWS; count++) allocateReady(table);
    expect(table.pages.filter(Boolean)).toHaveLength(10);
    expect(table.count).toBe(10 * PAGE_ROWS);
  });
});
