/**
 * Events as records.
 *
 *   key      the id of the event's stream, UTF-8
 *   value    the event's body
 *   time     when it happened, if the store's stream accepts that time
 *   headers  the application's own
 *            polymq-content-type, -type, -message-id, -correlation-id, -reply-to, -timestamp   (as where messages cross)
 *            polymq-event   the version: "7", or "7+"
 *
 * A record counts if its version is the successor of its stream's version so far. "+" marks all records of an append but the first: they count only
 * if the record right before them counted and belongs to the same stream, so an append counts as a whole or not at all. Everything else in
 * the log, whoever wrote it, is stepped over. Thus the log alone says what happened, and a producer that writes such records
 * itself takes part under the same rule.
 */
import { BatchBuilder } from '../crossing/batch-builder.ts';
import { CROSSING_HEADER } from '../crossing/record-message.ts';
import { BrokerError } from '../errors.ts';
import type { RecordHeader, StoredRecord } from '../record/record.ts';
import type { StreamConfig } from '../stream/stream-config.ts';
import type { EventToAppend, LoggedEvent } from './event-log.ts';

export const EVENT_HEADER = 'polymq-event';

/** What a record says it is, before anybody has looked whether it counts. */
export interface EventClaim {
  version: number;
  /** Belongs to the append of the record before it. */
  joined: boolean;
}

const STREAM_BYTES_MAX = 1024;
const HEADERS_MAX = 256;
/** No version has more digits: it stays exact. */
const DIGITS_MAX = 15;
/** Text with one cannot be written as UTF-8. */
const LONE_SURROGATE = /\p{Surrogate}/u;
const PLUS = 0x2b;
const ZERO = 0x30;

/** Header name, and the event's property. */
const PROPERTIES = [
  [CROSSING_HEADER.contentType, 'contentType'],
  [CROSSING_HEADER.type, 'type'],
  [CROSSING_HEADER.messageId, 'id'],
  [CROSSING_HEADER.correlationId, 'correlationId'],
  [CROSSING_HEADER.replyTo, 'replyTo'],
] as const;

const RESERVED: ReadonlySet<string> = new Set([
  EVENT_HEADER,
  CROSSING_HEADER.timestamp,
  ...PROPERTIES.map(([name]) => name),
]);

/** Throws `invalid-request` if that cannot name a stream of events. */
export function checkStreamId(stream: string): void {
  const bytes = Buffer.byteLength(stream, 'utf8');
  if (bytes >= 1 && bytes <= STREAM_BYTES_MAX && !LONE_SURROGATE.test(stream)) return;
  throw new BrokerError(
    'invalid-request',
    `a stream of events is named by 1 to ${STREAM_BYTES_MAX} bytes of text, not ${bytes}`,
  );
}

/** One batch of events with versions from `firstVersion` on. Throws `message-too-large`, `invalid-request`. */
export function writeEvents(
  stream: string,
  events: readonly EventToAppend[],
  firstVersion: number,
  rules: { config: StreamConfig; nowMs: number },
): Buffer {
  const key = Buffer.from(stream, 'utf8');
  const bytesMax = rules.config.batchBytesMax;
  let bytes = 0;
  for (const { body } of events) bytes += body.length;
  if (bytes > bytesMax) throw tooLarge(bytes, bytesMax);
  const builder = new BatchBuilder(bytes + 256 * events.length);
  for (const [index, event] of events.entries()) {
    const value = [Buffer.from(event.body.buffer, event.body.byteOffset, event.body.byteLength)];
    const { timestampMs, headers } = fieldsOf(event, rules);
    const version = firstVersion + index;
    headers.push({ key: EVENT_HEADER, value: index === 0 ? `${version}` : `${version}+` });
    if (!builder.add({ key, timestampMs, headers, value }, bytesMax)) {
      throw tooLarge(builder.bytes + event.body.length, bytesMax);
    }
  }
  return builder.finish();
}

function fieldsOf(
  event: EventToAppend,
  { config, nowMs }: { config: StreamConfig; nowMs: number },
): { timestampMs: number; headers: { key: string; value: string }[] } {
  const headers: { key: string; value: string }[] = [];
  for (const name in event.headers) {
    if (RESERVED.has(name)) {
      throw new BrokerError('invalid-request', `an event cannot have a header named "${name}"`);
    }
    headers.push({ key: name, value: event.headers[name]! });
  }
  if (headers.length > HEADERS_MAX) {
    throw new BrokerError('invalid-request', `an event can have ${HEADERS_MAX} headers at most`);
  }
  for (const [name, property] of PROPERTIES) {
    const value = event[property];
    if (value !== undefined && value !== '') headers.push({ key: name, value });
  }
  const { timestampMs } = event;
  const kept =
    config.timestampType === 'create' &&
    Number.isSafeInteger(timestampMs) &&
    timestampMs >= 0 &&
    timestampMs - nowMs <= config.timestampAheadMsMax &&
    nowMs - timestampMs <= config.timestampBehindMsMax;
  if (!kept) headers.push({ key: CROSSING_HEADER.timestamp, value: String(timestampMs) });
  return { timestampMs: kept ? timestampMs : nowMs, headers };
}

/** What the record claims to be; undefined: no event at all. */
export function eventClaim(record: StoredRecord): EventClaim | undefined {
  if (record.key === undefined || record.key.length === 0) return undefined;
  if (record.key.length > STREAM_BYTES_MAX) return undefined;
  const { headers } = record;
  for (let index = headers.length - 1; index >= 0; index--) {
    const header = headers[index]!;
    if (header.key === EVENT_HEADER) return parseClaim(header.value);
  }
  return undefined;
}

function parseClaim(value: Buffer | undefined): EventClaim | undefined {
  if (value === undefined) return undefined;
  const joined = value.at(-1) === PLUS;
  const digits = joined ? value.length - 1 : value.length;
  if (digits < 1 || digits > DIGITS_MAX || value[0] === ZERO) return undefined;
  let version = 0;
  for (let at = 0; at < digits; at++) {
    const digit = value[at]! - ZERO;
    if (digit < 0 || digit > 9) return undefined;
    version = version * 10 + digit;
  }
  return { version, joined };
}

/** The event of a record that counts. */
export function readEvent(
  record: StoredRecord,
  stream: string,
  version: number,
  position: string,
): LoggedEvent {
  const headers: Record<string, string> = {};
  const found: Record<string, string> = {};
  for (const header of record.headers) {
    const into = RESERVED.has(header.key) ? found : headers;
    into[header.key] = header.value?.toString('utf8') ?? '';
  }
  const timestamp = found[CROSSING_HEADER.timestamp];
  return {
    id: found[CROSSING_HEADER.messageId] ?? '',
    body: record.value === undefined ? Buffer.alloc(0) : Buffer.from(record.value),
    contentType: found[CROSSING_HEADER.contentType] ?? '',
    type: found[CROSSING_HEADER.type],
    headers,
    timestampMs: timestamp === undefined ? record.timestampMs : Number(timestamp),
    correlationId: found[CROSSING_HEADER.correlationId],
    replyTo: found[CROSSING_HEADER.replyTo],
    stream,
    version,
    position,
  };
}

/** The id that a record's event has. */
export function eventId(headers: readonly RecordHeader[]): string | undefined {
  return headers.findLast(({ key }) => key === CROSSING_HEADER.messageId)?.value?.toString('utf8');
}

function tooLarge(bytes: number, bytesMax: number): BrokerError {
  return new BrokerError(
    'message-too-large',
    `an append of ${bytes} bytes is too large: the store takes ${bytesMax} bytes in one append; ` +
      'split it, or raise the limit of its stream',
  );
}
