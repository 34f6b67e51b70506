/**
 * Format 0: message properties as the core itself writes them, for messages that came from no protocol that keeps its
 * own bytes, such as records of streams.
 *
 *   size  field
 *   1     version           1
 *   2     fields            one bit per field that is there, in the order below; big-endian
 *   s     content type      bit 0      s: byte length as a varint, UTF-8
 *   s     content encoding  bit 1
 *   s     correlation id    bit 2
 *   s     reply to          bit 3
 *   s     message id        bit 4
 *   8     timestamp         bit 5      ms since the epoch, a double
 *   s     type              bit 6
 *   s     user id           bit 7
 *   s     app id            bit 8
 *   1     priority          bit 9
 *   0     persistent        bit 10: it was said; bit 11: what
 *   s     key               bit 12     bytes
 *   v     header count
 *   s+…   headers           name, then a value: a tag, and what `VALUE` says
 *
 * Varints are unsigned, lowest seven bits first. Numbers beyond 32-bit integers are doubles; big integers are decimal
 * text of at most 40 digits. Lists and tables nest up to `NESTING_MAX`, so that no message can exhaust the stack.
 */
import { Reader } from '../../lib/bytes/reader.ts';
import { BrokerError } from '../errors.ts';
import type { MessageFormat } from './message-format.ts';
import type { NeutralHeader, NeutralMessage, NeutralValue } from './neutral-message.ts';
import { NeutralOutput } from './neutral-output.ts';

export const VERSION = 1;

/** Deepest nesting of lists and tables in a header's value. */
export const NESTING_MAX = 64;

/** The bits of the fields. */
export const FIELD = {
  contentType: 1 << 0,
  contentEncoding: 1 << 1,
  correlationId: 1 << 2,
  replyTo: 1 << 3,
  messageId: 1 << 4,
  timestamp: 1 << 5,
  type: 1 << 6,
  userId: 1 << 7,
  appId: 1 << 8,
  priority: 1 << 9,
  persistenceSaid: 1 << 10,
  persistent: 1 << 11,
  key: 1 << 12,
} as const;

/** The text fields with their bits, in the order in which they are written, around the timestamp. */
const TEXTS_BEFORE = [
  ['contentType', FIELD.contentType],
  ['contentEncoding', FIELD.contentEncoding],
  ['correlationId', FIELD.correlationId],
  ['replyTo', FIELD.replyTo],
  ['messageId', FIELD.messageId],
] as const;
const TEXTS_AFTER = [
  ['type', FIELD.type],
  ['userId', FIELD.userId],
  ['appId', FIELD.appId],
] as const;

/** The tag of a value, and what follows it. */
export const VALUE = {
  null: 0,
  false: 1,
  true: 2,
  /** 4 bytes, signed, big-endian. */
  int32: 3,
  /** 8 bytes. */
  double: 4,
  /** Decimal text. */
  bigint: 5,
  text: 6,
  bytes: 7,
  /** A count, then values. */
  list: 8,
  /** A count, then names and values. */
  table: 9,
} as const;

/** What a big integer may be. */
const DECIMAL = /^-?\d{1,40}$/;

export const NEUTRAL_FORMAT_ID = 0;

export const NEUTRAL_FORMAT: MessageFormat = {
  id: NEUTRAL_FORMAT_ID,
  name: 'neutral',
  toNeutral: readNeutral,
  fromNeutral: writeNeutral,
  headers: (properties) => {
    const { headers } = readNeutral(properties);
    return new Map(headers.map(({ name, value }) => [name, value]));
  },
};

/** Throws `invalid-request` if a header nests deeper than `NESTING_MAX`, or holds an absurd number. */
export function writeNeutral(message: NeutralMessage): Buffer {
  const output = OUTPUT;
  output.start();
  output.byte(VERSION);
  const fields = fieldsOf(message);
  output.byte(fields >>> 8);
  output.byte(fields);
  for (const [name, bit] of TEXTS_BEFORE) if (fields & bit) output.text(message[name]!);
  if (fields & FIELD.timestamp) output.double(message.timestampMs!);
  for (const [name, bit] of TEXTS_AFTER) if (fields & bit) output.text(message[name]!);
  if (fields & FIELD.priority) output.byte(message.priority!);
  if (fields & FIELD.key) output.bytes(message.key!);
  output.varint(message.headers.length);
  for (const { name, value } of message.headers) {
    output.text(name);
    writeValue(output, value, 0);
  }
  return output.finish();
}

function fieldsOf(message: NeutralMessage): number {
  let fields = 0;
  for (const [name, bit] of TEXTS_BEFORE) if (message[name] !== undefined) fields |= bit;
  for (const [name, bit] of TEXTS_AFTER) if (message[name] !== undefined) fields |= bit;
  if (message.timestampMs !== undefined) fields |= FIELD.timestamp;
  if (message.priority !== undefined) fields |= FIELD.priority;
  if (message.persistent !== undefined) fields |= FIELD.persistenceSaid;
  if (message.persistent === true) fields |= FIELD.persistent;
  if (message.key !== undefined) fields |= FIELD.key;
  return fields;
}

