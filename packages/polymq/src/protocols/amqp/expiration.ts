import type { PropertiesScan } from './codec/scan-properties.ts';
import { AmqpError } from './errors.ts';

/** Digits of the longest time that is allowed. */
const DIGITS_MAX = 13;
const ZERO = 0x30;

/** The `expiration` property: milliseconds as text, which is how RabbitMQ has them. */
export function expirationMs(buffer: Buffer, scan: PropertiesScan): number {
  const { expirationStart: start, expirationEnd: end } = scan;
  let ms = 0;
  for (let at = start; at < end; at++) {
    const digit = buffer[at]! - ZERO;
    if (digit < 0 || digit > 9 || end - start > DIGITS_MAX) refuse(buffer, scan);
    ms = ms * 10 + digit;
  }
  if (start === end) refuse(buffer, scan);
  return ms;
}

/** RabbitMQ's words, which are Erlang's terms. */
function refuse(buffer: Buffer, scan: PropertiesScan): never {
  const text = buffer.toString('utf8', scan.expirationStart, scan.expirationEnd);
  throw new AmqpError('preconditionFailed', `invalid expiration '${text}': ${problemOf(text)}`);
}

function problemOf(text: string): string {
  const [, number = '', rest] = /^([+-]?[0-9]*)(.*)$/s.exec(text)!;
  if (!/[0-9]/.test(number)) return 'no_integer';
  if (rest !== '') return `{leftover_string,"${rest}"}`;
  return number.startsWith('-') ? `{value_negative,${number}}` : `{value_too_large,${number}}`;
}
