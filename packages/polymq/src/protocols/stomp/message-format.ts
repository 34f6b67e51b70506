/**
 * STOMP's headers in the words that all protocols share, and back: what happens when a message crosses.
 *
 *   stored properties
 *   ┌────────┬──────────────────────────────────────────────────────────┐
 *   │ flags  │ (name ":" value LF)*                                     │
 *   │ 1 byte │ as STOMP 1.2 writes them, each name once, in the order   │
 *   │        │ of the sender; without those that are only for the broker│
 *   └────────┴──────────────────────────────────────────────────────────┘
 *     bit 0: something in the lines is escaped
 *
 * So a MESSAGE is the stored lines between what belongs to the delivery and the body. `destination`, `content-length`,
 * `receipt`, `transaction` and the headers of a delivery are never stored.
 */
import type { MessageFormat, MessageWishes } from '../../core/message/message-format.ts';
import type {
  NeutralHeader,
  NeutralMessage,
  NeutralValue,
} from '../../core/message/neutral-message.ts';
import { escaped, unescaped } from './codec/escaping.ts';
import { REPLY_QUEUE_PREFIX, replyDestination } from './destinations.ts';

/** Stored with every message. */
export const STOMP_FORMAT_ID = 4;
export const STORED_FLAG = { escapes: 1 } as const;
/** What stands before the lines. */
export const STORED_HEAD_BYTES = 1;

const LF = 0x0a;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const EXACT_TIME = 'timestamp_in_ms';
const NUMBER = /^\d{1,15}$/;

/** Properties that are text on both sides. */
const TEXTS = {
  'content-type': 'contentType',
  'content-encoding': 'contentEncoding',
  'correlation-id': 'correlationId',
  'amqp-message-id': 'messageId',
  type: 'type',
  'user-id': 'userId',
  'app-id': 'appId',
} as const satisfies Record<string, keyof NeutralMessage>;

/** Properties that are no application headers. */
const PROPERTIES: ReadonlySet<string> = new Set([
  ...Object.keys(TEXTS),
  'reply-to',
  'persistent',
  'priority',
  'expiration',
  'timestamp',
]);

/** What only the broker may say in a MESSAGE. */
const RESERVED: ReadonlySet<string> = new Set([
  'content-length',
  'subscription',
  'destination',
  'message-id',
  'redelivered',
  'ack',
  'receipt',
  'transaction',
]);

export const stompFormat: MessageFormat = {
  id: STOMP_FORMAT_ID,
  name: 'stomp',
  toNeutral(properties) {
    const lines = readLines(properties);
    const message: NeutralMessage = { headers: [] };
    const headers: NeutralHeader[] = [];
    for (const [name, value] of lines) {
      if (!PROPERTIES.has(name)) headers.push({ name, value });
      else readProperty(message, name, value);
    }
    const { timestampMs } = message;
    const exact = headers.findIndex(
      ({ name, value }) =>
        name === EXACT_TIME && Math.floor(Number(value) / 1000) * 1000 === timestampMs,
    );
    if (exact >= 0) message.timestampMs = Number(headers.splice(exact, 1)[0]!.value);
    message.headers = headers;
    return message;
  },
  fromNeutral: (message) => storedLines(neutralLines(message)),
  headers(properties) {
    return new Map(readLines(properties).filter(([name]) => !PROPERTIES.has(name)));
  },
  wishes(properties) {
    const wishes: MessageWishes = {};
    for (const [name, value] of readLines(properties)) {
      if (!NUMBER.test(value)) continue;
      if (name === 'expiration') wishes.ttlMs = Number(value);
      else if (name === 'priority') wishes.priority = Number(value);
    }
    return wishes;
  },
};

/** Lines with their flags before them. */
export function storedLines(lines: Buffer): Buffer {
  const flags = lines.includes(BACKSLASH) ? STORED_FLAG.escapes : 0;
  return Buffer.concat([Buffer.of(flags), lines]);
}

