/**
 * `application/x-www-form-urlencoded` into pairs, in their order: bodies of the Query protocol and query strings.
 *
 * Linear in the length. `+` is a blank, `%xx` an octet of UTF-8; what is no valid escape stands for itself, as everywhere on the web,
 * and what is no valid UTF-8 becomes U+FFFD.
 */
import { AwsError } from './aws-error.ts';

export type FormPairs = readonly (readonly [name: string, value: string])[];

/** SendMessageBatch with ten entries and ten attributes each has some 350. */
export const FORM_PAIRS_MAX = 4096;

export function parseForm(body: Buffer | string): [name: string, value: string][] {
  const source = typeof body === 'string' ? body : body.toString('utf8');
  const pairs: [string, string][] = [];
  let at = 0;
  while (at < source.length) {
    let end = source.indexOf('&', at);
    if (end < 0) end = source.length;
    if (end > at) {
      if (pairs.length === FORM_PAIRS_MAX) {
        throw new AwsError(
          'MalformedQueryString',
          `The request has more than ${FORM_PAIRS_MAX} parameters.`,
        );
      }
      pairs.push(pairOf(source.slice(at, end)));
    }
    at = end + 1;
  }
  return pairs;
}

function pairOf(text: string): [name: string, value: string] {
  const equals = text.indexOf('=');
  if (equals < 0) return [decode(text), ''];
  return [decode(text.slice(0, equals)), decode(text.slice(equals + 1))];
}

/** The pairs of the query of a request's target. */
export function parseQueryString(target: string): [name: string, value: string][] {
  const at = target.indexOf('?');
  return at < 0 ? [] : parseForm(target.slice(at + 1));
}

/** Longer ones may be made of nothing but escapes, which would take long one by one. */
const SHORT_CHARS = 1024;
const PERCENT = 0x25;
const PLUS = 0x2b;
const BLANK = 0x20;

function decode(text: string): string {
  const escapes = text.includes('%');
  if (!escapes && !text.includes('+')) return text;
  if (text.length > SHORT_CHARS) return decodeOctets(text);
  const blanks = text.replaceAll('+', ' ');
  if (!escapes) return blanks;
  try {
    return decodeURIComponent(blanks);
  } catch {
    return decodeOctets(text);
  }
}

function decodeOctets(text: string): string {
  const octets = Buffer.from(text);
  let end = 0;
  for (let at = 0; at < octets.length; at += 1) {
    const octet = octets[at]!;
    let decoded = octet === PLUS ? BLANK : octet;
    if (octet === PERCENT) {
      const value = hexDigit(octets[at + 1]) * 16 + hexDigit(octets[at + 2]);
      if (!Number.isNaN(value)) {
        decoded = value;
        at += 2;
      }
    }
    octets[end] = decoded;
    end += 1;
  }
  return octets.toString('utf8', 0, end);
}

/** NaN if it is none. */
function hexDigit(octet = 0): number {
  if (octet >= 0x30 && octet <= 0x39) return octet - 0x30;
  const lower = octet | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x61 + 10 : Number.NaN;
}
