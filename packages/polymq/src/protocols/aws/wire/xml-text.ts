/**
 * Text inside of XML elements, as AWS writes it: quotes and carriage returns are escaped too. Characters that no XML 1.0 document may
 * have (a queue that other protocols fill may hold them) become U+FFFD: escaped or not, parsers would refuse the whole answer.
 *
 * Done on bytes: an answer may hold ten mebibytes of nothing but `<`, and joining as many little strings takes seconds. Halves of
 * surrogate pairs become U+FFFD by being encoded; U+FFFE and U+FFFF are the bytes EF BF BE and EF BF BF.
 */

const REPLACEMENT: Buffer = Buffer.from('\ufffd', 'utf8');
const FIRST_NON_ASCII = 0x80;
const ENTITIES: readonly (Buffer | undefined)[] = entitiesByByte();

/** What has to be looked at more closely. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
const SPECIAL = /[\u0000-\u0008\u000b-\u001f&<>"\ufffe\uffff\p{Surrogate}]/u;

export function escapeXml(text: string): string {
  if (!SPECIAL.test(text)) return text;
  const source = Buffer.from(text, 'utf8');
  const target = Buffer.allocUnsafe(escapedBytes(source));
  let end = 0;
  for (let at = 0; at < source.length; at += 1) {
    const byte = source[at]!;
    const entity = byte < FIRST_NON_ASCII ? ENTITIES[byte] : undefined;
    if (entity !== undefined) {
      for (let index = 0; index < entity.length; index += 1) target[end++] = entity[index]!;
    } else if (isNoncharacter(source, at)) {
      target.set(REPLACEMENT, end);
      end += REPLACEMENT.length;
      at += 2;
    } else target[end++] = byte;
  }
  return target.toString('utf8', 0, end);
}

function escapedBytes(source: Buffer): number {
  let bytes = source.length;
  for (let at = 0; at < source.length; at += 1) {
    const byte = source[at]!;
    if (byte < FIRST_NON_ASCII) bytes += (ENTITIES[byte]?.length ?? 1) - 1;
  }
  return bytes;
}

function isNoncharacter(source: Buffer, at: number): boolean {
  return source[at] === 0xef && source[at + 1] === 0xbf && source[at + 2]! >= 0xbe;
}

function entitiesByByte(): (Buffer | undefined)[] {
  const table: (Buffer | undefined)[] = new Array(FIRST_NON_ASCII).fill(undefined);
  for (let code = 0; code < 0x20; code += 1) table[code] = REPLACEMENT;
  table[0x09] = undefined;
  table[0x0a] = undefined;
  const named = { '\r': '&#xD;', '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
  for (const [character, text] of Object.entries(named)) {
    table[character.charCodeAt(0)] = Buffer.from(text, 'latin1');
  }
  return table;
}
