/**
 * Text inside of XML elements, as AWS writes it: quotes and carriage returns are escaped too. Characters that no XML 1.0 document may
 * have (a queue that other protocols fill may hold them) become U+FFFD: escaped or not, parsers would refuse the whole answer.
 */

const REPLACEMENT = '\ufffd';
const TAB = 0x09;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const FIRST_PRINTABLE = 0x20;
const FIRST_SURROGATE = 0xd800;
const FIRST_LOW_SURROGATE = 0xdc00;
const LAST_SURROGATE = 0xdfff;
const FIRST_NONCHARACTER = 0xfffe;

const ENTITIES: ReadonlyMap<number, string> = new Map(
  Object.entries({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }).map(
    ([character, entity]) => [character.charCodeAt(0), entity],
  ),
);

export function escapeXml(text: string): string {
  let escaped = '';
  let copied = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    // Letters and digits, which most are.
    if (code > 0x3e && code < FIRST_SURROGATE) continue;
    if (isPair(text, at, code)) {
      at += 1;
      continue;
    }
    const instead = replacementOf(code);
    if (instead === undefined) continue;
    escaped += text.slice(copied, at) + instead;
    copied = at + 1;
  }
  return copied === 0 ? text : escaped + text.slice(copied);
}

/** Undefined: it stands for itself. */
function replacementOf(code: number): string | undefined {
  if (code < FIRST_PRINTABLE) {
    if (code === TAB || code === LINE_FEED) return undefined;
    return code === CARRIAGE_RETURN ? '&#xD;' : REPLACEMENT;
  }
  if (code < FIRST_SURROGATE) return ENTITIES.get(code);
  return code <= LAST_SURROGATE || code >= FIRST_NONCHARACTER ? REPLACEMENT : undefined;
}

function isPair(text: string, at: number, code: number): boolean {
  if (code < FIRST_SURROGATE || code >= FIRST_LOW_SURROGATE) return false;
  const next = text.charCodeAt(at + 1);
  return next >= FIRST_LOW_SURROGATE && next <= LAST_SURROGATE;
}
