/**
 * Replies in RESP2 or RESP3, written wherever there is room: into a connection's output, or into memory of their own while
 * they have to wait.
 *
 *   status +OK   error -ERR why   integer :7   bulk $2 hi   array *2 …
 *   RESP3 alone: map %2 …   push >3 …   null _   verbatim =6 txt:hi      in RESP2: array, array, $-1, bulk
 */
import { NUMBER_LINE_BYTES_MAX, writeNumberLine } from './numbers.ts';

/** Where replies go. An `Output` is one. */
export interface Sink {
  position: number;
  /** Makes room for `bytes` at `position` of the buffer returned. `position` is advanced by who writes. */
  reserve(bytes: number): Buffer;
}

export type RespVersion = 2 | 3;

const PLUS = 43;
const MINUS = 45;
const COLON = 58;
const DOLLAR = 36;
const STAR = 42;
const PERCENT = 37;
const PUSH = 62;
const EQUALS = 61;
const NULL_BULK: Buffer = Buffer.from('$-1\r\n');
const NULL_ARRAY: Buffer = Buffer.from('*-1\r\n');
const NULL: Buffer = Buffer.from('_\r\n');
const OK: Buffer = Buffer.from('+OK\r\n');

export class Reply {
  sink: Sink;
  version: RespVersion = 2;

  constructor(sink: Sink) {
    this.sink = sink;
  }

  ok(): void {
    this.raw(OK);
  }

  status(text: string): void {
    this.#line(PLUS, text);
  }

  /** With its code in front: `ERR syntax error`. Line ends become blanks. */
  error(text: string): void {
    this.#line(MINUS, text.replace(/[\r\n]/g, ' '));
  }

  integer(value: number): void {
    this.#number(COLON, value);
  }

  bulk(value: string | Buffer): void {
    const bytes = typeof value === 'string' ? Buffer.from(value, 'utf8') : value;
    this.#number(DOLLAR, bytes.length);
    this.#bytes(bytes);
  }

  null(): void {
    this.raw(this.version === 2 ? NULL_BULK : NULL);
  }

  nullArray(): void {
    this.raw(this.version === 2 ? NULL_ARRAY : NULL);
  }

  /** `count` values follow. */
  array(count: number): void {
    this.#number(STAR, count);
  }

  /** `count` pairs of values follow. */
  map(count: number): void {
    if (this.version === 2) this.#number(STAR, count * 2);
    else this.#number(PERCENT, count);
  }

  /** What was not asked for; `count` values follow. */
  push(count: number): void {
    this.#number(this.version === 2 ? STAR : PUSH, count);
  }

  /** Text to be shown as it is. */
  verbatim(text: string): void {
    const bytes = Buffer.from(this.version === 2 ? text : `txt:${text}`, 'utf8');
    this.#number(this.version === 2 ? DOLLAR : EQUALS, bytes.length);
    this.#bytes(bytes);
  }

  /** A whole reply, copied. */
  raw(bytes: Buffer): void {
    const { sink } = this;
    const target = sink.reserve(bytes.length);
    bytes.copy(target, sink.position);
    sink.position += bytes.length;
  }

  #line(type: number, text: string): void {
    const bytes = Buffer.from(`${String.fromCharCode(type)}${text}\r\n`, 'utf8');
    this.raw(bytes);
  }

  #number(type: number, value: number): void {
    const { sink } = this;
    const target = sink.reserve(NUMBER_LINE_BYTES_MAX);
    sink.position = writeNumberLine(target, sink.position, type, value);
  }

  #bytes(bytes: Buffer): void {
    const { sink } = this;
    const target = sink.reserve(bytes.length + 2);
    const end = sink.position + bytes.copy(target, sink.position);
    target[end] = 13;
    target[end + 1] = 10;
    sink.position = end + 2;
  }
}

/** Memory of its own for replies that have to wait. */
export class ReplyMemory implements Sink {
  position = 0;
  #buffer: Buffer = Buffer.allocUnsafe(256);

  reserve(bytes: number): Buffer {
    if (this.position + bytes > this.#buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.position + bytes));
      this.#buffer.copy(larger, 0, 0, this.position);
      this.#buffer = larger;
    }
    return this.#buffer;
  }

  /** What was written, valid until more is. */
  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.position);
  }
}

/** For clients that want no replies. */
export class NoReplies implements Sink {
  #buffer: Buffer = Buffer.allocUnsafe(256);

  get position(): number {
    return 0;
  }

  set position(_position: number) {
    // Nothing is kept, so the next reply goes to the same place.
  }

  reserve(bytes: number): Buffer {
    if (bytes > this.#buffer.length) this.#buffer = Buffer.allocUnsafe(bytes);
    return this.#buffer;
  }
}
