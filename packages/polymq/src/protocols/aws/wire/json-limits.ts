/**
 * What JSON may hold beyond long texts, looked at before it is parsed: a body of nothing but brackets takes a hundred times as long and as
 * much memory as one of the same size with a message in it. Texts are skipped from quote to quote.
 */
import { AwsError } from './aws-error.ts';

/** Shorter bodies cannot do harm. */
const UNCHECKED_BYTES = 16 * 1024;

/** Objects, lists, names and texts. A batch of ten messages with ten attributes each has some 1000. */
export const JSON_TOKENS_MAX = 20_000;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const LIST = 0x5b;
const OBJECT = 0x7b;

export function checkJsonLimits(body: Buffer): void {
  if (body.length <= UNCHECKED_BYTES) return;
  let tokens = 0;
  let at = 0;
  while (at < body.length) {
    const octet = body[at]!;
    at += 1;
    if (octet === QUOTE) at = endOfText(body, at);
    else if (octet !== LIST && octet !== OBJECT) continue;
    tokens += 1;
    if (tokens > JSON_TOKENS_MAX) {
      throw new AwsError(
        'SerializationException',
        `The body has more than ${JSON_TOKENS_MAX} objects, lists and strings.`,
      );
    }
  }
}

/** Behind its closing quote: the first with an even number of backslashes before it. */
function endOfText(body: Buffer, start: number): number {
  let from = start;
  for (;;) {
    const quote = body.indexOf(QUOTE, from);
    if (quote < 0) return body.length;
    let before = quote;
    while (before > from && body[before - 1] === BACKSLASH) before -= 1;
    if ((quote - before) % 2 === 0) return quote + 1;
    from = quote + 1;
  }
}
