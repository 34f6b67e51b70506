/**
 * How octets that would end a header are written in one, by version:
 *
 *   octet      1.0          1.1      1.2
 *   \          as it is     \\       \\
 *   :          as it is     \c       \c
 *   LF         cannot be    \n       \n
 *   CR         as it is     as it is \r
 *
 * Messages are stored as 1.2 writes them. RabbitMQ reads `\r` in 1.1 too, and so do we. What 1.0 cannot write stays
 * escaped there: a header must never end the line it stands in.
 */
import { malformed } from './stomp-error.ts';

export type Version = '1.0' | '1.1' | '1.2';

const BACKSLASH = 0x5c;
const COLON = 0x3a;
const LF = 0x0a;
const CR = 0x0d;

/** What stands behind the backslash, by octet; 0: written as it is. */
export const ESCAPE_OF: Uint8Array = new Uint8Array(256);
const OCTET_OF = new Uint8Array(256);
for (const [octet, letter] of [
  [BACKSLASH, '\\'],
  [COLON, 'c'],
  [LF, 'n'],
  [CR, 'r'],
] as const) {
  ESCAPE_OF[octet] = letter.charCodeAt(0);
  OCTET_OF[letter.charCodeAt(0)] = octet;
}

/** Bytes as 1.2 writes them in a header. */
export function escaped(bytes: Buffer): Buffer {
  let more = 0;
  for (let at = 0; at < bytes.length; at++) if (ESCAPE_OF[bytes[at]!] !== 0) more += 1;
  if (more === 0) return bytes;
  const result = Buffer.allocUnsafe(bytes.length + more);
  let end = 0;
  for (let at = 0; at < bytes.length; at++) {
    const letter = ESCAPE_OF[bytes[at]!]!;
    if (letter !== 0) {
      result[end++] = BACKSLASH;
      result[end++] = letter;
    } else result[end++] = bytes[at]!;
  }
  return result;
}

/** The bytes that `escaped` was given. Throws for an escape that STOMP does not know. */
export function unescaped(bytes: Buffer): Buffer {
  let at = bytes.indexOf(BACKSLASH);
  if (at < 0) return bytes;
  const result = Buffer.allocUnsafe(bytes.length);
  let end = bytes.copy(result, 0, 0, at);
  for (; at < bytes.length; at++) {
    const octet = bytes[at]!;
    if (octet !== BACKSLASH) result[end++] = octet;
    else {
      at += 1;
      const meant = at < bytes.length ? OCTET_OF[bytes[at]!]! : 0;
      if (meant === 0) throw badEscape(bytes, at);
      result[end++] = meant;
    }
  }
  return result.subarray(0, end);
}

function badEscape(bytes: Buffer, at: number): Error {
  const given = bytes.toString('latin1', at - 1, Math.min(at + 1, bytes.length));
  return malformed(`'${given}' is no escape that STOMP has; a backslash is written '\\\\'`);
}

/** Text of a header as `version` writes it. */
export function escapedText(text: string, version: Version): string {
  return rewritten(escaped(Buffer.from(text)), version).toString();
}

/** Lines or text written for 1.2 as an older version writes them. */
export function rewritten(lines: Buffer, version: Version): Buffer {
  if (version === '1.2') return lines;
  const result = Buffer.allocUnsafe(lines.length);
  let end = 0;
  for (let at = 0; at < lines.length; at++) {
    const octet = lines[at]!;
    const meant = octet === BACKSLASH ? OCTET_OF[lines[at + 1] ?? 0]! : 0;
    const plain = version === '1.1' ? meant === CR : meant !== 0 && meant !== LF;
    if (plain) {
      result[end++] = meant;
      at += 1;
    } else {
      result[end++] = octet;
      // A backslash that stays keeps its letter, which may be a backslash too.
      if (octet === BACKSLASH && at + 1 < lines.length) result[end++] = lines[++at]!;
    }
  }
  return result.subarray(0, end);
}
