/**
 * Destinations, as RabbitMQ has them:
 *
 *   /queue/NAME  NAME         queue NAME, declared when it is first used
 *   /topic/KEY                exchange amq.topic, routing key KEY; a subscription has a queue of its own
 *   /exchange/NAME[/KEY]      any exchange; likewise
 *   /amq/queue/NAME           queue NAME as it is, never declared
 *   /temp-queue/NAME          a private queue for replies, in `reply-to` only
 *   /reply-queue/NAME         what others see there instead: queue NAME as it is
 *
 * A slash in a name is written `%2F`. The same goes for what a MESSAGE names as its destination, where `%` and octets beyond
 * ASCII are written so too.
 */
import { NAME_BYTES_MAX } from '../../core/message/message-bytes.ts';
import { StompError } from './codec/stomp-error.ts';

export type DestinationKind =
  | 'queue'
  | 'topic'
  | 'exchange'
  | 'amq-queue'
  | 'temp-queue'
  | 'reply-queue';

export interface DestinationName {
  kind: DestinationKind;
  /** As the client wrote it. */
  text: string;
  exchange: string;
  /** The routing key, and for queues their name. */
  key: string;
}

export const TOPIC_EXCHANGE = 'amq.topic';
export const REPLY_QUEUE_PREFIX = '/reply-queue/';
export const TEMP_QUEUE_PREFIX = '/temp-queue/';

/** What a `reply-to` may begin with; anything else is the name of a queue. */
const REPLY_PREFIXES = ['/exchange', '/topic', '/queue', '/amq/queue', REPLY_QUEUE_PREFIX];
const KNOWN = '/temp-queue, /exchange, /topic, /queue, /amq/queue, /reply-queue/';

/** Throws if it is none. */
export function parseDestination(text: string): DestinationName {
  const parts = text.split('/');
  if (parts.length === 1) return named('queue', text, '', unslashed(text));
  const [, type = '', ...rest] = parts;
  if (parts[0] !== '') throw unknown(text);
  switch (type) {
    case 'exchange':
      return exchangeDestination(text, rest);
    case 'queue':
      return named('queue', text, '', onlyName(type, rest));
    case 'topic':
      return named('topic', text, TOPIC_EXCHANGE, onlyName(type, rest));
    case 'temp-queue':
      return named('temp-queue', text, '', onlyName('temp_queue', rest));
    case 'amq':
      if (rest[0] !== 'queue') throw unknown(text);
      return named('amq-queue', text, '', onlyName('amqqueue', rest.slice(1)));
    case 'reply-queue':
      if (rest.length === 0) throw unknown(text);
      return named('reply-queue', text, '', text.slice(REPLY_QUEUE_PREFIX.length));
    default:
      throw unknown(text);
  }
}

/** What stands in `reply-to` for others to answer to. */
export function replyDestination(replyTo: string): string {
  const known = REPLY_PREFIXES.some((prefix) => replyTo.startsWith(prefix));
  return known ? replyTo : REPLY_QUEUE_PREFIX + replyTo;
}

function exchangeDestination(text: string, rest: readonly string[]): DestinationName {
  const [name = '', key = ''] = rest;
  if (name === '' || rest.length > 2) throw invalid('exchange', rest);
  return named('exchange', text, unslashed(name), unslashed(key));
}

function named(
  kind: DestinationKind,
  text: string,
  exchange: string,
  key: string,
): DestinationName {
  for (const name of [exchange, key]) {
    if (Buffer.byteLength(name) <= NAME_BYTES_MAX) continue;
    const detail = `a name in '${text.slice(0, 40)}…' is longer than ${NAME_BYTES_MAX} bytes\n`;
    throw new StompError('Invalid destination', detail);
  }
  return { kind, text, exchange, key };
}

function onlyName(type: string, rest: readonly string[]): string {
  const [name = ''] = rest;
  if (name === '' || rest.length > 1) throw invalid(type, rest);
  return unslashed(name);
}

