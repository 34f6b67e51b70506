/**
 * A message as a record of a stream, and back. The table for users is docs/reference/crossing.md.
 *
 *   message                     record
 *   body                        value; a null value is an empty body with the header `polymq-null-value`
 *   key, or routing key         key; a key that no routing key can be is also the header `polymq-key`, as protocols
 *                                 without keys would lose it
 *   headers                     headers, in order (`header-values.ts`)
 *   timestamp, or when it       timestamp
 *     was published
 *   everything else             headers named `polymq-…`, behind the others
 *
 * What a reader can tell from the rest is not written: the routing key if it is the key, the time if it is the
 * record's. Going back, well-formed `polymq-…` headers become again what they were, so a message that crosses both ways
 * is the same as before, apart from what the table says. Headers are strangers' input: what is malformed stays a header.
 */
import { isUtf8 } from 'node:buffer';
import { type DeathRecord, writeHistory } from '../message/history.ts';
import { NAME_BYTES_MAX } from '../message/message-bytes.ts';
import type { NeutralHeader, NeutralMessage } from '../message/neutral-message.ts';
import type { RecordHeader, StoredRecord } from '../record/record.ts';
import { readHistory } from './check-history.ts';
import { readHeaderTypes, writeHeaderTypes } from './header-types.ts';
import { fromHeaderBytes, type HeaderKind, kindOf, toHeaderBytes } from './header-values.ts';

/** The headers that carry what a record has no field for. Never change one. */
export const CROSSING_HEADER = {
  exchange: 'polymq-exchange',
  routingKey: 'polymq-routing-key',
  contentType: 'polymq-content-type',
  contentEncoding: 'polymq-content-encoding',
  correlationId: 'polymq-correlation-id',
  replyTo: 'polymq-reply-to',
  messageId: 'polymq-message-id',
  timestamp: 'polymq-timestamp',
  type: 'polymq-type',
  userId: 'polymq-user-id',
  appId: 'polymq-app-id',
  priority: 'polymq-priority',
  persistent: 'polymq-persistent',
  nullValue: 'polymq-null-value',
  key: 'polymq-key',
  history: 'polymq-history',
  headerTypes: 'polymq-header-types',
  hops: 'polymq-hops',
} as const;

export const CROSSING_PREFIX = 'polymq-';

const TEXT_PROPERTIES = [
  'contentType',
  'contentEncoding',
  'correlationId',
  'replyTo',
  'messageId',
  'type',
  'userId',
  'appId',
] as const;

/** A message with what stands beside its properties. */
export interface WholeMessage {
  exchange: string;
  routingKey: string;
  message: NeutralMessage;
  history?: readonly DeathRecord[] | undefined;
  /** How many streams it has come through without anybody publishing it. */
  hops?: number;
}

/** What a record gets besides its value. */
export interface RecordFields {
  key: Buffer | undefined;
  timestampMs: number;
  headers: { key: string; value: Buffer | string | undefined }[];
  /** The message stands for a null value. */
  nullValue: boolean;
}

/** What the record's stream does with times. */
export interface TimeRules {
  publishedMs: number;
  /** Whether a record may carry this time. */
  accepts(timestampMs: number): boolean;
}

/** `bodyBytes`: only an empty body can stand for null. */
export function recordFields(
  whole: WholeMessage,
  bodyBytes: number,
  time: TimeRules,
): RecordFields {
  const { message } = whole;
  const fields: RecordFields = {
    key: keyOf(whole),
    timestampMs: time.publishedMs,
    headers: [],
    nullValue: false,
  };
  addHeaders(fields, message.headers, bodyBytes);
  const { headers } = fields;
  const add = (name: keyof typeof CROSSING_HEADER, value: string | Buffer): void => {
    headers.push({ key: CROSSING_HEADER[name], value });
  };
  if (whole.exchange !== '') add('exchange', whole.exchange);
  if (whole.routingKey !== routingKeyOf(fields.key)) add('routingKey', whole.routingKey);
  for (const name of TEXT_PROPERTIES) {
    const value = message[name];
    if (value !== undefined) add(name, value);
  }
  const { timestampMs } = message;
  if (timestampMs !== undefined) {
    if (isTime(timestampMs) && time.accepts(timestampMs)) fields.timestampMs = timestampMs;
    else add('timestamp', String(timestampMs));
  }
  if (message.priority !== undefined) add('priority', String(message.priority));
  if (message.persistent === false) add('persistent', 'false');
  if (whole.history !== undefined) add('history', writeHistory(whole.history));
  if (whole.hops !== undefined && whole.hops > 0) add('hops', String(whole.hops));
  return fields;
}

/**
 * The record's message. Its parts share the memory of the record. `exchange`: what a record was published to that does
 * not say so itself.
 */
export function wholeMessage(record: StoredRecord, exchange = ''): WholeMessage {
  const properties = new Map<string, Buffer>();
  const message: NeutralMessage = { headers: [], persistent: true };
  const whole: WholeMessage = { exchange, routingKey: '', message };
  const rest = record.headers.length === 0 ? record.headers : sort(record.headers, properties);
  const headers = neutralHeaders(rest, properties.get(CROSSING_HEADER.headerTypes));
  if (record.value === undefined) headers.push({ name: CROSSING_HEADER.nullValue, value: true });
  message.headers = headers;
  if (record.timestampMs >= 0) message.timestampMs = record.timestampMs;
  if (properties.size > 0) restore(whole, properties);
  const named = properties.get(CROSSING_HEADER.routingKey);
  whole.routingKey = named?.toString('utf8') ?? routingKeyOf(record.key);
  // Whoever publishes the message on takes the routing key for the key, unless told otherwise.
  if (record.key !== undefined && !isKeyOf(record.key, whole)) {
    message.key = record.key;
    const told = whole.routingKey !== '' && whole.routingKey === routingKeyOf(record.key);
    if (!told) headers.push({ name: CROSSING_HEADER.key, value: record.key });
  }
  return whole;
}

