/**
 * Kafka's variable-length forms, written; the forms are drawn in `read-values.ts`. Each writes a length and
 * then the bytes; a text that is longer than its length field can say is cut.
 */
import type { Writer } from '../../../lib/bytes/writer.ts';

const STRING_BYTES_MAX = 0x7fff;

/** Up to here a loop beats a call into native code; it also keeps the compact length in one byte. */
const SHORT_CHARACTERS_MAX = 48;

export type RecordsInput = Buffer | readonly Buffer[] | null;

export function writeString(writer: Writer, value: string | null): void {
  if (value === null) {
    writer.int16(-1);
    return;
  }
  if (value.length <= SHORT_CHARACTERS_MAX) {
    writer.int16(value.length);
    if (writer.ascii(value)) return;
    writer.rewind(2);
  }
  const text = fitting(value);
  const bytes = Buffer.byteLength(text);
  writer.int16(bytes);
  writer.utf8(text, bytes);
}

export function writeCompactString(writer: Writer, value: string | null): void {
  if (value === null) {
    writer.uvarint(0);
    return;
  }
  if (value.length <= SHORT_CHARACTERS_MAX) {
    writer.uvarint(value.length + 1);
    if (writer.ascii(value)) return;
    writer.rewind(1);
  }
  const text = fitting(value);
  const bytes = Buffer.byteLength(text);
  writer.uvarint(bytes + 1);
  writer.utf8(text, bytes);
}

/**
 * A string carries 32,767 bytes at most. Strings that came from a peer always fit; a message that quotes
 * one may not, and is cut rather than failing the response.
 */
function fitting(value: string): string {
  if (value.length * 3 <= STRING_BYTES_MAX || Buffer.byteLength(value) <= STRING_BYTES_MAX) {
    return value;
  }
  return value.slice(0, Math.floor(STRING_BYTES_MAX / 3));
}

export function writeBytes(writer: Writer, value: RecordsInput): void {
  if (value === null) {
    writer.int32(-1);
    return;
  }
  writer.int32(bytesLength(value));
  writePieces(writer, value);
}

export function writeCompactBytes(writer: Writer, value: RecordsInput): void {
  if (value === null) {
    writer.uvarint(0);
    return;
  }
  writer.uvarint(bytesLength(value) + 1);
  writePieces(writer, value);
}

function bytesLength(value: Buffer | readonly Buffer[]): number {
  if (Buffer.isBuffer(value)) return value.length;
  let length = 0;
  for (const piece of value) length += piece.length;
  return length;
}

function writePieces(writer: Writer, value: Buffer | readonly Buffer[]): void {
  if (Buffer.isBuffer(value)) writer.bytes(value);
  else for (const piece of value) writer.bytes(piece);
}

export function writeUuid(writer: Writer, value: string): void {
  writer.hex(value.replaceAll('-', ''));
}