function unslashed(name: string): string {
  return name.replaceAll('%2F', '/');
}

function invalid(type: string, rest: readonly string[]): StompError {
  const given = rest.map((part) => `/${part}`).join('');
  return new StompError('Invalid destination', `'${given}' is not a valid ${type} destination\n`);
}

function unknown(text: string): StompError {
  return new StompError(
    'Unknown destination',
    `'${text}' is not a valid destination.\nValid destination types are: ${KNOWN}.\n`,
  );
}

const SLASH = 0x2f;
const PERCENT = 0x25;
const HEX: Buffer = Buffer.from('0123456789ABCDEF');
const HEXED = 1;
const ESCAPED = 2;

/** How each octet of a name is written in the destination of a MESSAGE. */
const FORM: Uint8Array = new Uint8Array(256);
for (let octet = 0; octet < 256; octet++) {
  if (octet < 0x20 || octet > 0x7f || octet === SLASH || octet === PERCENT) FORM[octet] = HEXED;
}
const COLON = 0x3a;
const BACKSLASH = 0x5c;
FORM[COLON] = ESCAPED;
FORM[BACKSLASH] = ESCAPED;

const QUEUE: Buffer = Buffer.from('/queue/');
const TOPIC: Buffer = Buffer.from('/topic/');
const EXCHANGE: Buffer = Buffer.from('/exchange/');
const TOPIC_NAME: Buffer = Buffer.from(TOPIC_EXCHANGE);

/** The longest destination that names of so many bytes can make. */
export function destinationBytesMax(namesBytes: number): number {
  return EXCHANGE.length + namesBytes * 3;
}

/**
 * Writes the destination that a message was published to: `names[exchangeAt, namesEnd)` holds exchange and routing key, each
 * behind its length. `escapes`: colons and backslashes are escaped, as from version 1.1 on. Returns where it ends.
 */
export function writeDestination(
  target: Buffer,
  start: number,
  names: Buffer,
  exchangeAt: number,
  namesEnd: number,
  escapes: boolean,
): number {
  const exchangeBytes = names[exchangeAt]!;
  const keyAt = exchangeAt + 1 + exchangeBytes;
  if (exchangeBytes === 0) {
    const at = writePlain(target, start, QUEUE);
    return writeName(target, at, names, keyAt + 1, namesEnd, escapes);
  }
  if (isTopicExchange(names, exchangeAt + 1, keyAt)) {
    const at = writePlain(target, start, TOPIC);
    return writeName(target, at, names, keyAt + 1, namesEnd, escapes);
  }
  let at = writePlain(target, start, EXCHANGE);
  at = writeName(target, at, names, exchangeAt + 1, keyAt, escapes);
  if (keyAt + 1 === namesEnd) return at;
  target[at] = SLASH;
  return writeName(target, at + 1, names, keyAt + 1, namesEnd, escapes);
}

function isTopicExchange(names: Buffer, start: number, end: number): boolean {
  if (end - start !== TOPIC_NAME.length) return false;
  for (let at = 0; at < TOPIC_NAME.length; at++) {
    if (names[start + at] !== TOPIC_NAME[at]) return false;
  }
  return true;
}

function writePlain(target: Buffer, start: number, text: Buffer): number {
  for (let at = 0; at < text.length; at++) target[start + at] = text[at]!;
  return start + text.length;
}

function writeName(
  target: Buffer,
  start: number,
  names: Buffer,
  from: number,
  to: number,
  escapes: boolean,
): number {
  let end = start;
  for (let at = from; at < to; at++) {
    const octet = names[at]!;
    const form = FORM[octet]!;
    if (form === HEXED) {
      target[end++] = PERCENT;
      target[end++] = HEX[octet >>> 4]!;
      target[end++] = HEX[octet & 15]!;
    } else if (form === ESCAPED && escapes) {
      target[end++] = BACKSLASH;
      target[end++] = octet === COLON ? 0x63 : BACKSLASH;
    } else target[end++] = octet;
  }
  return end;
}
