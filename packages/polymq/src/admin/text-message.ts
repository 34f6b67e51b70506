/** Messages in the JSON of requests: events and messages of queues say the same things about themselves in the same words. */
import { BrokerError } from '../core/errors.ts';

export interface TextMessage {
  readonly id: string;
  readonly body: Buffer;
  /** '': nothing is said. */
  readonly contentType: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly timestampMs: number | undefined;
  readonly type: string | undefined;
  readonly correlationId: string | undefined;
  readonly replyTo: string | undefined;
}

const TEXT_MAX = 16 * 1024;

/** Throws `invalid-request`, which says what is wrong with it. */
export function textMessageOf(fields: Readonly<Record<string, unknown>>): TextMessage {
  const { id, body, contentType = '', headers = {}, timestampMs } = fields;
  if (!isText(id) || id === '') throw refused('every message needs an "id": a text');
  if (typeof body !== 'string' || !/^[A-Za-z0-9+/]*={0,2}$/.test(body)) {
    throw refused('"body" must be base64');
  }
  if (!isText(contentType)) throw refused('"contentType" must be a text');
  if (timestampMs !== undefined && !isCount(timestampMs)) {
    throw refused('"timestampMs" must be ms since the epoch');
  }
  const isObject = typeof headers === 'object' && headers !== null && !Array.isArray(headers);
  if (!isObject || !Object.values(headers).every((each) => typeof each === 'string')) {
    throw refused('"headers" must be an object of texts');
  }
  return {
    ...{ id, contentType, timestampMs, headers: headers as Record<string, string> },
    body: Buffer.from(body, 'base64'),
    type: optionalText(fields, 'type'),
    correlationId: optionalText(fields, 'correlationId'),
    replyTo: optionalText(fields, 'replyTo'),
  };
}

export function optionalText(
  fields: Readonly<Record<string, unknown>>,
  name: string,
): string | undefined {
  const value = fields[name];
  if (value === undefined || isText(value)) return value;
  throw refused(`"${name}" must be a text`);
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length <= TEXT_MAX;
}

export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

export function refused(message: string): BrokerError {
  return new BrokerError('invalid-request', message);
}
