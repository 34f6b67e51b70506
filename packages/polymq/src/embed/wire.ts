/**
 * Messages of the core as the SDK has them, and back. The SDK writes the core's own format, which all protocols translate from;
 * what other protocols have written is read through the neutral form.
 */
import { HEADER, type OutgoingMessage, type WireMessage } from '@polymq/client/driver';
import { bodyOf } from '../core/exchange/draft-facts.ts';
import { type DeathReason, readHistory } from '../core/message/history.ts';
import type { MessageView } from '../core/message/message-bytes.ts';
import type { MessageDraft } from '../core/message/message-draft.ts';
import type { MessageFormats } from '../core/message/message-formats.ts';
import { NEUTRAL_FORMAT_ID, writeNeutral } from '../core/message/neutral-format.ts';
import type {
  NeutralHeader,
  NeutralMessage,
  NeutralValue,
} from '../core/message/neutral-message.ts';

/** What of a delivery is the message's own. */
export interface WireFields extends WireMessage {
  readonly priority: number | undefined;
}

const REASONS: Readonly<Record<DeathReason, string>> = {
  rejected: 'rejected by a consumer',
  expired: 'expired: nobody received it in time',
  maxlen: 'dropped: the queue was full',
  delivery_limit: 'handed out too often without an answer',
};

const ENCODING_HEADER = 'content-encoding';

/** Fills in content and properties; where it goes and when is the caller's. */
export function fillDraft(draft: MessageDraft, message: OutgoingMessage): void {
  draft.format = NEUTRAL_FORMAT_ID;
  draft.persistent = true;
  draft.priority = message.priority ?? 0;
  draft.setContent(writeNeutral(neutralOf(message)), asBuffer(message.body));
}

function neutralOf(message: OutgoingMessage): NeutralMessage {
  const { headers, key } = message;
  const list: NeutralHeader[] = [];
  for (const name of Object.keys(headers)) list.push({ name, value: headers[name]! });
  const neutral: NeutralMessage = {
    headers: list,
    messageId: message.id,
    timestampMs: message.timestampMs,
    persistent: true,
  };
  if (message.contentType !== '') neutral.contentType = message.contentType;
  if (message.type !== undefined) neutral.type = message.type;
  if (message.correlationId !== undefined) neutral.correlationId = message.correlationId;
  if (message.replyTo !== undefined) neutral.replyTo = message.replyTo;
  if (message.priority !== undefined) neutral.priority = message.priority;
  if (key !== undefined) {
    neutral.key = Buffer.from(key, 'utf8');
    // Protocols without keys show headers.
    list.push({ name: HEADER.key, value: key });
  }
  return neutral;
}

/** The message that `view` points at. Copies what it keeps. `fallbackId`: of those that have none. */
export function readView(
  view: MessageView,
  formats: MessageFormats,
  fallbackId: string,
): WireFields {
  const { publishedMs } = view;
  const body = Buffer.from(view.body);
  const fields = fieldsOf(formats.neutralOf(view), body, { id: fallbackId, publishedMs });
  if (view.hasHistory) addDeath(fields.headers as Record<string, string>, view.historyJson);
  return fields;
}

/** The same of a message that is being published. */
export function readDraft(
  draft: MessageDraft,
  formats: MessageFormats,
  fallbackId: string,
): WireFields {
  const { content, contentStart, propertiesBytes, publishedMs } = draft;
  const properties = content.subarray(contentStart, contentStart + propertiesBytes);
  const body = Buffer.from(bodyOf(draft, Number.POSITIVE_INFINITY)!);
  const neutral = formats.get(draft.format).toNeutral(properties);
  return fieldsOf(neutral, body, { id: fallbackId, publishedMs });
}

function fieldsOf(
  neutral: NeutralMessage,
  body: Buffer,
  fallback: { id: string; publishedMs: number },
): WireFields {
  const headers = textHeaders(neutral);
  const key = neutral.key?.toString('utf8') ?? headers[HEADER.key];
  delete headers[HEADER.key];
  return {
    id: neutral.messageId ?? fallback.id,
    body,
    contentType: neutral.contentType ?? '',
    type: neutral.type,
    headers,
    key,
    timestampMs: neutral.timestampMs ?? fallback.publishedMs,
    correlationId: neutral.correlationId,
    replyTo: neutral.replyTo,
    priority: neutral.priority,
  };
}

function textHeaders({ headers, contentEncoding }: NeutralMessage): Record<string, string> {
  const texts: Record<string, string> = {};
  for (const { name, value } of headers) {
    if (value !== null) texts[name] = textOf(value);
  }
  if (contentEncoding !== undefined) texts[ENCODING_HEADER] = contentEncoding;
  return texts;
}

function textOf(value: NeutralValue): string {
  if (typeof value === 'string') return value;
  if (Buffer.isBuffer(value)) return value.toString('utf8');
  return typeof value === 'object' ? JSON.stringify(value, plainJson) : String(value);
}

function plainJson(_name: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}

/** What the broker itself knows of a dead letter, as the SDK would have written it. */
function addDeath(headers: Record<string, string>, historyJson: string): void {
  const [death] = readHistory(historyJson);
  if (death === undefined || headers[HEADER.deadQueue] !== undefined) return;
  headers[HEADER.deadQueue] = death.queue;
  headers[HEADER.deadReason] = REASONS[death.reason];
  headers[HEADER.deadAt] = String(death.firstMs);
}

export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
