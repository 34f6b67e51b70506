/**
 * Commands as a person types them into telnet: words on a line, in quotes if they hold blanks.
 *
 *   PUBLISH news "a \"quoted\" word\n"  'single: only \' is special'
 *
 * In double quotes `\xHH`, `\n`, `\r`, `\t`, `\b`, `\a` are what they are in C, and `\` before anything else stands for that.
 */
import { RespError } from './resp-error.ts';

const LF = 10;
const CR = 13;
const SPACE = 32;
const DOUBLE = 34;
const SINGLE = 39;
const BACKSLASH = 92;
const ESCAPES: ReadonlyMap<number, number> = new Map([
  [0x6e, 10],
  [0x72, 13],
  [0x74, 9],
  [0x62, 8],
  [0x61, 7],
]);

/** The longest line, in bytes. */
export const INLINE_BYTES_MAX: number = 64 * 1024;

/** Where the line that starts at `start` ends (behind its LF), or 0 if it has not all come. Throws `RespError`. */
export function inlineEnd(buffer: Buffer, start: number, end: number): number {
  const limit = Math.min(end, start + INLINE_BYTES_MAX + 2);
  const at = buffer.subarray(start, limit).indexOf(LF);
  if (at >= 0) return start + at + 1;
  if (end - start > INLINE_BYTES_MAX) {
    throw new RespError('Protocol error: too big inline request');
  }
  return 0;
}

/** The words of the line `[start, end)`, copied. None if it is blank. Throws `RespError`. */
export function splitInline(buffer: Buffer, start: number, end: number): Buffer[] {
  let lineEnd = end;
  if (buffer[lineEnd - 1] === LF) lineEnd -= 1;
  if (lineEnd > start && buffer[lineEnd - 1] === CR) lineEnd -= 1;
  const line = buffer.subarray(start, lineEnd);
  const words: Buffer[] = [];
  const scratch = Buffer.allocUnsafe(line.length);
  let at = 0;
  for (;;) {
    while (at < line.length && isBlank(line[at]!)) at += 1;
    if (at === line.length) return words;
    const word = new Word(line, at, scratch);
    at = word.read();
    words.push(Buffer.from(scratch.subarray(0, word.bytes)));
  }
}

class Word {
  /** Written to `scratch`. */
  bytes = 0;
  readonly #line: Buffer;
  readonly #scratch: Buffer;
  #at: number;

  constructor(line: Buffer, at: number, scratch: Buffer) {
    this.#line = line;
    this.#at = at;
    this.#scratch = scratch;
  }

  /** Returns where it ends. */
  read(): number {
    const line = this.#line;
    while (this.#at < line.length && !isBlank(line[this.#at]!)) {
      const byte = line[this.#at]!;
      this.#at += 1;
      if (byte === DOUBLE) this.#quoted(DOUBLE);
      else if (byte === SINGLE) this.#quoted(SINGLE);
      else this.#put(byte);
    }
    return this.#at;
  }

  /** Behind the opening quote. A closing one must end the word. */
  #quoted(quote: number): void {
    const line = this.#line;
    while (this.#at < line.length) {
      const byte = line[this.#at]!;
      this.#at += 1;
      if (byte === quote) {
        if (this.#at < line.length && !isBlank(line[this.#at]!)) throw unbalanced();
        return;
      }
      if (byte !== BACKSLASH || this.#at === line.length) this.#put(byte);
      else if (quote === SINGLE) this.#put(line[this.#at] === SINGLE ? this.#next() : byte);
      else this.#escaped();
    }
    throw unbalanced();
  }

  #escaped(): void {
    const line = this.#line;
    const byte = this.#next();
    const high = hexDigit(line[this.#at]);
    const low = hexDigit(line[this.#at + 1]);
    if (byte === 0x78 && high >= 0 && low >= 0) {
      this.#at += 2;
      this.#put(high * 16 + low);
    } else this.#put(ESCAPES.get(byte) ?? byte);
  }

  #next(): number {
    const byte = this.#line[this.#at]!;
    this.#at += 1;
    return byte;
  }

  #put(byte: number): void {
    this.#scratch[this.bytes] = byte;
    this.bytes += 1;
  }
}

function unbalanced(): RespError {
  return new RespError('Protocol error: unbalanced quotes in request');
}

function isBlank(byte: number): boolean {
  return byte === SPACE || byte === 0 || (byte >= 9 && byte <= 13);
}

function hexDigit(byte: number | undefined): number {
  if (byte === undefined) return -1;
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}
