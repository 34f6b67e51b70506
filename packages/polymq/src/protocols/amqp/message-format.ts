/**
 * AMQP's properties in the words that all protocols share, and back: what happens when a message crosses from AMQP to
 * a stream or to another protocol. The stored form is a content header and a gap (`content.ts`).
 */
import type { MessageFormat } from '../../core/message/message-format.ts';
import type {
  NeutralHeader,
  NeutralMessage,
  NeutralValue,
} from '../../core/message/neutral-message.ts';
import {
  type BasicProperties,
  contentHeader,
  FieldDecimal,
  type FieldTable,
  FieldTimestamp,
  type FieldValue,
  readProperties,
} from './codec/index.ts';
import { bodyFrameHeader, CONTENT_GAP_BYTES } from './content.ts';
import { plainValue } from './plain-values.ts';

/** Stored with every message. */
export const AMQP_FORMAT_ID = 1;
const PERSISTENT = 2;
const SHORT_BYTES_MAX = 255;
const EXACT_TIME = 'timestamp_in_ms';

/** Properties that both sides call by the same name. */
const SAME_NAME = [
  'contentType',
  'contentEncoding',
  'correlationId',
  'replyTo',
  'messageId',
  'type',
  'userId',
  'appId',
  'priority',
] as const satisfies readonly (keyof BasicProperties & keyof NeutralMessage)[];

export const amqpFormat: MessageFormat = {
  id: AMQP_FORMAT_ID,
  name: 'amqp',
  toNeutral(properties) {
    const read = propertiesOf(properties);
    const common = Object.fromEntries(
      SAME_NAME.filter((name) => read[name] !== undefined).map((name) => [name, read[name]]),
    );
    const timestampMs = millisecondsOf(read);
    const headers = Object.entries(read.headers ?? {})
      .filter(([name, value]) => name !== EXACT_TIME || value !== timestampMs)
      .map(([name, value]) => ({ name, value: neutralValue(value) }));
    return {
      ...common,
      headers,
      ...(timestampMs === undefined ? {} : { timestampMs }),
      persistent: read.deliveryMode === PERSISTENT,
    };
  },
  fromNeutral(message, bodyBytes) {
    const common = Object.fromEntries(
      SAME_NAME.filter((name) => fitsShort(message[name])).map((name) => [name, message[name]]),
    );
    const headers = exactHeaders(message);
    const properties: BasicProperties = {
      ...common,
      ...(headers.length === 0 ? {} : { headers: tableOf(headers) }),
      ...(message.persistent === undefined ? {} : { deliveryMode: message.persistent ? 2 : 1 }),
      ...(message.timestampMs === undefined
        ? {}
        : { timestamp: Math.floor(message.timestampMs / 1000) }),
    };
    return Buffer.concat([contentHeader(properties, bodyBytes), bodyFrameHeader(bodyBytes)]);
  },
  headers(properties) {
    const { headers = {} } = propertiesOf(properties);
    return new Map(Object.entries(headers).map(([name, value]) => [name, plainValue(value)]));
  },
  wishes(properties) {
    const { headers = {}, expiration, priority } = propertiesOf(properties);
    const copies = headers['CC'];
    return {
      ...(Array.isArray(copies) ? { copies: copies.filter((key) => typeof key === 'string') } : {}),
      ...(expiration === undefined ? {} : { ttlMs: Number(expiration) }),
      ...(priority === undefined ? {} : { priority }),
    };
  },
};

function propertiesOf(stored: Buffer): BasicProperties {
  return readProperties(stored, 0, stored.length - CONTENT_GAP_BYTES);
}

/** AMQP's own times are in seconds; the rest stands in a header, which RabbitMQ calls the same. */
function millisecondsOf({ timestamp, headers }: BasicProperties): number | undefined {
  if (timestamp === undefined) return undefined;
  const exact = headers?.[EXACT_TIME];
  const isExact = typeof exact === 'number' && Math.floor(exact / 1000) === timestamp;
  return isExact ? exact : timestamp * 1000;
}

function exactHeaders({ headers, timestampMs }: NeutralMessage): readonly NeutralHeader[] {
  if (timestampMs === undefined || timestampMs % 1000 === 0) return headers;
  return [...headers, { name: EXACT_TIME, value: timestampMs }];
}

function fitsShort(value: string | number | undefined): boolean {
  return typeof value === 'string'
    ? Buffer.byteLength(value) <= SHORT_BYTES_MAX
    : value !== undefined;
}

function neutralValue(value: FieldValue): NeutralValue {
  if (value instanceof FieldTimestamp) return value.timestamp;
  if (value instanceof FieldDecimal) return value.digits / 10 ** value.places;
  if (Buffer.isBuffer(value)) return Buffer.from(value);
  if (Array.isArray(value)) return value.map((item: FieldValue) => neutralValue(item));
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(
      Object.entries(value as FieldTable).map(([name, item]) => [name, neutralValue(item)]),
    );
  }
  return value;
}

/** A table has each name once: of several headers with one name the last is kept. */
function tableOf(headers: readonly NeutralHeader[]): FieldTable {
  const table: Record<string, FieldValue> = Object.create(null) as Record<string, FieldValue>;
  for (const { name, value } of headers) {
    if (Buffer.byteLength(name) <= SHORT_BYTES_MAX) table[name] = value as FieldValue;
  }
  return table;
}
