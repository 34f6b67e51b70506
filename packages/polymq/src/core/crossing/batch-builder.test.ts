import fc from 'fast-check';
import { expect, it } from 'vitest';
import { checkBatch } from '../record/check-batch.ts';
import { readRecords } from '../record/record-reader.ts';
import { writeBatch } from '../record/record-writer.ts';
import { BatchBuilder, type RecordPieces } from './batch-builder.ts';

const bytes = fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array));
const optionalBytes = fc.option(bytes, { nil: undefined });
const records: fc.Arbitrary<RecordPieces> = fc.record({
  key: optionalBytes,
  timestampMs: fc.integer({ min: 0, max: 4_000_000_000_000 }),
  value: fc.option(fc.array(bytes, { maxLength: 3 }), { nil: undefined }),
  headers: fc.array(
    fc.record({
      key: fc.string({ unit: 'grapheme' }),
      value: fc.oneof(optionalBytes, fc.string({ unit: 'grapheme' })),
    }),
    { maxLength: 4 },
  ),
});

function build(list: readonly RecordPieces[]): Buffer {
  const builder = new BatchBuilder();
  for (const record of list) expect(builder.add(record, Infinity)).toBe(true);
  return builder.finish();
}

it('writes the batches that the other writer writes', () => {
  fc.assert(
    fc.property(fc.array(records, { minLength: 1, maxLength: 20 }), (list) => {
      const batch = build(list);
      const same = list.map(({ value, headers, ...record }) => ({
        ...record,
        value: value && Buffer.concat(value),
        headers: headers.map(({ key, value }) => ({
          key,
          value: typeof value === 'string' ? Buffer.from(value) : value,
        })),
      }));
      expect(batch.equals(writeBatch({ records: same, timestampMs: 0 }))).toBe(true);
      expect(checkBatch(batch).recordCount).toBe(list.length);
    }),
  );
});

it('refuses the record that would make it too large, and is as it was before', () => {
  const record = { key: undefined, timestampMs: 5, headers: [], value: [Buffer.alloc(100)] };
  const builder = new BatchBuilder();
  expect(builder.add(record, 1000)).toBe(true);
  const before = builder.bytes;
  expect(builder.add(record, 2 * (before - 61) + 61 - 1)).toBe(false);
  expect([builder.count, builder.bytes]).toEqual([1, before]);
  expect(builder.add(record, 2 * (before - 61) + 61)).toBe(true);
  expect([...readRecords(builder.finish())]).toHaveLength(2);
});
