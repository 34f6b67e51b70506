/**
 * Kafka's variable-length forms, read from a request or response.
 *
 *            classic                       compact (KIP-482)
 *   string   int16 length, -1 = null       uvarint length + 1, 0 = null
 *   bytes    int32 length, -1 = null       uvarint length + 1, 0 = null
 *   array    int32 count, -1 = null        uvarint count + 1, 0 = null
 *
 * The `…Length` and `…Count` functions return -1 for null; all of them check before they step.
 */
import type { Reader } from '../../../lib/bytes/reader.ts';

/** A compact string could claim more; Kafka refuses it too. */
const STRING_BYTES_MAX = 0x7fff;
const UUID_BYTES = 16;

export function readString(reader: Reader): string {
  const length = reader.int16();
  return length < 0 ? reader.fail('null in place of a string') : reader.utf8(length);
}

export function readNullableString(reader: Reader): string | null {
  const length = reader.int16();
  return length === -1 ? null : reader.utf8(length);
}

export function readCompactString(reader: Reader): string {
  return readCompactNullableString(reader) ?? reader.fail('null in place of a string');
}

export function readCompactNullableString(reader: Reader): string | null {
  const length = reader.uvarint() - 1;
  if (length > STRING_BYTES_MAX) reader.fail(`string of ${length} bytes is too long`);
  return length < 0 ? null : reader.utf8(length);
}

export function readBytes(reader: Reader): Buffer {
  const length = reader.int32();
  return length < 0 ? reader.fail('null in place of bytes') : reader.slice(length);
}

export function readNullableBytes(reader: Reader): Buffer | null {
  const length = reader.int32();
  return length === -1 ? null : reader.slice(length);
}

export function readCompactBytes(reader: Reader): Buffer {
  return readCompactNullableBytes(reader) ?? reader.fail('null in place of bytes');
}

export function readCompactNullableBytes(reader: Reader): Buffer | null {
  const length = reader.uvarint() - 1;
  return length < 0 ? null : reader.slice(length);
}

/** The count of an array, -1 for null, refused when its elements cannot all be there. */
export function readArrayCount(reader: Reader, elementBytesMin: number): number {
  const claimed = reader.int32();
  return claimed === -1 ? -1 : reader.count(claimed, elementBytesMin);
}

export function readCompactArrayCount(reader: Reader, elementBytesMin: number): number {
  const claimed = reader.uvarint() - 1;
  return claimed === -1 ? -1 : reader.count(claimed, elementBytesMin);
}

/** The two digits of each byte, for a UUID is built digit by digit. */
const HIGH_DIGITS = Uint8Array.from({ length: 256 }, (_, byte) => hexDigit(byte >> 4));
const LOW_DIGITS = Uint8Array.from({ length: 256 }, (_, byte) => hexDigit(byte & 15));
/** Where bytes 4, 6, 8 and 10 have a dash in front. */
const DASH_BEFORE = 0b0101_0101_0000;
const uuidText = Buffer.alloc(36, '-');

function hexDigit(value: number): number {
  return value.toString(16).charCodeAt(0);
}

/** A UUID in its usual form of 36 lower-case characters. */
export function readUuid(reader: Reader): string {
  const start = reader.take(UUID_BYTES);
  let at = 0;
  for (let index = 0; index < UUID_BYTES; index++) {
    const byte = reader.buffer[start + index]!;
    if ((DASH_BEFORE >> index) & 1) at++;
    uuidText[at++] = HIGH_DIGITS[byte]!;
    uuidText[at++] = LOW_DIGITS[byte]!;
  }
  return uuidText.toString('latin1');
}

/** Steps over the tagged fields at the end of a struct that has none of its own. */
export function skipTags(reader: Reader): void {
  if (!hasNoTags(reader)) readTags(reader, skipTag);
}

/** Steps over the end of a struct without tagged fields, the usual one; false if there are some. */
export function hasNoTags(reader: Reader): boolean {
  if (reader.position >= reader.end || reader.buffer[reader.position] !== 0) return false;
  reader.position += 1;
  return true;
}

function skipTag(): boolean {
  return false;
}

/**
 * Reads tagged fields: count, then number, size and content of each. `readTag` is called with the piece
 * narrowed to the content; it returns whether it knew the tag, otherwise the content is stepped over.
 */
export function readTags(reader: Reader, readTag: (tag: number) => boolean): void {
  const claimed = reader.uvarint();
  if (claimed === 0) return;
  // Each takes at least a byte for its number and one for its size.
  const count = reader.count(claimed, 2);
  for (let index = 0; index < count; index++) {
    const tag = reader.uvarint();
    const size = reader.uvarint();
    const contentEnd = reader.take(size) + size;
    const end = reader.end;
    reader.position = contentEnd - size;
    reader.end = contentEnd;
    if (readTag(tag) && reader.position !== contentEnd) {
      reader.fail(`tagged field ${tag} leaves ${reader.remaining} of its bytes unread`);
    }
    reader.position = contentEnd;
    reader.end = end;
  }
}
