import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { md5Of, md5OfAttributes } from './md5.ts';

describe('digests', () => {
  it('are those of the documentation of AWS', () => {
    expect(md5Of('This is a test message')).toBe('fafb00f5732ab283681e124bf8747ed1');
    expect(md5OfAttributes({})).toBeUndefined();
  });

  it('cover names, types, kinds and values, sorted by name', () => {
    const u32 = (value: number) => Buffer.from([0, 0, 0, value]);
    const parts = [
      ...[u32(1), Buffer.from('a'), u32(6), Buffer.from('Binary'), Buffer.of(2)],
      ...[u32(2), Buffer.from([1, 2])],
      ...[u32(1), Buffer.from('b'), u32(10), Buffer.from('Number.int'), Buffer.of(1)],
      ...[u32(2), Buffer.from('42')],
    ];
    const expected = createHash('md5').update(Buffer.concat(parts)).digest('hex');
    const digest = md5OfAttributes({
      b: { DataType: 'Number.int', StringValue: '42' },
      a: { DataType: 'Binary', BinaryValue: Buffer.from([1, 2]).toString('base64') },
    });
    expect(digest).toBe(expected);
  });
});
