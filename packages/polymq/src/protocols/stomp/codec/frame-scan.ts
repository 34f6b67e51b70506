/**
 * Finds the parts of a frame where it lies, without making an object.
 *
 *   command LF  (name ":" value LF)*  LF  body NUL        every LF may be CR LF
 *               │     │        └ value end
 *               │     └ value start
 *               └ line start
 *
 * One scan serves all connections; what it has found is valid until it scans the next frame. Lengths and counts are
 * compared with their limits as the bytes come, so nothing is kept of a frame that will be refused. Of several headers
 * with one name the first counts, as STOMP says; the others are not even listed.
 */
import { unescaped, type Version } from './escaping.ts';
import { HEADER, HEADER_IDS, headerIdOf, nameHash } from './header-names.ts';
import { malformed } from './stomp-error.ts';

const NUL = 0;
const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
/** The longest command is eleven letters; what is no STOMP at all should be known early. */
const COMMAND_BYTES_MAX = 64;
const DIGITS_MAX = 15;

/** What is to be looked at in a line; everything else is plain. */
const STOPS: Uint8Array = new Uint8Array(256);
for (const octet of [NUL, LF, CR, COLON, BACKSLASH]) STOPS[octet] = 1;

/** Why a line is not, octet by octet, what STOMP 1.2 would write. */
export const SPECIAL = { backslash: 1, colon: 2, cr: 4, crlf: 8 } as const;

export interface ScanLimits {
  headersMax: number;
  headerBytesMax: number;
}

export class FrameScan {
  commandStart = 0;
  commandEnd = 0;
  /** Headers that are listed. */
  count = 0;
  bodyStart = 0;
  /** What the frame claims its body to have; -1: it ends at the first NUL. */
  contentLength = -1;
  readonly lineStarts: Int32Array;
  readonly lineEnds: Int32Array;
  readonly valueStarts: Int32Array;
  readonly valueEnds: Int32Array;
  readonly ids: Uint8Array;
  readonly specials: Uint8Array;
  /** By number of the name: where in the list it stands; -1: it is not there. */
  readonly found: Int16Array = new Int16Array(HEADER_IDS).fill(-1);
  readonly #hashes: Int32Array;
  readonly #limits: ScanLimits;
  #lines = 0;

  constructor(limits: ScanLimits) {
    const { headersMax } = limits;
    this.#limits = limits;
    this.lineStarts = new Int32Array(headersMax);
    this.lineEnds = new Int32Array(headersMax);
    this.valueStarts = new Int32Array(headersMax);
    this.valueEnds = new Int32Array(headersMax);
    this.ids = new Uint8Array(headersMax);
    this.specials = new Uint8Array(headersMax);
    this.#hashes = new Int32Array(headersMax);
  }

  /**
   * Reads from the command to the empty line, and returns where the body begins; 0 if that has not all come. `buffer[start]`
   * is the first octet of the command.
   */
  head(buffer: Buffer, start: number, end: number): number {
    let at = this.#command(buffer, start, end);
    this.#forget();
    while (at > 0 && at < end) {
      const octet = buffer[at]!;
      if (octet === LF) return this.#begin(buffer, at + 1);
      if (octet === CR) {
        if (at + 1 === end) return 0;
        if (buffer[at + 1] !== LF) throw malformed('a carriage return stands alone');
        return this.#begin(buffer, at + 2);
      }
      at = this.#line(buffer, at, end);
    }
    return 0;
  }

  /** Whether the command is the one given. */
  isCommand(buffer: Buffer, command: Buffer): boolean {
    const start = this.commandStart;
    if (this.commandEnd - start !== command.length) return false;
    for (let at = 0; at < command.length; at++) {
      if (buffer[start + at] !== command[at]) return false;
    }
    return true;
  }

  commandText(buffer: Buffer): string {
    return buffer.toString('latin1', this.commandStart, this.commandEnd);
  }

  /** The value of a header as the client meant it; undefined if there is none. */
  text(buffer: Buffer, id: number, version: Version): string | undefined {
    const index = this.found[id]!;
    return index < 0 ? undefined : this.valueAt(buffer, index, version).toString();
  }

  /** A view, or a copy if something was escaped. */
  valueAt(buffer: Buffer, index: number, version: Version): Buffer {
    let start = this.valueStarts[index]!;
    const end = this.valueEnds[index]!;
    if (version !== '1.0') return unescaped(buffer.subarray(start, end));
    while (start < end && buffer[start] === SPACE) start += 1;
    return buffer.subarray(start, end);
  }

  nameAt(buffer: Buffer, index: number, version: Version): Buffer {
    const name = buffer.subarray(this.lineStarts[index]!, this.valueStarts[index]! - 1);
    return version === '1.0' ? name : unescaped(name);
  }

