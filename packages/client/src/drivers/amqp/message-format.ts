/**
 * Messages as AMQP carries them, so that every other client reads them: `content_type`, `message_id`, `type`, `correlation_id`,
 * `reply_to`, `priority`, `expiration`, `delivery_mode` 2 and application headers under their own names.
 *
 *   timestamp          whole seconds, as AMQP has it; the milliseconds beyond stand in the header `polymq-ms`
 *   key                header `polymq-key`
 *   x-death            of what expired or was pushed out, is shown as `polymq-dead-queue`, `-reason` and `-at`
 *
 * Headers of other senders may hold numbers, tables, bytes: they become text, since that is what headers are here.
 */

import { isUtf8 } from 'node:buffer';
import { randomUUID } from 'node:crypto';
import { HEADER } from '../../message/headers.ts';
import type { OutgoingMessage, WireMessage } from '../../message/wire-message.ts';
import type { AmqpMessage, AmqpProperties } from './library.ts';
import { DELAY_PREFIX } from './names.ts';

const MILLISECONDS = 'polymq-ms';

/** Written by brokers on the way of a message; none of it is the sender's. */
const OF_THE_BROKER: ReadonlySet<string> = new Set([
  MILLISECONDS,
  HEADER.key,
  'x-death',
  'x-delay',
  'x-delivery-count',
  'x-first-death-exchange',
  'x-first-death-queue',
  'x-first-death-reason',
  'x-last-death-exchange',
  'x-last-death-queue',
  'x-last-death-reason',
  'x-stream-offset',
]);

/** Headers by which a sender would route beside the queue. */
const ROUTING = ['CC', 'BCC'] as const;

export interface PublishFacts {
  /** Returned if there is no queue for it. */
  readonly mandatory: boolean;
  readonly persistent: boolean;
  /** More headers, such as `x-delay`. */
  readonly headers?: Readonly<Record<string, unknown>> | undefined;
}

/** What amqplib's `publish` takes beside the body. Throws if a header would route the message elsewhere. */
export function toProperties(
  message: OutgoingMessage | WireMessage,
  facts: PublishFacts,
): Readonly<Record<string, unknown>> {
  const { timestampMs } = message;
  const headers: Record<string, unknown> = { ...message.headers, ...facts.headers };
  for (const name of ROUTING) {
    if (name in headers) {
      throw new Error(`the header "${name}" would send it to further queues; give it another name`);
    }
  }
  headers[MILLISECONDS] = timestampMs % 1000;
  if (message.key !== undefined) headers[HEADER.key] = message.key;
  const { priority, ttlMs } = message as OutgoingMessage;
  return {
    mandatory: facts.mandatory,
    deliveryMode: facts.persistent ? 2 : 1,
    messageId: message.id,
    contentType: message.contentType === '' ? undefined : message.contentType,
    type: message.type,
    correlationId: message.correlationId,
    replyTo: message.replyTo,
    timestamp: Math.floor(timestampMs / 1000),
    headers,
    priority,
    expiration: ttlMs === undefined ? undefined : String(Math.ceil(ttlMs)),
  };
}

/** The body as amqplib wants it, without a copy. */
export function toBuffer(body: Uint8Array): Buffer {
  return Buffer.isBuffer(body) ? body : Buffer.from(body.buffer, body.byteOffset, body.byteLength);
}

/** The facts of a received message. Those who need more fields take these and add theirs. */
export class ReceivedWire implements WireMessage {
  readonly id: string;
  readonly body: Uint8Array;
  readonly contentType: string;
  readonly type: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly key: string | undefined;
  readonly timestampMs: number;
  readonly correlationId: string | undefined;
  readonly replyTo: string | undefined;

  constructor(message: AmqpMessage, nowMs: number) {
    const { properties, content } = message;
    const headers = properties.headers ?? NO_HEADERS;
    this.id = properties.messageId || randomUUID();
    this.body = content;
    this.contentType = properties.contentType ?? '';
    this.type = properties.type;
    this.timestampMs = timestampOf(properties, nowMs);
    this.headers = textHeaders(headers, this.timestampMs);
    this.key = keyOf(message);
    this.correlationId = properties.correlationId;
    this.replyTo = properties.replyTo;
  }
}

