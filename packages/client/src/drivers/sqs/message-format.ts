/**
 * Messages in SQS and SNS.
 *
 *   body                 text and JSON as they are; everything else, and text with characters that SQS refuses, in base64
 *   attribute `polymq`   JSON, because SQS allows ten attributes only:
 *                        { id, ct: content type, ts: ms, e: 'base64' | 'empty', t: type, k: key, c: correlation id, r: reply to, h: headers }
 *
 * What other programs send has no such attribute: its attributes become headers, its id and time are those of SQS. A notification that SNS has wrapped in
 * its envelope (a subscription without raw delivery) is taken out of it.
 */
import type { WireMessage } from '../../message/wire-message.ts';

export const ATTRIBUTE = 'polymq';

export interface Attribute {
  readonly DataType: string;
  readonly StringValue?: string | undefined;
  readonly BinaryValue?: Uint8Array | undefined;
}

/** A message as ReceiveMessage answers it. */
export interface ReceivedMessage {
  readonly MessageId?: string;
  readonly ReceiptHandle?: string;
  readonly Body?: string;
  readonly Attributes?: Readonly<Record<string, string>>;
  readonly MessageAttributes?: Readonly<Record<string, Attribute>>;
}

export interface EncodedMessage {
  readonly body: string;
  readonly attributes: Readonly<Record<string, Attribute>>;
  /** As SQS counts it: the body, and the attributes with their names and types. */
  readonly bytes: number;
}

interface Facts {
  id: string;
  ct: string;
  ts: number;
  e?: 'base64' | 'empty';
  t?: string;
  k?: string;
  c?: string;
  r?: string;
  h?: Readonly<Record<string, string>>;
}

/** A body must not be empty. */
const EMPTY_BODY = 'empty';
/** All that XML 1.0 cannot say, which SQS refuses: https://www.w3.org/TR/xml/#charsets. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters that are refused
const REFUSED = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/;
const TEXT_TYPE = /^(?:text\/|application\/(?:[a-z0-9.+-]+\+)?json\b)/i;
const FIXED_BYTES: number = ATTRIBUTE.length + 'String'.length;

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export function encodeMessage(message: WireMessage): EncodedMessage {
  const text = message.body.length === 0 ? undefined : textOf(message);
  const facts: Facts = { id: message.id, ct: message.contentType, ts: message.timestampMs };
  if (text === undefined) facts.e = message.body.length === 0 ? 'empty' : 'base64';
  if (message.type !== undefined) facts.t = message.type;
  if (message.key !== undefined) facts.k = message.key;
  if (message.correlationId !== undefined) facts.c = message.correlationId;
  if (message.replyTo !== undefined) facts.r = message.replyTo;
  for (const _ in message.headers) {
    facts.h = message.headers;
    break;
  }
  const value = attributeText(facts);
  const body =
    text ?? (facts.e === 'empty' ? EMPTY_BODY : bufferOf(message.body).toString('base64'));
  const bodyBytes = text === undefined ? body.length : message.body.length;
  return {
    body,
    attributes: { [ATTRIBUTE]: { DataType: 'String', StringValue: value } },
    bytes: bodyBytes + FIXED_BYTES + Buffer.byteLength(value),
  };
}

/** JSON escapes control characters and lone surrogates itself. */
function attributeText(facts: Facts): string {
  const json = JSON.stringify(facts);
  return REFUSED.test(json)
    ? json.replace(/[\ufffe\uffff]/g, (char) => `\\u${char.charCodeAt(0).toString(16)}`)
    : json;
}

/** The body as text if it is some that SQS takes. */
function textOf({ body, contentType }: WireMessage): string | undefined {
  if (!TEXT_TYPE.test(contentType)) return undefined;
  try {
    const text = strictUtf8.decode(body);
    return REFUSED.test(text) ? undefined : text;
  } catch {
    return undefined;
  }
}

export function decodeMessage(received: ReceivedMessage): WireMessage {
  const { Body: body = '', MessageAttributes: attributes = {} } = received;
  const sentMs = Number(received.Attributes?.['SentTimestamp'] ?? 0);
  const own = decodeOwn(body, attributes[ATTRIBUTE]?.StringValue);
  if (own !== undefined) return own;
  return (
    decodeEnvelope(body, sentMs) ?? foreign(received.MessageId ?? '', body, attributes, sentMs)
  );
}

function decodeOwn(body: string, value: string | undefined): WireMessage | undefined {
  const facts = value === undefined ? undefined : factsOf(value);
  if (facts === undefined) return undefined;
  return {
    id: facts.id,
    body: facts.e === 'empty' ? new Uint8Array(0) : Buffer.from(body, facts.e ?? 'utf8'),
    contentType: facts.ct,
    type: facts.t,
    headers: facts.h ?? {},
    key: facts.k,
    timestampMs: facts.ts,
    correlationId: facts.c,
    replyTo: facts.r,
  };
}

/** Undefined if somebody else has an attribute of that name. */
function factsOf(value: string): Facts | undefined {
  const facts = parsed(value);
  if (facts === undefined) return undefined;
  const { id, ct, ts, e, h = {} } = facts as Partial<Facts>;
  const isOurs =
    typeof id === 'string' &&
    typeof ct === 'string' &&
    typeof ts === 'number' &&
    (e === undefined || e === 'base64' || e === 'empty') &&
    typeof h === 'object' &&
    h !== null &&
    Object.values(h).every((header) => typeof header === 'string');
  return isOurs ? (facts as unknown as Facts) : undefined;
}

/** The message in an envelope of SNS. */
function decodeEnvelope(body: string, sentMs: number): WireMessage | undefined {
  if (!body.startsWith('{') || !body.includes('"Notification"')) return undefined;
  const envelope = parsed(body);
  const { Type, TopicArn, Message, MessageId, Subject, Timestamp } = envelope ?? {};
  if (Type !== 'Notification' || typeof TopicArn !== 'string' || typeof Message !== 'string') {
    return undefined;
  }
  const attributes = envelopeAttributes(envelope?.['MessageAttributes']);
  const own = decodeOwn(Message, attributes[ATTRIBUTE]?.StringValue);
  if (own !== undefined) return own;
  const timeMs = Date.parse(String(Timestamp));
  const message = foreign(
    String(MessageId ?? ''),
    Message,
    attributes,
    Number.isNaN(timeMs) ? sentMs : timeMs,
  );
  const headers = { ...message.headers, 'sns-topic': TopicArn };
  return {
    ...message,
    headers: typeof Subject === 'string' ? { ...headers, 'sns-subject': Subject } : headers,
  };
}

function envelopeAttributes(value: unknown): Record<string, Attribute> {
  const attributes: Record<string, Attribute> = {};
  if (typeof value !== 'object' || value === null) return attributes;
  for (const [name, attribute] of Object.entries(value as Record<string, unknown>)) {
    const { Type, Value } = (attribute ?? {}) as { Type?: unknown; Value?: unknown };
    if (typeof Type === 'string' && typeof Value === 'string') {
      attributes[name] = { DataType: Type, StringValue: Value };
    }
  }
  return attributes;
}

function foreign(
  id: string,
  body: string,
  attributes: Readonly<Record<string, Attribute>>,
  timestampMs: number,
): WireMessage {
  const headers: Record<string, string> = {};
  for (const [name, { StringValue, BinaryValue }] of Object.entries(attributes)) {
    headers[name] = StringValue ?? bufferOf(BinaryValue ?? new Uint8Array(0)).toString('base64');
  }
  return { id, body: Buffer.from(body), contentType: '', headers, timestampMs };
}

function parsed(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

function bufferOf({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}
