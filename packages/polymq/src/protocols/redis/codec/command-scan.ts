/**
 * Finds where the arguments of one command lie, without making anything of them.
 *
 *   *3 CR LF  $7 CR LF PUBLISH CR LF  $4 CR LF news CR LF  $2 CR LF hi CR LF
 *                      ^0     ^                 ^1  ^                ^2^       starts and ends, from the command's start
 *
 * A command may come in pieces: `scan` goes on where it has stopped when it is given more of the same command. Lengths
 * are checked when they are read, and no memory is taken for what was only announced.
 */
import { readInteger } from './numbers.ts';
import { RespError } from './resp-error.ts';

export interface ScanLimits {
  /** Arguments of any command; `longCountMax` for those of `takesMany`. */
  countMax: number;
  longCountMax: number;
  bulkBytesMax: number;
  /** A whole command. */
  commandBytesMax: number;
}

const STAR = 42;
const DOLLAR = 36;
const CR = 13;
const LF = 10;
/** A type, a number of up to fifteen digits, and CR: nothing longer is a header. */
const HEADER_BYTES_MAX = 32;
const NOTHING = -1;

export class CommandScan {
  /** Arguments found so far, the command's name among them. */
  count = 0;
  /** Bytes of the whole command, once it is whole. */
  bytes = 0;
  /** Where the arguments start and end, counted from the first byte of the command. */
  starts: Int32Array = new Int32Array(16);
  ends: Int32Array = new Int32Array(16);
  readonly #limits: ScanLimits;
  readonly #takesMany: (name: Buffer) => boolean;
  /** Up to where it has read. */
  #at = 0;
  #announced = NOTHING;
  /** Of the argument whose header was read last. */
  #bulkBytes = NOTHING;

  /** `takesMany`: whether the command of that name, as it was written, may have `longCountMax` arguments. */
  constructor(limits: ScanLimits, takesMany: (name: Buffer) => boolean) {
    this.#limits = limits;
    this.#takesMany = takesMany;
  }

  /** Whether the last `scan` has found the end. */
  get whole(): boolean {
    return this.bytes > 0;
  }

  /** For the next command. */
  reset(): void {
    this.count = 0;
    this.bytes = 0;
    this.#at = 0;
    this.#announced = NOTHING;
    this.#bulkBytes = NOTHING;
  }

  /**
   * Whether the command that starts at `start`, with a `*`, is whole in `buffer[start, end)`. Throws `RespError`. What
   * it has seen before must still be the same bytes, wherever they lie now.
   */
  scan(buffer: Buffer, start: number, end: number): boolean {
    if (this.#announced === NOTHING && !this.#readCount(buffer, start, end)) return false;
    while (this.count < this.#announced) {
      if (this.#bulkBytes === NOTHING && !this.#readBulkHeader(buffer, start, end)) return false;
      const bulkStart = this.#at;
      const bulkEnd = bulkStart + this.#bulkBytes;
      if (start + bulkEnd + 2 > end) return false;
      if (buffer[start + bulkEnd] !== CR || buffer[start + bulkEnd + 1] !== LF) {
        throw new RespError('Protocol error: expected CRLF behind a bulk of its announced length');
      }
      this.#add(bulkStart, bulkEnd);
      this.#at = bulkEnd + 2;
      this.#bulkBytes = NOTHING;
      if (this.count === 1) this.#checkCount(buffer.subarray(start + bulkStart, start + bulkEnd));
    }
    this.bytes = this.#at;
    return true;
  }

  #readCount(buffer: Buffer, start: number, end: number): boolean {
    const line = endOfHeader(buffer, start, end);
    if (line < 0) {
      if (line === TOO_LONG) throw new RespError('Protocol error: too big mbulk count string');
      return false;
    }
    const count = readInteger(buffer, start + 1, line);
    if (Number.isNaN(count) || count > this.#limits.longCountMax) {
      throw new RespError('Protocol error: invalid multibulk length');
    }
    this.#announced = Math.max(0, count);
    this.#at = line + 2 - start;
    return true;
  }

  #checkCount(name: Buffer): void {
    if (this.#announced <= this.#limits.countMax || this.#takesMany(name)) return;
    throw new RespError('Protocol error: invalid multibulk length');
  }

  #readBulkHeader(buffer: Buffer, start: number, end: number): boolean {
    const at = start + this.#at;
    if (at >= end) return false;
    if (buffer[at] !== DOLLAR) {
      const got = printable(buffer[at]!);
      throw new RespError(`Protocol error: expected '$', got '${got}'`);
    }
    const line = endOfHeader(buffer, at, end);
    if (line < 0) {
      if (line === TOO_LONG) throw new RespError('Protocol error: too big bulk count string');
      return false;
    }
    const bytes = readInteger(buffer, at + 1, line);
    const { bulkBytesMax, commandBytesMax } = this.#limits;
    const next = line + 2 - start;
    if (!(bytes >= 0 && bytes <= bulkBytesMax && next + bytes <= commandBytesMax)) {
      throw new RespError('Protocol error: invalid bulk length');
    }
    this.#bulkBytes = bytes;
    this.#at = next;
    return true;
  }

  #add(start: number, end: number): void {
    if (this.count === this.starts.length) this.#grow();
    this.starts[this.count] = start;
    this.ends[this.count] = end;
    this.count += 1;
  }

  #grow(): void {
    const starts = new Int32Array(this.starts.length * 2);
    const ends = new Int32Array(this.starts.length * 2);
    starts.set(this.starts);
    ends.set(this.ends);
    this.starts = starts;
    this.ends = ends;
  }
}

export function startsCommand(buffer: Buffer, at: number): boolean {
  return buffer[at] === STAR;
}

const INCOMPLETE = -1;
const TOO_LONG = -2;

/** Where the CR of the header is whose type is at `at`, if the LF behind it is there too. */
function endOfHeader(buffer: Buffer, at: number, end: number): number {
  const last = Math.min(end - 1, at + HEADER_BYTES_MAX);
  for (let position = at + 1; position < last; position++) {
    if (buffer[position] === CR) return position;
  }
  return end - at > HEADER_BYTES_MAX ? TOO_LONG : INCOMPLETE;
}

function printable(byte: number): string {
  return byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '?';
}
