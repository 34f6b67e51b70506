/**
 * Messages of the core as the SDK has them, and back. The SDK writes the core's own format, which all protocols translate from;
 * what other protocols have written is read through the neutral form.
 */
import { HEADER, type OutgoingMessage, type WireMessage } from '@polymq/client/driver';
import { bodyOf } from '../core/exchange/draft-facts.ts';
import { type DeathReason, readHistory } from '../core/message/history.ts';
import { type MessageView, shortNames } from '../core/message/message-bytes.ts';
import { MessageDraft } from '../core/message/message-draft.ts';
import type { MessageFormats } from '../core/message/message-formats.ts';
import { NEUTRAL_FORMAT_ID } from '../core/message/neutral-format.ts';
import type { NeutralMessage, NeutralValue } from '../core/message/neutral-message.ts';
import { NeutralOutput } from '../core/message/neutral-output.ts';
import {
  type TextProperties,
  TextPropertiesReader,
  writeTextProperties,
} from '../core/message/text-properties.ts';
import { BodyCopies } from './body-copies.ts';

/** What of a delivery is the message's own. */
export interface WireFields extends WireMessage {
  readonly priority: number | undefined;
  key: string | undefined;
}

const REASONS: Readonly<Record<DeathReason, string>> = {
  rejected: 'rejected by a consumer',
  expired: 'expired: nobody received it in time',
  maxlen: 'dropped: the queue was full',
  delivery_limit: 'handed out too often without an answer',
};

const ENCODING_HEADER = 'content-encoding';

/** Larger bodies are not copied before they go into the store. */
const INLINE_BYTES_MAX = 4 * 1024;
const INLINE_CHARS_MAX = INLINE_BYTES_MAX / 3;
/** Where names end and properties begin in the memory of a writer; exchange and routing key are not longer. */
const CONTENT_AT = 512;

/**
 * Writes messages into a draft, over and over in the same memory: names of where they go first, then properties and body in one
 * piece, so that the store copies from one place.
 */
export class DraftWriter {
  readonly draft: MessageDraft = new MessageDraft();
  readonly #output: NeutralOutput = new NeutralOutput();
  #exchange = '';
  #routingKey = '';
  #namesEnd = 0;

  /** Properties and body; when it is due and how long it lives is the caller's. */
  fill(message: OutgoingMessage, exchange: string, routingKey: string): MessageDraft {
    const { draft } = this;
    const output = this.#output;
    this.#name(exchange, routingKey);
    writeTextProperties(output, message, HEADER.key);
    draft.propertiesBytes = output.at - CONTENT_AT;
    draft.more = this.#body(message);
    draft.format = NEUTRAL_FORMAT_ID;
    draft.persistent = true;
    draft.priority = message.priority ?? 0;
    draft.names = output.buffer;
    draft.namesStart = 0;
    draft.namesEnd = this.#namesEnd;
    draft.content = output.buffer;
    draft.contentStart = CONTENT_AT;
    draft.contentEnd = output.at;
    return draft;
  }

  /** Writes the body behind the properties if it is short, else returns it. */
  #body(message: OutgoingMessage): readonly Buffer[] {
    const { text } = message;
    if (text !== undefined && text.length <= INLINE_CHARS_MAX) {
      this.#output.rawText(text);
      return NOTHING;
    }
    const { body } = message;
    if (body.length > INLINE_BYTES_MAX) return [asBuffer(body)];
    this.#output.raw(body);
    return NOTHING;
  }

  #name(exchange: string, routingKey: string): void {
    const output = this.#output;
    if (exchange !== this.#exchange || routingKey !== this.#routingKey || this.#namesEnd === 0) {
      const names = shortNames(exchange, routingKey);
      output.start(0);
      output.raw(names);
      this.#namesEnd = names.length;
      this.#exchange = exchange;
      this.#routingKey = routingKey;
    }
    output.start(CONTENT_AT);
  }
}

const NOTHING: readonly Buffer[] = [];

/**
 * All but the body of the message that `view` points at, until the next call; `undefined`: the SDK has not written it, so it takes
 * `readView`.
 */
export function readProperties(view: MessageView): TextProperties | undefined {
  if (view.format !== NEUTRAL_FORMAT_ID || view.hasHistory) return undefined;
  if (!TEXT_READER.read(view.buffer, view.propertiesStart)) return undefined;
  TEXT_READER.key ??= routingKeyOf(view);
  return TEXT_READER;
}

/** The message that `view` points at. Copies what it keeps. `fallbackId`: of those that have none. */
export function readView(
  view: MessageView,
  formats: MessageFormats,
  fallbackId: string,
): WireFields {
  const { publishedMs } = view;
  const body = bodies.copy(view.buffer, view.bodyStart, view.end);
  const properties = readProperties(view);
  if (properties !== undefined) return fieldsWith(properties, body);
  const fields = fieldsOf(formats.neutralOf(view), body, { id: fallbackId, publishedMs });
  if (view.hasHistory) addDeath(fields.headers as Record<string, string>, view.historyJson);
  if (view.format === NEUTRAL_FORMAT_ID) fields.key ??= routingKeyOf(view);
  return fields;
}

function fieldsWith(properties: TextProperties, body: Buffer): WireFields {
  const { id, contentType, type, headers, key, timestampMs, correlationId, replyTo, priority } =
    properties;
  return {
    id,
    body,
    contentType,
    type,
    headers,
    key,
    timestampMs,
    correlationId,
    replyTo,
    priority,
  };
}

/** What streams would partition by: the routing key, unless it only names a queue. */
function routingKeyOf(view: MessageView): string | undefined {
  if (view.buffer[view.exchangeAt] === 0 || view.buffer[view.routingKeyAt] === 0) return undefined;
  return view.routingKey;
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

const TEXT_READER: TextPropertiesReader = new TextPropertiesReader(HEADER.key);

/** Copies of bodies, which stay when the memory of the store is used again. */
export const bodies: BodyCopies = new BodyCopies();

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