/** One header as it is stored. */
export function headerLine(name: string, value: string | Buffer): Buffer {
  const bytes = typeof value === 'string' ? Buffer.from(value) : value;
  return Buffer.concat([escaped(Buffer.from(name)), COLON_BYTE, escaped(bytes), LF_BYTE]);
}

const COLON_BYTE: Buffer = Buffer.of(COLON);
const LF_BYTE: Buffer = Buffer.of(LF);

/** Removes the line of one name, if it is there. */
export function withoutLine(lines: Buffer, name: string): Buffer {
  const start = lineOf(lines, Buffer.from(`${name}:`));
  if (start < 0) return lines;
  const end = lines.indexOf(LF, start) + 1;
  return Buffer.concat([lines.subarray(0, start), lines.subarray(end)]);
}

function lineOf(lines: Buffer, beginning: Buffer): number {
  for (let at = 0; at < lines.length; at = lines.indexOf(LF, at) + 1) {
    if (lines.compare(beginning, 0, beginning.length, at, at + beginning.length) === 0) return at;
  }
  return -1;
}

/** The lines of a message that came over another protocol, in the order of RabbitMQ's properties. */
export function neutralLines(message: NeutralMessage): Buffer {
  const lines: Buffer[] = [];
  const add = (name: string, value: string | number | undefined): void => {
    if (value !== undefined) lines.push(headerLine(name, String(value)));
  };
  for (const [name, property] of Object.entries(TEXTS)) add(name, message[property]);
  const { replyTo, timestampMs } = message;
  if (replyTo !== undefined) add('reply-to', replyDestination(replyTo));
  if (message.persistent) add('persistent', 'true');
  add('priority', message.priority);
  const names = new Set<string>();
  if (timestampMs !== undefined) {
    add('timestamp', Math.floor(timestampMs / 1000));
    if (timestampMs % 1000 !== 0) {
      add(EXACT_TIME, timestampMs);
      names.add(EXACT_TIME);
    }
  }
  for (const { name, value } of message.headers) {
    const text = textOf(value);
    if (text === undefined || names.has(name) || name === '') continue;
    if (PROPERTIES.has(name) || RESERVED.has(name)) continue;
    names.add(name);
    lines.push(headerLine(name, text));
  }
  return Buffer.concat(lines);
}

/** What has no text has no place in a header: lists and tables, as in RabbitMQ. */
function textOf(value: NeutralValue): string | Buffer | undefined {
  if (typeof value === 'string' || Buffer.isBuffer(value)) return value;
  if (value === null || typeof value === 'object') return undefined;
  return String(value);
}

function readProperty(message: NeutralMessage, name: string, value: string): void {
  if (name in TEXTS) message[TEXTS[name as keyof typeof TEXTS]] = value;
  else if (name === 'reply-to') message.replyTo = replyName(value);
  else if (name === 'persistent') message.persistent = isTrue(value);
  else if (name === 'priority') message.priority = Math.min(Number(value.trim()), 255) || 0;
  else if (name === 'timestamp' && NUMBER.test(value)) message.timestampMs = Number(value) * 1000;
}

/** A queue is named to others as they know it. */
function replyName(value: string): string {
  return value.startsWith(REPLY_QUEUE_PREFIX) ? value.slice(REPLY_QUEUE_PREFIX.length) : value;
}

/** Some clients write their language's idea of true. */
export function isTrue(value: string | undefined): boolean {
  return value === 'true' || value === 'True';
}

function readLines(properties: Buffer): [name: string, value: string][] {
  const lines: [string, string][] = [];
  for (let at = STORED_HEAD_BYTES; at < properties.length; ) {
    const colon = properties.indexOf(COLON, at);
    const end = properties.indexOf(LF, colon);
    const name = unescaped(properties.subarray(at, colon)).toString();
    lines.push([name, unescaped(properties.subarray(colon + 1, end)).toString()]);
    at = end + 1;
  }
  return lines;
}