/** To the default exchange, the routing key is the name of a queue: no key to partition by. */
function keyOf({ message, exchange, routingKey }: WholeMessage): Buffer | undefined {
  if (message.key !== undefined) return message.key;
  return exchange === '' || routingKey === '' ? undefined : Buffer.from(routingKey, 'utf8');
}

/** The routing key of a record that names none. */
function routingKeyOf(key: Buffer | undefined): string {
  if (key === undefined || key.length > NAME_BYTES_MAX || !isUtf8(key)) return '';
  return key.toString('utf8');
}

function isKeyOf(key: Buffer, whole: WholeMessage): boolean {
  const { exchange, routingKey } = whole;
  return exchange !== '' && routingKey !== '' && key.equals(Buffer.from(routingKey, 'utf8'));
}

function addHeaders(
  fields: RecordFields,
  headers: readonly NeutralHeader[],
  bodyBytes: number,
): void {
  const kept: NeutralHeader[] = [];
  for (const header of headers) {
    const { name, value } = header;
    if (name === CROSSING_HEADER.nullValue && value === true && bodyBytes === 0) {
      fields.nullValue = true;
      continue;
    }
    if (name === CROSSING_HEADER.key && (typeof value === 'string' || Buffer.isBuffer(value))) {
      fields.key = typeof value === 'string' ? Buffer.from(value, 'utf8') : value;
      continue;
    }
    fields.headers.push({ key: name, value: toHeaderBytes(value) });
    kept.push(header);
  }
  if (kept.every(({ value }) => kindOf(value) === undefined)) return;
  const value = writeHeaderTypes(kept);
  fields.headers.push({ key: CROSSING_HEADER.headerTypes, value });
}

/** Takes the headers that stand for something else out of those that do not. */
function sort(headers: readonly RecordHeader[], properties: Map<string, Buffer>): RecordHeader[] {
  const rest: RecordHeader[] = [];
  for (const header of headers) {
    if (header.key.startsWith(CROSSING_PREFIX) && isProperty(header)) {
      properties.set(header.key, header.value!);
    } else rest.push(header);
  }
  return rest;
}

function neutralHeaders(
  headers: readonly RecordHeader[],
  types: Buffer | undefined,
): NeutralHeader[] {
  const kinds = types === undefined ? undefined : readHeaderTypes(types);
  return headers.map(({ key, value }) => {
    const kind: HeaderKind | undefined = kinds?.next(key);
    return { name: key, value: fromHeaderBytes(value, kind) };
  });
}

type Check = (value: Buffer) => boolean;

const isText: Check = (value) => isUtf8(value);
const isName: Check = (value) => value.length <= NAME_BYTES_MAX && isUtf8(value);
const isNumber =
  (pattern: RegExp): Check =>
  (value) =>
    value.length <= 20 && pattern.test(value.toString('latin1'));

const CHECKS: ReadonlyMap<string, Check> = new Map<string, Check>([
  [CROSSING_HEADER.exchange, isName],
  [CROSSING_HEADER.routingKey, isName],
  ...TEXT_PROPERTIES.map((name): [string, Check] => [CROSSING_HEADER[name], isText]),
  [CROSSING_HEADER.timestamp, isNumber(/^\d{1,15}$/)],
  [CROSSING_HEADER.priority, isNumber(/^(\d|[1-9]\d|1\d\d|2[0-4]\d|25[0-5])$/)],
  [CROSSING_HEADER.persistent, isNumber(/^(false|true)$/)],
  [CROSSING_HEADER.history, (value) => readHistory(value) !== undefined],
  [CROSSING_HEADER.headerTypes, (value) => readHeaderTypes(value) !== undefined],
  [CROSSING_HEADER.hops, isNumber(/^[1-9]\d?$/)],
]);

function isProperty({ key, value }: RecordHeader): boolean {
  return value !== undefined && CHECKS.get(key)?.(value) === true;
}

function restore(whole: WholeMessage, properties: ReadonlyMap<string, Buffer>): void {
  const { message } = whole;
  const text = (name: keyof typeof CROSSING_HEADER): string | undefined =>
    properties.get(CROSSING_HEADER[name])?.toString('utf8');
  whole.exchange = text('exchange') ?? whole.exchange;
  for (const name of TEXT_PROPERTIES) {
    const value = text(name);
    if (value !== undefined) message[name] = value;
  }
  const timestamp = text('timestamp');
  if (timestamp !== undefined) message.timestampMs = Number(timestamp);
  const priority = text('priority');
  if (priority !== undefined) message.priority = Number(priority);
  if (text('persistent') === 'false') message.persistent = false;
  const history = properties.get(CROSSING_HEADER.history);
  if (history !== undefined) whole.history = readHistory(history);
  const hops = text('hops');
  if (hops !== undefined) whole.hops = Number(hops);
}

function isTime(timestampMs: number): boolean {
  return Number.isSafeInteger(timestampMs) && timestampMs >= 0;
}
