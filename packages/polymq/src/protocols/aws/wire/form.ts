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
      const equals = source.indexOf('=', at);
      const split = equals < 0 || equals > end ? end : equals;
      pairs.push([decode(source.slice(at, split)), decode(source.slice(split + 1, end))]);
    }
    at = end + 1;
  }
  return pairs;
}

/** The pairs of the query of a request's target. */
export function parseQueryString(target: string): [name: string, value: string][] {
  const at = target.indexOf('?');
  return at < 0 ? [] : parseForm(target.slice(at + 1));
}

const PLUS = /\+/g;
const ESCAPES = /(?:%[0-9a-fA-F]{2})+/g;

function decode(text: string): string {
  const blanks = text.includes('+') ? text.replace(PLUS, ' ') : text;
  if (!blanks.includes('%')) return blanks;
  try {
    return decodeURIComponent(blanks);
  } catch {
    return blanks.replace(ESCAPES, (escapes) =>
      Buffer.from(escapes.replaceAll('%', ''), 'hex').toString('utf8'),
    );
  }
}
