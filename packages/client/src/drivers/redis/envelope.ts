/**
 * Messages as what Redis Pub/Sub carries: bytes. The SDK writes JSON, so that other programs can read it:
 *
 *   {"polymq":1,"size":13,"id":"…","contentType":"application/json","timestamp":1790000000000,"headers":{…},
 *    "key":"…","type":"…","correlationId":"…","replyTo":"…","data":{"order":"17"}}
 *
 * The body comes last: as `data` if it is JSON, as `text` if it is text, else as `base64`. `size` counts the bytes of
 * `data`, so that a body comes out with the very bytes that went in. Who writes such an envelope by hand may leave out everything but
 * `polymq` and the body. Anything else is a message of another program: its bytes are the body.
 */
import { randomUUID } from 'node:crypto';
import type { TopicRecord, WireMessage } from '../../message/wire-message.ts';

const START = Buffer.from('{"polymq":1');
const END = Buffer.from('}');
const strictUtf8 = new TextDecoder('utf-8', { fatal: true });

interface Envelope {
  readonly polymq: 1;
  readonly size?: number;
  readonly id?: string;
  readonly contentType?: string;
  readonly timestamp?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly key?: string;
  readonly type?: string;
  readonly correlationId?: string;
  readonly replyTo?: string;
  readonly data?: unknown;
  readonly text?: string;
  readonly base64?: string;
}

export function writeEnvelope(message: WireMessage): Buffer {
  const body = Buffer.from(message.body.buffer, message.body.byteOffset, message.body.byteLength);
  const { id, contentType, timestampMs, headers, key, type, correlationId, replyTo } = message;
  const asJson = isJson(contentType) && parsed(body) !== undefined;
  const facts = {
    polymq: 1,
    ...(asJson ? { size: body.length } : {}),
    id,
    contentType,
    timestamp: timestampMs,
    headers,
    key,
    type,
    correlationId,
    replyTo,
  };
  if (asJson) {
    const head = JSON.stringify(facts).slice(0, -1);
    return Buffer.concat([Buffer.from(`${head},"data":`), body, END]);
  }
  const text = utf8(body);
  const rest = text === undefined ? { base64: body.toString('base64') } : { text };
  return Buffer.from(JSON.stringify({ ...facts, ...rest }));
}

export function readEnvelope(bytes: Buffer, nowMs: number): TopicRecord {
  const envelope = envelopeOf(bytes);
  if (envelope === undefined) {
    const facts = { id: randomUUID(), contentType: '', headers: {}, timestampMs: nowMs };
    return { ...facts, body: bytes, partition: -1, offset: -1 };
  }
  return {
    id: text(envelope.id) ?? randomUUID(),
    body: bodyOf(envelope, bytes),
    contentType:
      text(envelope.contentType) ?? (envelope.data === undefined ? '' : 'application/json'),
    headers: headersOf(envelope.headers),
    timestampMs: typeof envelope.timestamp === 'number' ? envelope.timestamp : nowMs,
    key: text(envelope.key),
    type: text(envelope.type),
    correlationId: text(envelope.correlationId),
    replyTo: text(envelope.replyTo),
    partition: -1,
    offset: -1,
  };
}

function envelopeOf(bytes: Buffer): Envelope | undefined {
  if (bytes.length < START.length || bytes[0] !== START[0]) return undefined;
  const value = parsed(bytes);
  if (typeof value !== 'object' || value === null) return undefined;
  return (value as Envelope).polymq === 1 ? (value as Envelope) : undefined;
}

function bodyOf(envelope: Envelope, bytes: Buffer): Buffer {
  if (typeof envelope.base64 === 'string') return Buffer.from(envelope.base64, 'base64');
  if (typeof envelope.text === 'string') return Buffer.from(envelope.text);
  const { size, data } = envelope;
  if (Number.isInteger(size) && size! > 0 && size! < bytes.length) {
    return bytes.subarray(bytes.length - 1 - size!, bytes.length - 1);
  }
  return Buffer.from(JSON.stringify(data ?? null));
}

function headersOf(headers: unknown): Record<string, string> {
  const found: Record<string, string> = {};
  if (typeof headers !== 'object' || headers === null) return found;
  for (const [name, value] of Object.entries(headers)) {
    if (name !== '__proto__')
      found[name] = typeof value === 'string' ? value : JSON.stringify(value);
  }
  return found;
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function isJson(contentType: string): boolean {
  return /^application\/(?:[\w.+-]+\+)?json\b/i.test(contentType);
}

function parsed(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
}

function utf8(bytes: Buffer): string | undefined {
  try {
    return strictUtf8.decode(bytes);
  } catch {
    return undefined;
  }
}
