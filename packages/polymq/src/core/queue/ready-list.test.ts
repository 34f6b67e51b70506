import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ReadyLevels } from './ready-levels.ts';
import { NO_ROW, RowTable } from './rows.ts';

function rowsWith(seqs: readonly number[]): { table: RowTable; rows: number[] } {
  const table = new RowTable();
  const rows = seqs.map((seq) => {
    const row = table.allocate();
    table.page(row).seq[table.index(row)] = seq;
    return row;
  });
  return { table, rows };
}

describe('ready messages', () => {
  it('come in the order of priority and seq, in whatever order they were put in and taken out', () => {
    const action = fc.oneof(
      fc.record({ priority: fc.nat(3), seq: fc.nat(1000) }),
      fc.constant('pop' as const),
    );
    fc.assert(
      fc.property(fc.array(action, { maxLength: 80 }), (actions) => {
        const { table } = rowsWith([]);
        const levels = new ReadyLevels(table);
        const model: { row: number; priority: number; seq: number }[] = [];
        for (const each of actions) {
          if (each === 'pop') {
            expect(levels.peek()).toBe(model[0]?.row ?? NO_ROW);
            if (model.length > 0) expect(levels.pop()).toBe(model.shift()!.row);
          } else if (model.every(({ seq }) => seq !== each.seq)) {
            const row = table.allocate();
            table.page(row).seq[table.index(row)] = each.seq;
            levels.insert(row, each.priority);
            model.push({ row, ...each });
            model.sort((a, b) => b.priority - a.priority || a.seq - b.seq);
          }
          expect(levels.count).toBe(model.length);
          expect(levels.first(5)).toEqual(model.slice(0, 5).map(({ row }) => row));
        }
      }),
    );
  });

  it('take as long for a hundred thousand that come back in any order as sorting takes', () => {
    const count = 100_000;
    const seqs = Array.from({ length: count }, (_, index) => (index * 7919) % count);
    const { table, rows } = rowsWith(seqs);
    const levels = new ReadyLevels(table);
    // A list that is searched from its head would need some billion steps, and this test would time out.
    for (const row of rows) levels.insert(row, 0);
    for (let seq = 0; seq < count; seq++) {
      const row = levels.pop();
      if (table.page(row).seq[table.index(row)] !== seq) expect.unreachable(`wrong at ${seq}`);
    }
  });
});
