/**
 * Properties in the neutral format (`neutral-format.ts`) whose headers are all texts, written and read without objects in
 * between: most programs know no others, and write and read them by the hundred thousand.
 */
import { FIELD, VALUE, VERSION } from './neutral-format.ts';
import type { NeutralOutput } from './neutral-output.ts';

export interface TextProperties {
  /** The message id. */
  id: string;
  /** '': nothing is said. */
  contentType: string;
  timestampMs: number;
  headers: Readonly<Record<string, string>>;
  type?: string | undefined;
  correlationId?: string | undefined;
  replyTo?: string | undefined;
  priority?: number | undefined;
  key?: string | undefined;
}

/** `keyHeader`: the name of a header for the key, too, for readers who know no keys. */
export function writeTextProperties(
  output: NeutralOutput,
  properties: TextProperties,
  keyHeader: string,
): void {
  const { contentType, type, correlationId, replyTo, priority, key, headers } = properties;
  let fields = FIELD.messageId | FIELD.timestamp | FIELD.persistenceSaid | FIELD.persistent;
  if (contentType !== '') fields |= FIELD.contentType;
  if (correlationId !== undefined) fields |= FIELD.correlationId;
  if (replyTo !== undefined) fields |= FIELD.replyTo;
  if (type !== undefined) fields |= FIELD.type;
  if (priority !== undefined) fields |= FIELD.priority;
  if (key !== undefined) fields |= FIELD.key;
  output.byte(VERSION);
  output.byte(fields >>> 8);
  output.byte(fields);
  if (contentType !== '') output.text(contentType);
  if (correlationId !== undefined) output.text(correlationId);
  if (replyTo !== undefined) output.text(replyTo);
  output.text(properties.id);
  output.double(properties.timestampMs);
  if (type !== undefined) output.text(type);
  if (priority !== undefined) output.byte(priority);
  if (key !== undefined) output.text(key);
  writeHeaders(output, headers, key, keyHeader);
}

function writeHeaders(
  output: NeutralOutput,
  headers: Readonly<Record<string, string>>,
  key: string | undefined,
  keyHeader: string,
): void {
  const names = Object.keys(headers);
  output.varint(names.length + (key === undefined ? 0 : 1));
  for (const name of names) {
    output.text(name);
    output.tagged(VALUE.text).text(headers[name]!);
  }
  if (key === undefined) return;
  output.text(keyHeader);
  output.tagged(VALUE.text).text(key);
}

/** Fields that are no texts, or that few programs write. */
const OTHER_FIELDS = FIELD.contentEncoding | FIELD.userId | FIELD.appId;
const NO_HEADERS: Readonly<Record<string, string>> = Object.freeze({});

/** Reads one after the other, into itself. The bytes are the broker's own, so only what kind they are is checked. */
export class TextPropertiesReader implements TextProperties {
  id = '';
  contentType = '';
  timestampMs = 0;
  headers: Readonly<Record<string, string>> = NO_HEADERS;
  type: string | undefined = undefined;
  correlationId: string | undefined = undefined;
  replyTo: string | undefined = undefined;
  priority: number | undefined = undefined;
  key: string | undefined = undefined;
  readonly #keyHeader: string;
  #buffer: Buffer = Buffer.alloc(0);
  #at = 0;
  /** Mostly the same as before. */
  #lastContentType = '';
  #contentTypeBytes: Buffer = Buffer.alloc(0);

  /** `keyHeader`: see `writeTextProperties`. It is not among the headers. */
  constructor(keyHeader: string) {
    this.#keyHeader = keyHeader;
  }

  /** False: there is something in it that is more than texts, or no message id. */
  read(buffer: Buffer, start: number): boolean {
    this.#buffer = buffer;
    this.#at = start + 3;
    const fields = (buffer[start + 1]! << 8) | buffer[start + 2]!;
    if (buffer[start] !== VERSION || (fields & OTHER_FIELDS) !== 0) return false;
    if ((fields & FIELD.messageId) === 0 || (fields & FIELD.timestamp) === 0) return false;
    this.contentType = (fields & FIELD.contentType) === 0 ? '' : this.#readContentType();
    this.correlationId = (fields & FIELD.correlationId) === 0 ? undefined : this.#text();
    this.replyTo = (fields & FIELD.replyTo) === 0 ? undefined : this.#text();
    this.id = this.#text();
    this.timestampMs = buffer.readDoubleBE(this.#at);
    this.#at += 8;
    this.type = (fields & FIELD.type) === 0 ? undefined : this.#text();
    this.priority = (fields & FIELD.priority) === 0 ? undefined : buffer[this.#at++]!;
    this.key = (fields & FIELD.key) === 0 ? undefined : this.#text();
    const headers = this.#headers();
    if (headers === undefined) return false;
    this.headers = headers;
    return true;
  }

  #headers(): Readonly<Record<string, string>> | undefined {
    const count = this.#varint();
    if (count === 0) return NO_HEADERS;
    const headers: Record<string, string> = {};
    for (let left = count; left > 0; left--) {
      const name = this.#text();
      if (this.#buffer[this.#at++] !== VALUE.text) return undefined;
      const value = this.#text();
      if (name === '__proto__') return undefined;
      if (name !== this.#keyHeader) headers[name] = value;
    }
    return headers;
  }

  #readContentType(): string {
    const start = this.#at;
    const known = this.#contentTypeBytes;
    let index = 0;
    while (index < known.length && known[index] === this.#buffer[start + index]) index += 1;
    if (index > 0 && index === known.length) {
      this.#at = start + index;
      return this.#lastContentType;
    }
    this.#lastContentType = this.#text();
    this.#contentTypeBytes = Buffer.from(this.#buffer.subarray(start, this.#at));
    return this.#lastContentType;
  }

  #text(): string {
    const bytes = this.#varint();
    const start = this.#at;
    this.#at = start + bytes;
    return this.#buffer.toString('utf8', start, start + bytes);
  }

  #varint(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.#buffer[this.#at++]!;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  }
}
