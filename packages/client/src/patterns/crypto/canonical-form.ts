/** One form of bytes for a list of texts, so that both sides sign and authenticate the same, and no two lists look alike. */
import { PolymqError } from '../../errors.ts';
import { RESERVED_PREFIX } from '../../message/headers.ts';
import type { WireMessage } from '../../message/wire-message.ts';

const ABSENT = 0xffff_ffff;

/**
 * Each with its length before it, so that moving a byte from one to the next makes other bytes:
 *
 *   length u32 (ffffffff: absent, then nothing) | bytes
 */
export function canonicalForm(fields: readonly (string | Uint8Array | undefined)[]): Buffer {
  let bytes = 0;
  for (const field of fields) bytes += 4 + (field === undefined ? 0 : Buffer.byteLength(field));
  const form = Buffer.allocUnsafe(bytes);
  let end = 0;
  for (const field of fields) {
    const length = field === undefined ? ABSENT : Buffer.byteLength(field);
    form.writeUInt32BE(length, end);
    end += 4;
    if (field === undefined) continue;
    if (typeof field === 'string') form.write(field, end, 'utf8');
    else form.set(field, end);
    end += length;
  }
  return form;
}

/** The names and values of the headers, in the order of the names; absent ones, too. */
export function headerFields(
  headers: Readonly<Record<string, string>>,
  names: readonly string[],
): (string | undefined)[] {
  return names.flatMap((name) => [name, Object.hasOwn(headers, name) ? headers[name] : undefined]);
}

/** An empty type or key is none: engines do not tell them apart. */
export function presentText(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}

/** For a header: `words` of printable ASCII, none of them empty. */
export function encodeWords(words: readonly string[]): string {
  return words.map((word) => encodeURIComponent(word)).join(' ');
}

/** `undefined` if it was not made by `encodeWords`. */
export function decodeWords(text: string): string[] | undefined {
  try {
    const words = text.split(' ').map((word) => decodeURIComponent(word));
    return encodeWords(words) === text && words.every((word) => word !== '') ? words : undefined;
  } catch {
    return undefined;
  }
}

/** Names of headers that are bound to each message: sorted, each once. Throws `invalid-argument`. */
export function boundHeaders(names: readonly string[] | undefined, option: string): string[] {
  const sorted = [...new Set(names)].sort();
  for (const name of sorted) {
    // The SDK changes its own from hop to hop.
    const wellFormed = name !== '' && Buffer.from(name).toString() === name;
    if (wellFormed && !name.startsWith(RESERVED_PREFIX)) continue;
    throw new PolymqError(
      'invalid-argument',
      `${option} names the header ${JSON.stringify(name)}; give names of headers that you set yourself`,
    );
  }
  return sorted;
}

/** The same message with another body and other headers, whatever kind of object it is. */
export function withContent<M extends WireMessage>(
  message: M,
  content: Pick<WireMessage, 'body' | 'contentType' | 'headers'>,
): M {
  const { id, type, key, timestampMs, correlationId, replyTo } = message;
  return { ...message, id, type, key, timestampMs, correlationId, replyTo, ...content };
}
