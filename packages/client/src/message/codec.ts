/**
 * Data to bytes and back, where no contract says how. The content type tells which of three forms it is, so that other programs can
 * read what the SDK wrote, and the SDK what they wrote:
 *
 *   Uint8Array        application/octet-stream    as it is
 *   string            text/plain                  UTF-8
 *   anything else     application/json            JSON; undefined is null
 *
 * What comes without a content type is JSON if it parses, else text if it is UTF-8, else bytes.
 */
import { PolymqError } from '../errors.ts';
import { describeError } from '../lib/describe.ts';
import type { EncodedData } from './contract.ts';

export const CONTENT = {
  json: 'application/json',
  text: 'text/plain',
  bytes: 'application/octet-stream',
} as const;

/** `place` is for the error: `queue "orders"`. Throws `invalid-message` for what has no JSON form. */
export function encodeData(data: unknown, place: string): EncodedData {
  if (typeof data === 'string') return { body: Buffer.from(data), contentType: CONTENT.text };
  if (data instanceof Uint8Array) return { body: data, contentType: CONTENT.bytes };
  return { body: Buffer.from(jsonOf(data, place)), contentType: CONTENT.json };
}

/** What `encodeData` would write, as text; `undefined`: it is bytes. */
export function encodeText(
  data: unknown,
  place: string,
): { readonly text: string; readonly contentType: string } | undefined {
  if (typeof data === 'string') return { text: data, contentType: CONTENT.text };
  if (data instanceof Uint8Array) return undefined;
  return { text: jsonOf(data, place), contentType: CONTENT.json };
}

function jsonOf(data: unknown, place: string): string {
  if (data === undefined) return 'null';
  let json: string | undefined;
  try {
    json = JSON.stringify(data);
  } catch (cause) {
    throw new PolymqError(
      'invalid-message',
      `data for ${place} cannot be written as JSON (${describeError(cause).message}); send plain data, a string or bytes`,
      { cause },
    );
  }
  if (json !== undefined) return json;
  throw new PolymqError(
    'invalid-message',
    `data for ${place} is a ${typeof data}, which has no JSON form; send plain data, a string or bytes`,
  );
}

/** Throws `invalid-message` if the bytes are not what the content type says. */
export function decodeData(body: Uint8Array, contentType: string): unknown {
  if (contentType === CONTENT.json) return parseJson(textOf(body), contentType);
  if (contentType === CONTENT.bytes) return body;
  if (contentType === CONTENT.text) return textOf(body);
  if (contentType === '') return guess(body);
  return decodeOther(body, contentType);
}

/** With parameters (`; charset=utf-8`), in other letters, or of a kind that is JSON or text in the end. */
function decodeOther(body: Uint8Array, contentType: string): unknown {
  const kind = contentType.split(';', 1)[0]!.trim().toLowerCase();
  if (kind === CONTENT.json || kind.endsWith('+json')) return parseJson(textOf(body), contentType);
  return kind.startsWith('text/') ? textOf(body) : body;
}

function guess(body: Uint8Array): unknown {
  let text: string;
  try {
    text = strictUtf8.decode(body);
  } catch {
    return body;
  }
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function textOf(body: Uint8Array): string {
  if (body instanceof Buffer) return body.toString();
  return Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString();
}

function parseJson(text: string, contentType: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new PolymqError(
      'invalid-message',
      `the message says it is ${contentType} and is not (${describeError(cause).message}); correct what its sender writes`,
      { cause },
    );
  }
}
