import { Reader } from '@platformatic/kafka';
import { expect, test } from 'vitest';
import { type FieldReaderClass, mendTaggedFields, skipsTaggedFields } from './tagged-fields.ts';

/** The library's, whatever another test has made of it. */
class OwnReader extends Reader {
  static override from(buffer: Buffer): OwnReader {
    return new OwnReader(Reader.from(buffer).buffer);
  }

  override readTaggedFields(): void {
    const length = this.readVarInt();
    if (length > 0) this.skip(length);
  }
}

const own = OwnReader as unknown as FieldReaderClass;

test('the reader of the library skips tagged fields when it is mended', () => {
  expect(skipsTaggedFields(own)).toBe(false);
  mendTaggedFields(own);
  expect(skipsTaggedFields(own)).toBe(true);
  const several = own.from(Buffer.from([2, 0, 1, 9, 5, 2, 8, 8, 42]));
  several.readTaggedFields();
  expect(several.readInt8()).toBe(42);
  const none = own.from(Buffer.from([0, 42]));
  none.readTaggedFields();
  expect(none.readInt8()).toBe(42);
});

test('a reader that skips them is left alone', () => {
  mendTaggedFields(own);
  const mended = own.prototype.readTaggedFields;
  mendTaggedFields(own);
  expect(own.prototype.readTaggedFields).toBe(mended);
});