  #command(buffer: Buffer, start: number, end: number): number {
    let at = start;
    while (at < end && buffer[at] !== LF && buffer[at] !== NUL) at += 1;
    if (at - start > COMMAND_BYTES_MAX) {
      throw malformed(`a command is longer than ${COMMAND_BYTES_MAX} bytes`);
    }
    if (at === end) return 0;
    if (buffer[at] === NUL) throw malformed('a NUL octet stands in a command');
    this.commandStart = start;
    this.commandEnd = at > start && buffer[at - 1] === CR ? at - 1 : at;
    return at + 1;
  }

  #forget(): void {
    this.found.fill(-1);
    this.count = 0;
    this.#lines = 0;
    this.contentLength = -1;
  }

  /** Reads one header, and returns where the next line begins; 0 if it has not all come. */
  #line(buffer: Buffer, start: number, end: number): number {
    const last = Math.min(end, start + this.#limits.headerBytesMax);
    let special = 0;
    let at = start;
    for (; at < last; at++) {
      const octet = buffer[at]!;
      if (STOPS[octet] === 0) continue;
      if (octet === COLON) break;
      special |= notInName(octet);
    }
    if (at === last) return this.#unfinished(last, end);
    const valueStart = at + 1;
    if (at === start) throw malformed('a header has no name');
    for (at = valueStart; at < last; at++) {
      const octet = buffer[at]!;
      if (STOPS[octet] === 0) continue;
      if (octet === LF) break;
      if (octet === BACKSLASH) special |= SPECIAL.backslash;
      else if (octet === COLON) special |= SPECIAL.colon;
      else if (octet === CR) special |= SPECIAL.cr;
      else throw malformed('a NUL octet stands in a header');
    }
    if (at === last) return this.#unfinished(last, end);
    let valueEnd = at;
    if (special & SPECIAL.cr && buffer[at - 1] === CR) {
      valueEnd -= 1;
      special |= SPECIAL.crlf;
      if (buffer.indexOf(CR, valueStart) === valueEnd) special &= ~SPECIAL.cr;
    }
    this.#list(buffer, start, valueStart, valueEnd, at + 1, special);
    return at + 1;
  }

  #list(
    buffer: Buffer,
    start: number,
    valueStart: number,
    valueEnd: number,
    lineEnd: number,
    special: number,
  ): void {
    this.#lines += 1;
    if (this.#lines > this.#limits.headersMax) {
      throw malformed(`a frame has more than ${this.#limits.headersMax} headers`);
    }
    const hash = nameHash(buffer, start, valueStart - 1);
    const id = headerIdOf(buffer, start, valueStart - 1, hash);
    const index = this.count;
    if (id !== 0) {
      if (this.found[id]! >= 0) return;
      this.found[id] = index;
    } else if (this.#isRepeated(buffer, start, valueStart, hash)) return;
    this.lineStarts[index] = start;
    this.valueStarts[index] = valueStart;
    this.valueEnds[index] = valueEnd;
    this.lineEnds[index] = lineEnd;
    this.ids[index] = id;
    this.specials[index] = special;
    this.#hashes[index] = hash;
    this.count = index + 1;
  }

  #isRepeated(buffer: Buffer, start: number, valueStart: number, hash: number): boolean {
    for (let index = 0; index < this.count; index++) {
      if (this.#hashes[index] !== hash) continue;
      const other = this.lineStarts[index]!;
      const bytes = valueStart - start;
      if (this.valueStarts[index]! - other !== bytes) continue;
      let at = 0;
      while (at < bytes && buffer[start + at] === buffer[other + at]) at += 1;
      if (at === bytes) return true;
    }
    return false;
  }

  #unfinished(last: number, end: number): 0 {
    if (last === end) return 0;
    throw malformed(`a header is longer than ${this.#limits.headerBytesMax} bytes`);
  }

  #begin(buffer: Buffer, at: number): number {
    this.bodyStart = at;
    const index = this.found[HEADER['content-length']]!;
    if (index >= 0) this.contentLength = this.#number(buffer, index, 'content-length');
    return at;
  }

  #number(buffer: Buffer, index: number, name: string): number {
    let start = this.valueStarts[index]!;
    let end = this.valueEnds[index]!;
    while (start < end && buffer[start] === SPACE) start += 1;
    while (end > start && buffer[end - 1] === SPACE) end -= 1;
    let value = 0;
    let at = start;
    for (; at < end; at++) {
      const digit = buffer[at]! - 0x30;
      if (digit < 0 || digit > 9 || at - start >= DIGITS_MAX) break;
      value = value * 10 + digit;
    }
    if (at === end && end > start) return value;
    throw malformed(
      `'${buffer.toString('latin1', start, Math.min(end, start + 40))}' is no ${name}`,
    );
  }
}

/** Returns what is special about a name with that octet in it. */
function notInName(octet: number): number {
  if (octet === BACKSLASH) return SPECIAL.backslash;
  if (octet === LF) throw malformed('a header has no value: there is no colon in its line');
  throw malformed(
    octet === CR ? 'a carriage return stands in a header' : 'a NUL octet stands in a header',
  );
}

/** Where the first NUL octet is; -1: there is none before `end`. */
export function findNul(buffer: Buffer, start: number, end: number): number {
  const near = Math.min(end, start + NEAR_BYTES);
  for (let at = start; at < near; at++) if (buffer[at] === NUL) return at;
  if (near === end) return -1;
  const at = buffer.subarray(near, end).indexOf(NUL);
  return at < 0 ? -1 : near + at;
}

/** Beyond that a call into the runtime is quicker. */
const NEAR_BYTES = 128;

/** Steps over what may stand between frames: NUL octets and line ends. */
export function skipNoise(buffer: Buffer, start: number, end: number): number {
  let at = start;
  while (at < end) {
    const octet = buffer[at]!;
    if (octet === LF || octet === NUL) at += 1;
    else if (octet !== CR) break;
    else if (at + 1 === end) break;
    else if (buffer[at + 1] !== LF) throw malformed('a carriage return stands between frames');
    else at += 2;
  }
  return at;
}
