/**
 * Messages of the SDK as records of streams, and back. What a record has no field for are the headers by which messages that
 * cross to streams carry it, and the SDK's driver for Kafka writes the same: so whoever reads the stream, by whatever protocol,
 * sees the same message.
 *
 *   id, content type, kind, correlation id, reply to   `polymq-message-id`, `polymq-content-type`, …
 *   headers                                            headers
 *   key, body, time                                    the record's key, value and timestamp
 */
import { isUtf8 } from 'node:buffer';
import type { TopicRecord, WireMessage } from '@polymq/client/driver';
import type { RecordPieces } from '../../core/crossing/batch-builder.ts';
import { CROSSING_HEADER } from '../../core/crossing/record-message.ts';
import type { StoredRecord } from '../../core/record/record.ts';
import { asBuffer } from '../wire.ts';

const FOREIGN_CONTENT_TYPE = 'content-type';
const EMPTY: Buffer = Buffer.alloc(0);

export function toRecord(message: WireMessage): RecordPieces {
  const headers: RecordPieces['headers'][number][] = [];
  const add = (key: string, value: string | undefined): void => {
    if (value !== undefined && value !== '') headers.push({ key, value });
  };
  add(CROSSING_HEADER.messageId, message.id);
  add(CROSSING_HEADER.contentType, message.contentType);
  add(CROSSING_HEADER.type, message.type);
  add(CROSSING_HEADER.correlationId, message.correlationId);
  add(CROSSING_HEADER.replyTo, message.replyTo);
  let isNull = false;
  for (const name of Object.keys(message.headers)) {
    if (name === CROSSING_HEADER.nullValue && message.body.length === 0) isNull = true;
    else headers.push({ key: name, value: message.headers[name]! });
  }
  return {
    key: message.key === undefined ? undefined : Buffer.from(message.key, 'utf8'),
    timestampMs: Math.trunc(message.timestampMs),
    headers,
    value: isNull ? undefined : [asBuffer(message.body)],
  };
}

/** Copies what it keeps: the memory of the record may be used again. */
export function fromRecord(record: StoredRecord, topic: string, partition: number): TopicRecord {
  const headers: Record<string, string> = {};
  const own: Partial<Record<string, string>> = {};
  for (const { key, value } of record.headers) {
    const text = value === undefined ? '' : textOf(value);
    if (OWN.has(key)) own[key] = text;
    // A stranger's header may be called so.
    else if (key !== '__proto__') headers[key] = text;
  }
  const { key, value, offset, timestampMs } = record;
  if (value === undefined) headers[CROSSING_HEADER.nullValue] = 'true';
  return {
    id: own[CROSSING_HEADER.messageId] ?? `${topic}-${partition}-${offset}`,
    body: value === undefined ? EMPTY : Buffer.from(value),
    contentType: own[CROSSING_HEADER.contentType] ?? headers[FOREIGN_CONTENT_TYPE] ?? '',
    type: own[CROSSING_HEADER.type],
    headers,
    key: key === undefined ? undefined : textOf(key),
    timestampMs,
    correlationId: own[CROSSING_HEADER.correlationId],
    replyTo: own[CROSSING_HEADER.replyTo],
    partition,
    offset,
  };
}

const OWN: ReadonlySet<string> = new Set([
  CROSSING_HEADER.messageId,
  CROSSING_HEADER.contentType,
  CROSSING_HEADER.type,
  CROSSING_HEADER.correlationId,
  CROSSING_HEADER.replyTo,
]);

/** UTF-8 if that is what it is, else base64. */
function textOf(bytes: Buffer): string {
  return bytes.toString(isUtf8(bytes) ? 'utf8' : 'base64');
}
