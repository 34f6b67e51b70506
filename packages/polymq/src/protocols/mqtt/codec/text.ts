/** Texts as MQTT has them: UTF-8 without surrogates and without U+0000 [MQTT-1.5.4-1, MQTT-1.5.4-2]. */
import { isUtf8 } from 'node:buffer';

/** Up to here, looking at the bytes one by one is quicker than making a view of them. */
const LOOP_BYTES_MAX = 64;

/** Whether `[start, end)` is a text. */
export function isText(buffer: Buffer, start: number, end: number): boolean {
  if (isPlain(buffer, start, end)) return true;
  const bytes = buffer.subarray(start, end);
  return !bytes.includes(0) && isUtf8(bytes);
}

/** The text in `[start, end)`; undefined if it is none. */
export function textAt(buffer: Buffer, start: number, end: number): string | undefined {
  if (isPlain(buffer, start, end)) return buffer.toString('latin1', start, end);
  return isText(buffer, start, end) ? buffer.toString('utf8', start, end) : undefined;
}

/** Short, and nothing but ASCII from U+0001. */
function isPlain(buffer: Buffer, start: number, end: number): boolean {
  if (end - start > LOOP_BYTES_MAX) return false;
  for (let at = start; at < end; at++) {
    const byte = buffer[at]!;
    if (byte === 0 || byte > 0x7f) return false;
  }
  return true;
}
