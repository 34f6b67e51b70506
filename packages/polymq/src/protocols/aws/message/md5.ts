/**
 * Digests as SQS answers them, and SDKs check them.
 *
 * Of attributes, in the order of their names (by UTF-8 bytes):
 *
 *   u32 length │ name │ u32 length │ data type │ u8 1 (text) or 2 (bytes) │ u32 length │ value
 */
import { hash } from 'node:crypto';
import type { MessageAttributes } from './attributes.ts';

const TEXT = Buffer.of(1);
const BYTES = Buffer.of(2);

/** In lower-case hex. */
export function md5Of(data: string | Buffer): string {
  return hash('md5', data, 'hex');
}

/** Undefined if there are none. */
export function md5OfAttributes(attributes: MessageAttributes): string | undefined {
  const names = Object.keys(attributes);
  if (names.length === 0) return undefined;
  const sorted = names.length === 1 ? names : names.sort(byBytes);
  const parts: Buffer[] = [];
  for (const name of sorted) {
    const { DataType, StringValue, BinaryValue } = attributes[name]!;
    push(parts, Buffer.from(name, 'utf8'));
    push(parts, Buffer.from(DataType, 'utf8'));
    if (BinaryValue === undefined) {
      parts.push(TEXT);
      push(parts, Buffer.from(StringValue ?? '', 'utf8'));
    } else {
      parts.push(BYTES);
      push(parts, Buffer.from(BinaryValue, 'base64'));
    }
  }
  return md5Of(Buffer.concat(parts));
}

function push(parts: Buffer[], bytes: Buffer): void {
  const length = Buffer.allocUnsafe(4);
  length.writeUInt32BE(bytes.length, 0);
  parts.push(length, bytes);
}

function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a, 'utf8'), Buffer.from(b, 'utf8'));
}
