/**
 * Messages of one connection, from the request to the core.
 *
 *   *3 $7 PUBLISH $4 news │ $2 CR LF hi CR LF
 *   └ remembered: route   │       ^^^^ four bytes here become the properties, right before the body
 *
 * The usual request, whole in what has arrived, is published where it lies: properties and body stand side by side as the
 * store wants them, and what subscribers get is the request's own tail. Everything else comes as separate arguments.
 */
import { type Destination, REDIS_EXCHANGE, SHARDED_EXCHANGE } from './destinations.ts';
import { REFUSAL } from './errors.ts';
import type { RedisServer } from './server.ts';
import type { RedisSession } from './session.ts';

const CR = 13;
const LF = 10;
const STAR = 42;
const DOLLAR = 36;
const ZERO = 48;
const THREE = 51;
const SEVEN = 55;
const EIGHT = 56;
/** `*3 CR LF $7 CR LF`: the command's name follows. */
const NAME_AT = 8;
const PUBLISH: Buffer = Buffer.from('publish');
const SPUBLISH: Buffer = Buffer.from('spublish');
const LOWER = 0x20;
const LENGTH_DIGITS_MAX = 9;

const LENGTH_LINE_BYTES_MIN = '$0\r\n'.length;
const NO_PIECES: readonly Buffer[] = [];
const NOTHING: Buffer = Buffer.alloc(0);

function viewOf(buffer: Buffer): DataView {
  return new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
}

/** Reads the requests of all connections where they lie; it keeps nothing of one for the next. */
export class RequestReader {
  /** Behind the last number read. */
  next = 0;
  /** Views of what was compared last. */
  #buffer: Buffer = NOTHING;
  #view: DataView = viewOf(NOTHING);

  /** Whether what is here begins like the last request there, four bytes at a time: it mostly does. */
  beginsWith(buffer: Buffer, start: number, end: number, destination: Destination): boolean {
    const { prefix, prefixView } = destination;
    const bytes = prefix.length;
    if (start + bytes + LENGTH_LINE_BYTES_MIN > end) return false;
    if (buffer !== this.#buffer) {
      this.#buffer = buffer;
      this.#view = viewOf(buffer);
    }
    const view = this.#view;
    let index = 0;
    for (const last = bytes - 4; index <= last; index += 4) {
      if (view.getInt32(start + index) !== prefixView.getInt32(index)) return false;
    }
    for (; index < bytes; index++) {
      if (buffer[start + index] !== prefix[index]) return false;
    }
    return true;
  }

  /** The number up to CR LF at `at`; -1 if it is none, or not all of it is here. */
  number(buffer: Buffer, at: number, end: number): number {
    let position = at;
    let value = 0;
    for (const last = Math.min(end, at + LENGTH_DIGITS_MAX); position < last; position++) {
      const digit = buffer[position]! - ZERO;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
    }
    if (position === at || position + 2 > end) return -1;
    if (buffer[position] !== CR || buffer[position + 1] !== LF) return -1;
    if (buffer[at] === ZERO && position > at + 1) return -1;
    this.next = position + 2;
    return value;
  }

  /** Whether a PUBLISH or SPUBLISH with two arguments starts at `start`; the header of the channel is at `next` then. */
  isPublish(buffer: Buffer, start: number, end: number): boolean {
    if (start + NAME_AT + 12 > end || buffer[start] !== STAR || buffer[start + 1] !== THREE) {
      return false;
    }
    const digit = buffer[start + 5];
    const name = digit === SEVEN ? PUBLISH : SPUBLISH;
    if (digit !== SEVEN && digit !== EIGHT) return false;
    if (buffer[start + 2] !== CR || buffer[start + 3] !== LF) return false;
    if (buffer[start + 4] !== DOLLAR || buffer[start + 6] !== CR) return false;
    for (let index = 0; index < name.length; index++) {
      if ((buffer[start + NAME_AT + index]! | LOWER) !== name[index]) return false;
    }
    const nameEnd = start + NAME_AT + name.length;
    this.next = nameEnd + 2;
    return buffer[nameEnd] === CR && buffer[nameEnd + 1] === LF && buffer[nameEnd + 2] === DOLLAR;
  }
}

export class Publishing {
  readonly #session: RedisSession;
  readonly #server: RedisServer;
  /** Where the last message went. */
  #last: Destination | undefined;
  /** Somebody keeps the message that was published last: its reply waits for the disk. */
  stored = false;

