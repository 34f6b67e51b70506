/** Field tables with every kind of value, for property tests. */
import fc from 'fast-check';
import {
  FieldDecimal,
  type FieldTable,
  FieldTimestamp,
  type FieldValue,
} from '../../methods/row.ts';

const name = fc.oneof(
  fc.string({ maxLength: 12 }),
  fc.string({ maxLength: 12, unit: 'grapheme' }),
  fc.constantFrom('__proto__', 'constructor', 'timestamp', 'CC', 'BCC', 'x-delay'),
);

export const fieldTable: fc.Arbitrary<FieldTable> = fc.letrec<{
  value: FieldValue;
  table: FieldTable;
}>((tie) => ({
  table: fc.dictionary(name, tie('value'), { maxKeys: 6, noNullPrototype: false }),
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.string({ unit: 'grapheme' }),
    fc.boolean(),
    fc.integer(),
    fc.maxSafeInteger(),
    fc.double(),
    fc
      .bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
      .filter((value) => !Number.isSafeInteger(Number(value))),
    fc.constant(null),
    fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)),
    fc.maxSafeNat().map((seconds) => new FieldTimestamp(seconds)),
    fc
      .tuple(fc.nat(255), fc.integer({ min: 0, max: 0xffff_ffff }))
      .map(([places, digits]) => new FieldDecimal(places, digits)),
    fc.array(tie('value'), { maxLength: 4 }),
    tie('table'),
  ),
})).table;
