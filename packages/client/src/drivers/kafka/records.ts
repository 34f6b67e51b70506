/**
 * Messages as Kafka's records and back. Properties that a record has no place for are headers; their names are those by
 * which PolyMQ translates records for AMQP and SQS, so a message keeps its id and type on that way, too:
 *
 *   id                 polymq-message-id        key          the record's key
 *   content type       polymq-content-type      body         the record's value
 *   kind (`type`)      polymq-type              timestamp    the record's timestamp
 *   correlation id     polymq-correlation-id    headers      headers of their names
 *   reply to           polymq-reply-to
 *
 * A record of another program has none of these. Its id is then its place (`orders-0-17`), which never changes; its
 * header `content-type` counts; header values and keys that are no text come as base64. A null value (a tombstone) is
 * an empty body with the header `polymq-null-value`, and such a message becomes a null value.
 */
import type { TopicRecord, WireMessage } from '../../message/wire-message.ts';

export const RECORD_HEADER = {
  id: 'polymq-message-id',
  contentType: 'polymq-content-type',
  type: 'polymq-type',
  correlationId: 'polymq-correlation-id',
  replyTo: 'polymq-reply-to',
  nullValue: 'polymq-null-value',
} as const;

/** As the library wants it. */
export interface OutgoingRecord {
  topic: string;
  partition: number;
  timestamp: bigint;
  key: Buffer | undefined;
  value: Buffer | undefined;
  headers: Map<Buffer, Buffer>;
}

/** As the library gives it. */
export interface IncomingRecord {
  readonly timestampDelta: bigint;
  readonly offsetDelta: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly (readonly [Uint8Array, Uint8Array | null])[];
}

const EMPTY: Buffer = Buffer.alloc(0);
const TRUE: Buffer = Buffer.from('true');
const strictUtf8 = new TextDecoder('utf-8', { fatal: true });

/** Names of headers come again and again; their bytes are made once. At most so many are kept. */
const NAMES_MAX = 1_000;
const namesAsBytes = new Map<string, Buffer>();

function nameBytes(name: string): Buffer {
  const known = namesAsBytes.get(name);
  if (known !== undefined) return known;
  const bytes = Buffer.from(name);
  if (namesAsBytes.size < NAMES_MAX) namesAsBytes.set(name, bytes);
  return bytes;
}

export function keyBytes(key: string | undefined): Buffer | undefined {
  return key === undefined ? undefined : Buffer.from(key);
}

export function toRecord(
  message: WireMessage,
  place: { readonly topic: string; readonly partition: number; readonly key: Buffer | undefined },
): OutgoingRecord {
  const headers = new Map<Buffer, Buffer>();
  const put = (name: string, value: string | undefined): void => {
    if (value !== undefined && value !== '') headers.set(nameBytes(name), Buffer.from(value));
  };
  put(RECORD_HEADER.id, message.id);
  put(RECORD_HEADER.contentType, message.contentType);
  put(RECORD_HEADER.type, message.type);
  put(RECORD_HEADER.correlationId, message.correlationId);
  put(RECORD_HEADER.replyTo, message.replyTo);
  let isNull = false;
  for (const name in message.headers) {
    if (name === RECORD_HEADER.nullValue && message.body.length === 0) isNull = true;
    else headers.set(nameBytes(name), Buffer.from(message.headers[name]!));
  }
  return {
    topic: place.topic,
    partition: place.partition,
    timestamp: BigInt(Math.trunc(message.timestampMs)),
    key: place.key,
    value: isNull ? undefined : asBuffer(message.body),
    headers,
  };
}

/** About how many bytes the record takes in a batch; never less than it does. */
export function recordBytes(record: OutgoingRecord): number {
  let bytes = 40 + (record.key?.length ?? 0) + (record.value?.length ?? 0);
  for (const [name, value] of record.headers) bytes += 10 + name.length + value.length;
  return bytes;
}

export interface RecordPlace {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly timestampMs: number;
}

export function fromRecord(record: IncomingRecord, place: RecordPlace): TopicRecord {
  const headers: Record<string, string> = {};
  let id: string | undefined;
  let contentType: string | undefined;
  let type: string | undefined;
  let correlationId: string | undefined;
  let replyTo: string | undefined;
  for (const [nameAsBytes, valueAsBytes] of record.headers) {
    const name = textOf(nameAsBytes);
    const value = valueAsBytes === null ? '' : textOf(valueAsBytes);
    if (name === RECORD_HEADER.id) id = value;
    else if (name === RECORD_HEADER.contentType) contentType = value;
    else if (name === RECORD_HEADER.type) type = value;
    else if (name === RECORD_HEADER.correlationId) correlationId = value;
    else if (name === RECORD_HEADER.replyTo) replyTo = value;
    else setHeader(headers, name, value);
  }
  if (record.value === null) headers[RECORD_HEADER.nullValue] = TRUE.toString();
  return {
    id: id ?? `${place.topic}-${place.partition}-${place.offset}`,
    body: record.value === null ? EMPTY : asBuffer(record.value),
    contentType: contentType ?? headers['content-type'] ?? '',
    type,
    headers,
    key: record.key === null ? undefined : textOf(record.key),
    timestampMs: place.timestampMs,
    correlationId,
    replyTo,
    partition: place.partition,
    offset: place.offset,
  };
}

/** A foreign header may be called `__proto__`. */
function setHeader(headers: Record<string, string>, name: string, value: string): void {
  if (name !== '__proto__') headers[name] = value;
}

/** UTF-8 if that is what it is, else base64. */
function textOf(bytes: Uint8Array): string {
  const text = asBuffer(bytes).toString('utf8');
  if (!text.includes('\ufffd')) return text;
  try {
    return strictUtf8.decode(bytes);
  } catch {
    return asBuffer(bytes).toString('base64');
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
