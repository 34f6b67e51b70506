/**
 * A body that comes in chunks (RFC 9112 §7.1), put together as it arrives.
 *
 *   5;ext=1\r\n  hello  \r\n   …   0\r\n  Trailer: ignored\r\n  \r\n
 *   └ size ───┘  └data┘ └end┘      └size┘ └ trailers ─────────────┘
 *
 * Data is consumed as it comes; of lines only whole ones. Extensions and trailers are checked and dropped, and what is not
 * data has a limit of its own, so that nobody can send lines for ever.
 */
import type { ByteBudget } from '../../lib/byte-budget.ts';
import { TOKEN, VALUE } from './header-names.ts';
import { reserve } from './held-bytes.ts';
import { HttpRefusal } from './http-refusal.ts';

const CR = 0x0d;
const LF = 0x0a;
const SEMICOLON = 0x3b;
const COLON = 0x3a;

const LINE_BYTES_MAX = 1024;
/** Extensions and trailers of one body; sizes and line ends do not count. */
const EXTRA_BYTES_MAX = 16 * 1024;
const SIZE_DIGITS_MAX = 8;
const CAPACITY_MIN = 1024;
const NOTHING: Buffer = Buffer.alloc(0);

type State = 'size' | 'data' | 'end' | 'trailers' | 'done';

export class ChunkedBody {
  readonly #bytesMax: number;
  readonly #budget: ByteBudget;
  #state: State = 'size';
  #remaining = 0;
  #extraBytes = 0;
  #body: Buffer = NOTHING;
  #bytes = 0;

  constructor(bytesMax: number, budget: ByteBudget) {
    this.#bytesMax = bytesMax;
    this.#budget = budget;
  }

  get done(): boolean {
    return this.#state === 'done';
  }

  get body(): Buffer {
    return this.#body.subarray(0, this.#bytes);
  }

  /** Gives its memory back; the body is not to be touched any more. */
  drop(): void {
    this.#budget.release(this.#body.length);
    this.#body = NOTHING;
    this.#bytes = 0;
  }

  /** Consumes what it can, and returns where it has stopped. Throws `HttpRefusal`. */
  feed(buffer: Buffer, start: number, end: number): number {
    let at = start;
    while (at < end && this.#state !== 'done') {
      const next = this.#step(buffer, at, end);
      if (next === at) break;
      at = next;
    }
    return at;
  }

  #step(buffer: Buffer, at: number, end: number): number {
    if (this.#state === 'data') return this.#data(buffer, at, end);
    const line = lineEnd(buffer, at, end);
    if (line < 0) return at;
    if (this.#state === 'end') {
      if (line !== at) throw bad('a chunk is longer than its size');
      this.#state = 'size';
    } else if (this.#state === 'size') this.#size(buffer, at, line);
    else if (line === at) this.#state = 'done';
    else this.#trailer(buffer, at, line);
    return line + 2;
  }

  #data(buffer: Buffer, at: number, end: number): number {
    const bytes = Math.min(this.#remaining, end - at);
    this.#reserve(bytes);
    buffer.copy(this.#body, this.#bytes, at, at + bytes);
    this.#bytes += bytes;
    this.#remaining -= bytes;
    if (this.#remaining === 0) this.#state = 'end';
    return at + bytes;
  }

  #size(buffer: Buffer, start: number, end: number): void {
    let at = start;
    let size = 0;
    for (; at < end; at++) {
      const digit = hexDigit(buffer[at]!);
      if (digit < 0) break;
      if (at - start === SIZE_DIGITS_MAX) throw new HttpRefusal(413, 'the body is too large');
      size = size * 16 + digit;
    }
    if (at === start) throw bad('a chunk has no size');
    if (at < end) {
      this.#countExtra(end - at);
      while (at < end && (buffer[at] === 0x20 || buffer[at] === 0x09)) at++;
      if (buffer[at] !== SEMICOLON) throw bad('the size of a chunk is no number');
    }
    if (this.#bytes + size > this.#bytesMax) {
      throw new HttpRefusal(413, `the body is larger than ${this.#bytesMax} bytes`);
    }
    this.#remaining = size;
    this.#state = size === 0 ? 'trailers' : 'data';
  }

  #trailer(buffer: Buffer, start: number, end: number): void {
    let at = start;
    while (at < end && TOKEN[buffer[at]!] !== 0) at++;
    if (at === start || buffer[at] !== COLON) throw bad('a trailer is not "name: value"');
    this.#countExtra(end - start);
  }

  #countExtra(bytes: number): void {
    this.#extraBytes += bytes;
    if (this.#extraBytes > EXTRA_BYTES_MAX) {
      throw new HttpRefusal(431, `more than ${EXTRA_BYTES_MAX} bytes of extensions and trailers`);
    }
  }

  /** Grows with what has arrived, never with a size that was only announced. */
  #reserve(bytes: number): void {
    const needed = this.#bytes + bytes;
    if (needed <= this.#body.length) return;
    const capacity = Math.min(this.#bytesMax, Math.max(CAPACITY_MIN, needed * 2));
    reserve(this.#budget, capacity);
    const larger = Buffer.allocUnsafeSlow(capacity);
    this.#body.copy(larger, 0, 0, this.#bytes);
    this.#budget.release(this.#body.length);
    this.#body = larger;
  }
}

/** Where the CR of the line's end is; -1 if it has not arrived. */
function lineEnd(buffer: Buffer, start: number, end: number): number {
  const limit = Math.min(end, start + LINE_BYTES_MAX);
  let at = start;
  while (at < limit && VALUE[buffer[at]!] === 1) at++;
  if (at - start === LINE_BYTES_MAX) throw bad('a line of a chunked body is too long');
  if (at === end) return -1;
  if (buffer[at] !== CR) throw bad('a line of a chunked body does not end in CRLF');
  if (at + 1 === end) return -1;
  if (buffer[at + 1] !== LF) throw bad('a line of a chunked body does not end in CRLF');
  return at;
}

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}

function bad(reason: string): HttpRefusal {
  return new HttpRefusal(400, reason);
}