  constructor(session: RedisSession) {
    this.#session = session;
    this.#server = session.server;
  }

  /**
   * A request at `start`: published and answered, and where it ends; 0 if it is another command, or not whole, or there is
   * something wrong with it.
   */
  take(buffer: Buffer, start: number, end: number): number {
    let destination = this.#last;
    const { requests } = this.#server;
    if (destination === undefined || !requests.beginsWith(buffer, start, end, destination)) {
      destination = this.#find(buffer, start, end);
      if (destination === undefined) return 0;
      this.#last = destination;
    }
    const server = this.#server;
    const headerAt = start + destination.prefix.length;
    if (buffer[headerAt] !== DOLLAR) return 0;
    const bytes = requests.number(buffer, headerAt + 1, end);
    const body = requests.next;
    const bodyEnd = body + bytes;
    if (bytes < 0 || bodyEnd + 2 > end || bytes > server.options.messageBytesMax) return 0;
    if (buffer[bodyEnd] !== CR || buffer[bodyEnd + 1] !== LF) return 0;
    if (destination.version !== server.broker.exchanges.version) {
      server.destinations.renew(destination);
    }
    const count = this.#publishWhereItLies(destination, buffer, start, body, bodyEnd);
    this.#session.answerInPlace(count);
    return bodyEnd + 2;
  }

  /** As separate arguments. The number of those who got it, or a refusal. Throws `CommandError`. */
  publish(sharded: boolean, channel: Buffer, body: Buffer): number {
    const server = this.#server;
    const exchange = sharded ? SHARDED_EXCHANGE : REDIS_EXCHANGE;
    const destination = server.destinations.once(exchange, channel);
    server.destinations.renew(destination);
    const { draft, properties } = server;
    draft.content = properties;
    draft.contentStart = 0;
    draft.contentEnd = properties.length;
    draft.more = [body];
    server.publisher = this.#session;
    try {
      return this.#submit(destination);
    } finally {
      server.publisher = undefined;
      draft.more = NO_PIECES;
    }
  }

  /** What streams still owe for the message published last. */
  streamsPending(): Promise<void> | undefined {
    return this.stored ? this.#server.broker.publisher.streamsPending() : undefined;
  }

  #find(buffer: Buffer, start: number, end: number): Destination | undefined {
    const { requests, destinations } = this.#server;
    if (!requests.isPublish(buffer, start, end)) return undefined;
    const headerAt = requests.next;
    const bytes = requests.number(buffer, headerAt + 1, end);
    const channel = requests.next;
    const prefixEnd = channel + bytes + 2;
    if (bytes < 0 || prefixEnd + 4 > end) return undefined;
    if (buffer[prefixEnd - 2] !== CR || buffer[prefixEnd - 1] !== LF) return undefined;
    return destinations.find(buffer, start, headerAt, channel, prefixEnd);
  }

  #publishWhereItLies(
    destination: Destination,
    buffer: Buffer,
    start: number,
    body: number,
    bodyEnd: number,
  ): number {
    const server = this.#server;
    const { draft, properties } = server;
    const { tail } = server.delivery;
    const patchAt = body - properties.length;
    tail.buffer = buffer;
    tail.start = start + destination.tailAt;
    tail.end = bodyEnd + 2;
    tail.patchAt = patchAt;
    tail.first = buffer[patchAt]!;
    tail.second = buffer[patchAt + 1]!;
    buffer[patchAt] = properties[0]!;
    buffer[patchAt + 1] = properties[1]!;
    buffer[patchAt + 2] = properties[2]!;
    buffer[patchAt + 3] = properties[3]!;
    draft.content = buffer;
    draft.contentStart = patchAt;
    draft.contentEnd = bodyEnd;
    const count = this.#submit(destination);
    tail.buffer = undefined;
    return count;
  }

  #submit(destination: Destination): number {
    const { draft, broker, nowMs } = this.#server;
    const { names, stored } = destination;
    this.stored = stored;
    if (stored && broker.alarms.reason !== undefined) return this.#refuse();
    draft.publishedMs = nowMs;
    draft.names = names;
    draft.namesEnd = names.length;
    const count = broker.publisher.publish(draft, destination.route);
    if (count >= 0) return count;
    this.stored = false;
    return REFUSAL.full;
  }

  /** What is kept needs room. */
  #refuse(): number {
    this.stored = false;
    return this.#server.broker.alarms.isOn('memory') ? REFUSAL.memory : REFUSAL.disk;
  }
}