const NO_HEADERS: Readonly<Record<string, never>> = Object.freeze({});

/** A PolyMQ shows the key of a record that it has copied from a stream as the routing key. */
function keyOf({ properties, fields }: AmqpMessage): string | undefined {
  const key = properties.headers?.[HEADER.key];
  if (typeof key === 'string') return key;
  if (Buffer.isBuffer(key)) return key.toString('utf8');
  const { exchange, routingKey } = fields;
  return exchange.startsWith('stream:') && routingKey !== '' ? routingKey : undefined;
}

function textHeaders(
  headers: Readonly<Record<string, unknown>>,
  sentMs: number,
): Readonly<Record<string, string>> {
  let text: Record<string, string> | undefined;
  for (const name in headers) {
    if (OF_THE_BROKER.has(name)) continue;
    const value = headers[name];
    text ??= {};
    text[name] = typeof value === 'string' ? value : textOf(value);
  }
  if (headers['x-death'] === undefined) return text ?? NO_HEADERS;
  return { ...deathHeaders(headers['x-death'], sentMs), ...text };
}

/** A value of AMQP's field tables as text: bytes as UTF-8 or base64, times as ISO 8601, tables and lists as JSON. */
function textOf(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (typeof value !== 'object') return String(value);
  if (Buffer.isBuffer(value)) return isUtf8(value) ? value.toString() : value.toString('base64');
  const tagged = value as { readonly '!'?: string; readonly value?: unknown };
  if (tagged['!'] === 'timestamp') {
    const date = new Date(Number(tagged.value) * 1000);
    return Number.isNaN(date.getTime()) ? String(tagged.value) : date.toISOString();
  }
  if (tagged['!'] === 'decimal') return decimalText(tagged.value);
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'bigint' ? String(inner) : inner,
  );
}

function decimalText(value: unknown): string {
  const { places = 0, digits = 0 } = value as { places?: number; digits?: number };
  return String(digits / 10 ** places);
}

const DEATHS: Readonly<Record<string, string>> = {
  expired: 'it expired before anybody took it',
  maxlen: 'it was pushed out of the full queue',
  rejected: 'a consumer rejected it',
  delivery_limit: 'it was delivered too often',
};

/** The newest death; the first in the list. What waited in a delay queue has not died. Times of deaths are whole seconds. */
function deathHeaders(list: unknown, sentMs: number): Readonly<Record<string, string>> {
  if (!Array.isArray(list)) return NO_HEADERS;
  for (const death of list as readonly Record<string, unknown>[]) {
    const { queue, reason, time } = death;
    if (typeof queue !== 'string' || queue.startsWith(DELAY_PREFIX)) continue;
    const seconds = (time as { value?: number } | undefined)?.value;
    return {
      [HEADER.deadQueue]: queue,
      [HEADER.deadReason]: `${String(reason)}: ${DEATHS[String(reason)] ?? 'the broker says no more'}`,
      ...(typeof seconds === 'number'
        ? { [HEADER.deadAt]: String(Math.max(seconds * 1000, sentMs)) }
        : {}),
    };
  }
  return NO_HEADERS;
}

/** When the sender made it; who does not say so made it now, as far as anybody knows. */
function timestampOf({ timestamp, headers }: AmqpProperties, nowMs: number): number {
  const plugin = headers?.['timestamp_in_ms'];
  if (typeof plugin === 'number') return plugin;
  if (typeof timestamp !== 'number') return nowMs;
  const ms = headers?.[MILLISECONDS];
  return timestamp * 1000 + (typeof ms === 'number' && ms >= 0 && ms < 1000 ? ms : 0);
}

/** How often the engine handed the message out before: counted by quorum queues, else once or not at all. */
export function redeliveriesOf(message: AmqpMessage): number {
  const count = message.properties.headers?.['x-delivery-count'];
  if (typeof count === 'number' && count >= 0) return count;
  return message.fields.redelivered ? 1 : 0;
}
