import { isUtf8 } from 'node:buffer';
import { AmqpSyntaxError } from './amqp-syntax-error.ts';
import { REPLY_CODE } from './reply-code.ts';

/** Up to here, looking at the octets one by one is quicker than making a view of them. */
const LOOP_BYTES_MAX = 64;

/** The text in `[start, end)`; undefined if it is not UTF-8. */
export function utf8At(buffer: Buffer, start: number, end: number): string | undefined {
  if (isAscii(buffer, start, end)) return buffer.toString('latin1', start, end);
  return isUtf8(buffer.subarray(start, end)) ? buffer.toString('utf8', start, end) : undefined;
}

function isAscii(buffer: Buffer, start: number, end: number): boolean {
  if (end - start > LOOP_BYTES_MAX) return false;
  for (let at = start; at < end; at++) {
    if (buffer[at]! > 0x7f) return false;
  }
  return true;
}

/** The name in `[start, end)`: RabbitMQ too closes with 501 where a short string is not UTF-8. */
export function readName(buffer: Buffer, start: number, end: number): string {
  const text = utf8At(buffer, start, end);
  if (text === undefined) {
    throw new AmqpSyntaxError(REPLY_CODE.frameError, `short string at byte ${start} is not UTF-8`);
  }
  return text;
}

/** Text cut to the 255 octets of a short string, between characters. */
export function shortText(text: string): string {
  if (Buffer.byteLength(text) <= 255) return text;
  const bytes = Buffer.from(text);
  let end = 252;
  while ((bytes[end]! & 0xc0) === 0x80) end -= 1;
  return `${bytes.toString('utf8', 0, end)}...`;
}