function writeValue(output: NeutralOutput, value: NeutralValue, depth: number): void {
  if (value === null) output.byte(VALUE.null);
  else if (typeof value === 'string') output.tagged(VALUE.text).text(value);
  else if (typeof value === 'boolean') output.byte(value ? VALUE.true : VALUE.false);
  else if (typeof value === 'number') writeNumber(output, value);
  else if (typeof value === 'bigint') writeBigint(output, value);
  else if (Buffer.isBuffer(value)) output.tagged(VALUE.bytes).bytes(value);
  else writeNested(output, value, depth);
}

function writeNumber(output: NeutralOutput, value: number): void {
  if ((value | 0) === value && !Object.is(value, -0)) output.tagged(VALUE.int32).int32(value);
  else output.tagged(VALUE.double).double(value);
}

function writeBigint(output: NeutralOutput, value: bigint): void {
  const decimal = String(value);
  if (!DECIMAL.test(decimal)) {
    throw new BrokerError('invalid-request', 'a header holds an integer of more than 40 digits');
  }
  output.tagged(VALUE.bigint).text(decimal);
}

function writeNested(
  output: NeutralOutput,
  value: readonly NeutralValue[] | { readonly [name: string]: NeutralValue },
  depth: number,
): void {
  if (depth === NESTING_MAX) {
    throw new BrokerError(
      'invalid-request',
      `a header nests deeper than ${NESTING_MAX} levels; flatten it`,
    );
  }
  if (isList(value)) {
    output.tagged(VALUE.list).varint(value.length);
    for (const element of value) writeValue(output, element, depth + 1);
    return;
  }
  const entries = Object.entries(value);
  output.tagged(VALUE.table).varint(entries.length);
  for (const [name, element] of entries) {
    output.text(name);
    writeValue(output, element, depth + 1);
  }
}

function isList(
  value: readonly NeutralValue[] | { readonly [name: string]: NeutralValue },
): value is readonly NeutralValue[] {
  return Array.isArray(value);
}

/** Copies what it keeps. Throws `ProtocolError` on bytes that `writeNeutral` has not made. */
export function readNeutral(properties: Buffer): NeutralMessage {
  const reader = new Reader(properties);
  const version = reader.uint8();
  if (version !== VERSION) reader.fail(`message properties of version ${version}`);
  const fields = reader.uint16();
  const message: NeutralMessage = { headers: [] };
  for (const [name, bit] of TEXTS_BEFORE) if (fields & bit) message[name] = readText(reader);
  if (fields & FIELD.timestamp) message.timestampMs = reader.float64();
  for (const [name, bit] of TEXTS_AFTER) if (fields & bit) message[name] = readText(reader);
  if (fields & FIELD.priority) message.priority = reader.uint8();
  if (fields & FIELD.persistenceSaid) message.persistent = (fields & FIELD.persistent) !== 0;
  if (fields & FIELD.key) message.key = readBytes(reader);
  // A header is at least the length of its name and a tag.
  const count = reader.count(reader.uvarint(), 2);
  const headers: NeutralHeader[] = [];
  for (let index = 0; index < count; index++) {
    headers.push({ name: readText(reader), value: readValue(reader, 0) });
  }
  message.headers = headers;
  return message;
}

function readText(reader: Reader): string {
  return reader.utf8(reader.uvarint());
}

function readBytes(reader: Reader): Buffer {
  return Buffer.from(reader.slice(reader.uvarint()));
}

function readValue(reader: Reader, depth: number): NeutralValue {
  const tag = reader.uint8();
  switch (tag) {
    case VALUE.null:
      return null;
    case VALUE.false:
      return false;
    case VALUE.true:
      return true;
    case VALUE.int32:
      return reader.int32();
    case VALUE.double:
      return reader.float64();
    case VALUE.bigint:
      return readBigint(reader);
    case VALUE.text:
      return readText(reader);
    case VALUE.bytes:
      return readBytes(reader);
    case VALUE.list:
    case VALUE.table:
      if (depth === NESTING_MAX) reader.fail('a header nests too deep');
      return tag === VALUE.list ? readList(reader, depth) : readTable(reader, depth);
    default:
      return reader.fail(`a value has the unknown tag ${tag}`);
  }
}

function readBigint(reader: Reader): bigint {
  const decimal = readText(reader);
  if (!DECIMAL.test(decimal)) reader.fail('a big integer is not decimal');
  return BigInt(decimal);
}

function readList(reader: Reader, depth: number): NeutralValue[] {
  const count = reader.count(reader.uvarint(), 1);
  const list: NeutralValue[] = [];
  for (let index = 0; index < count; index++) list.push(readValue(reader, depth + 1));
  return list;
}

function readTable(reader: Reader, depth: number): { [name: string]: NeutralValue } {
  const count = reader.count(reader.uvarint(), 2);
  const entries: [string, NeutralValue][] = [];
  for (let index = 0; index < count; index++) {
    entries.push([readText(reader), readValue(reader, depth + 1)]);
  }
  // Unlike an assignment, this also keeps a name such as `__proto__` an ordinary one.
  return Object.fromEntries(entries);
}

const OUTPUT: NeutralOutput = new NeutralOutput();
