/**
 * The head of a request: request line and headers, checked and cut in one pass over its bytes.
 *
 *   POST /path?query HTTP/1.1\r\n          method SP target SP version CRLF, single spaces
 *   Host: localhost:9324\r\n               name ":" blanks value blanks CRLF
 *   \r\n
 *
 * Strict where others are lenient, since two readers that disagree about where a request ends can be played off against
 * each other (RFC 9112 §11.2): lines end in CRLF only, no blank before a colon, no folded lines, one Host, one length, a
 * length or chunks but never both. What is not accepted is an `HttpRefusal`.
 *
 * Kept of the head are its text, once, and where values lie in it; strings are cut out when they are asked for.
 */
import {
  CONNECTION,
  CONTENT_LENGTH,
  EXPECT,
  HASH_START,
  type HeaderRole,
  HOST,
  hashed,
  knownName,
  PLAIN,
  TOKEN,
  TRANSFER_ENCODING,
  VALUE,
} from './header-names.ts';
import type { HttpRequest } from './http-exchange.ts';
import { HttpRefusal } from './http-refusal.ts';

export interface HeadLimits {
  /** Request line and headers together. */
  readonly headBytesMax: number;
  readonly targetBytesMax: number;
  readonly headerCountMax: number;
}

const CR = 0x0d;
const LF = 0x0a;
const SPACE = 0x20;
const TAB = 0x09;
const COLON = 0x3a;
const SLASH = 0x2f;
/** ` HTTP/1.1` without the blank, and the line end. */
const VERSION_BYTES = 10;
const METHOD_BYTES_MAX = 32;
/** More digits than any length has. */
const LENGTH_DIGITS_MAX = 15;

export const NO_BODY: Buffer = Buffer.alloc(0);

export class RequestHead implements HttpRequest {
  method = '';
  target = '';
  body: Buffer = NO_BODY;
  /** Bytes from the first of the request line up to the body. */
  bytes = 0;
  /** HTTP/1.0: closes unless asked not to. */
  old = false;
  keepAlive = true;
  /** -1: none was given. */
  contentLength = -1;
  chunked = false;
  /** The client sends the body when it is told to. */
  expectsContinue = false;
  /** From an absolute target: it stands in for the header (RFC 9112 §3.2.2). */
  authority: string | undefined;
  #text = '';
  /** In the order of arrival, in lower case. */
  readonly #names: string[] = [];
  /** Start and end of each value in the text. */
  readonly #bounds: number[] = [];

  /** Where values were found, counted from the start of the head. */
  add(name: string, start: number, end: number): void {
    this.#names.push(name);
    this.#bounds.push(start, end);
  }

  get headerCount(): number {
    return this.#names.length;
  }

  complete(text: string): void {
    this.#text = text;
    this.bytes = text.length;
  }

  header(name: string): string | undefined {
    const names = this.#names;
    let found: string | undefined;
    for (let i = 0; i < names.length; i++) {
      if (names[i] !== name) continue;
      const value = this.#valueAt(i);
      found = found === undefined ? value : `${found}, ${value}`;
    }
    return found;
  }

  get headers(): readonly (readonly [name: string, value: string])[] {
    return this.#names.map((name, i) => [name, this.#valueAt(i)] as const);
  }

  #valueAt(i: number): string {
    if (this.authority !== undefined && this.#names[i] === 'host') return this.authority;
    return this.#text.slice(this.#bounds[2 * i]!, this.#bounds[2 * i + 1]!);
  }
}

/** The head that starts at `start`, or undefined if its end has not arrived. Throws `HttpRefusal`. */
export function readHead(
  buffer: Buffer,
  start: number,
  end: number,
  limits: HeadLimits,
): RequestHead | undefined {
  const head = new RequestHead();
  const limit = Math.min(end, start + limits.headBytesMax);
  let at = readRequestLine(buffer, start, limit, limits, head);
  while (at > 0) {
    if (at + 1 < limit && buffer[at] === CR && buffer[at + 1] === LF) {
      at += 2;
      head.complete(buffer.toString('latin1', start, at));
      checkFraming(head);
      return head;
    }
    if (head.headerCount === limits.headerCountMax && at < limit && buffer[at] !== CR) {
      throw new HttpRefusal(431, `more than ${limits.headerCountMax} headers`);
    }
    at = readHeaderLine(buffer, start, at, limit, head);
  }
  if (end - start >= limits.headBytesMax) {
    throw new HttpRefusal(431, `the head is larger than ${limits.headBytesMax} bytes`);
  }
  return undefined;
}

/** Returns the start of the next line; 0 if this one has not arrived whole. */
function readRequestLine(
  buffer: Buffer,
  start: number,
  end: number,
  limits: HeadLimits,
  head: RequestHead,
): number {
  let at = start;
  while (at < end && TOKEN[buffer[at]!] !== 0) at++;
  if (at - start > METHOD_BYTES_MAX) throw new HttpRefusal(501, 'there is no such method');
  if (at === end) return 0;
  if (buffer[at] !== SPACE || at === start) throw bad('the request line has no method');
  head.method = methodAt(buffer, start, at);
  const targetAt = at + 1;
  const targetEndMax = targetAt + limits.targetBytesMax;
  at = targetAt;
  while (at < end && buffer[at]! > SPACE && buffer[at]! < 0x7f) at++;
  if (at > targetEndMax) {
    throw new HttpRefusal(414, `the target is longer than ${limits.targetBytesMax} bytes`);
  }
  if (at === end) return 0;
  if (buffer[at] !== SPACE) throw bad('the request line is not "method target version"');
  const targetEnd = at;
  at = readVersion(buffer, at + 1, end, head);
  if (at > 0) readTarget(head, buffer.toString('latin1', targetAt, targetEnd));
  return at;
}

function methodAt(buffer: Buffer, start: number, end: number): string {
  const bytes = end - start;
  if (bytes === 4 && buffer[start] === 0x50 && buffer.readUInt32BE(start) === 0x504f5354) {
    return 'POST';
  }
  const method = buffer.toString('latin1', start, end);
  // Methods are told apart by case; what is not in capitals is none that anybody knows.
  return method === 'GET' ? 'GET' : method;
}

/** `HTTP/1.x` and the line end. */
function readVersion(buffer: Buffer, at: number, end: number, head: RequestHead): number {
  if (end - at < VERSION_BYTES) return 0;
  const name = buffer.readUInt32BE(at) === 0x48545450 && buffer[at + 4] === SLASH;
  const major = buffer[at + 5]! - 0x30;
  const minor = buffer[at + 7]! - 0x30;
  const digits = major >= 0 && major <= 9 && minor >= 0 && minor <= 9;
  if (!name || !digits || buffer[at + 6] !== 0x2e) throw bad('the version is not "HTTP/1.1"');
  if (buffer[at + 8] !== CR || buffer[at + 9] !== LF)
    throw bad('the request line does not end in CRLF');
  if (major !== 1) throw new HttpRefusal(505, `HTTP/${major}.${minor} is not spoken here`);
  head.old = minor === 0;
  head.keepAlive = !head.old;
  return at + VERSION_BYTES;
}

/** Puts an absolute target into its parts; the path is what protocols see. */
function readTarget(head: RequestHead, target: string): void {
  head.target = target;
  if (target.charCodeAt(0) === SLASH) return;
  if (target === '*' && head.method === 'OPTIONS') return;
  if (head.method === 'CONNECT') throw new HttpRefusal(501, 'this is no proxy');
  const scheme = target.slice(0, 8).toLowerCase();
  const authorityAt = scheme.startsWith('http://') ? 7 : scheme === 'https://' ? 8 : 0;
  if (authorityAt === 0) throw bad('the target is neither a path nor a URL');
  let pathAt = authorityAt;
  while (pathAt < target.length && target[pathAt] !== '/' && target[pathAt] !== '?') pathAt++;
  const authority = target.slice(authorityAt, pathAt);
  if (authority === '' || !isHost(authority)) throw bad('the target names no host');
  head.authority = authority;
  const path = target.slice(pathAt);
  head.target = path.startsWith('/') ? path : `/${path}`;
}

/** Returns the start of the next line; 0 if this one has not arrived whole. */
function readHeaderLine(
  buffer: Buffer,
  start: number,
  lineAt: number,
  end: number,
  head: RequestHead,
): number {
  let at = lineAt;
  let hash = HASH_START;
  for (; at < end; at++) {
    const lower = TOKEN[buffer[at]!]!;
    if (lower === 0) break;
    hash = hashed(hash, lower);
  }
  if (at === end) return 0;
  // A lone CR here may be the first half of the last line.
  if (at === lineAt && buffer[at] === CR && at + 1 === end) return 0;
  if (buffer[at] !== COLON || at === lineAt) throw badName(buffer[lineAt]!);
  const nameEnd = at++;
  while (at < end && (buffer[at] === SPACE || buffer[at] === TAB)) at++;
  const valueAt = at;
  while (at < end && VALUE[buffer[at]!] === 1) at++;
  if (at + 1 >= end) {
    if (at < end && buffer[at] !== CR) throw badValue();
    return 0;
  }
  if (buffer[at] !== CR || buffer[at + 1] !== LF) throw badValue();
  let valueEnd = at;
  while (valueEnd > valueAt && isBlank(buffer[valueEnd - 1]!)) valueEnd--;
  const known = knownName(buffer, lineAt, nameEnd, hash);
  if (known === undefined) {
    const name = buffer.toString('latin1', lineAt, nameEnd).toLowerCase();
    head.add(name, valueAt - start, valueEnd - start);
  } else {
    if (known.role !== PLAIN)
      readRole(head, known.role, buffer.toString('latin1', valueAt, valueEnd));
    head.add(known.name, valueAt - start, valueEnd - start);
  }
  return at + 2;
}

function isBlank(byte: number): boolean {
  return byte === SPACE || byte === TAB;
}

/** Called before the header is added. */
function readRole(head: RequestHead, role: HeaderRole, value: string): void {
  if (role === CONTENT_LENGTH) {
    const length = contentLength(value);
    if (head.contentLength >= 0 && head.contentLength !== length) throw bad('two lengths differ');
    head.contentLength = length;
  } else if (role === TRANSFER_ENCODING) {
    if (head.chunked) throw bad('more than one transfer-encoding');
    const coding = value.toLowerCase();
    if (coding !== 'chunked') {
      const last = coding.slice(coding.lastIndexOf(',') + 1).trim();
      if (last === 'chunked') throw new HttpRefusal(501, `no transfer-encoding but "chunked"`);
      throw bad('the last transfer-encoding is not "chunked"');
    }
    head.chunked = true;
  } else if (role === CONNECTION) readConnection(head, value.toLowerCase());
  else if (role === HOST) {
    if (head.header('host') !== undefined) throw bad('more than one Host');
    if (!isHost(value)) throw bad('Host names no host');
  } else if (role === EXPECT) {
    if (value.toLowerCase() !== '100-continue') {
      throw new HttpRefusal(417, 'no expectation but "100-continue" is met');
    }
    head.expectsContinue = !head.old;
  }
}

function contentLength(value: string): number {
  let length = 0;
  for (let i = 0; i < value.length; i++) {
    const digit = value.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) throw bad('Content-Length is no number');
    length = length * 10 + digit;
  }
  if (value.length === 0) throw bad('Content-Length is no number');
  if (value.length > LENGTH_DIGITS_MAX) throw new HttpRefusal(413, 'the body is too large');
  return length;
}

function readConnection(head: RequestHead, value: string): void {
  if (value === 'keep-alive') head.keepAlive = head.keepAlive || head.old;
  else if (value === 'close') head.keepAlive = false;
  else {
    const options = value.split(',').map((option) => option.trim());
    if (options.includes('close')) head.keepAlive = false;
    else if (options.includes('keep-alive')) head.keepAlive = true;
  }
}

/** A name, an IPv4 address or an IPv6 address in brackets, with or without port. It may be empty. */
function isHost(value: string): boolean {
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i);
    const letter = (code | 0x20) >= 0x61 && (code | 0x20) <= 0x7a;
    const digit = code >= 0x30 && code <= 0x3a;
    if (!letter && !digit && !'-._~%[]'.includes(value[i]!)) return false;
  }
  return true;
}

/** What can be told only when all headers are known. */
function checkFraming(head: RequestHead): void {
  if (head.chunked) {
    if (head.contentLength >= 0) throw bad('both Content-Length and Transfer-Encoding');
    if (head.old) throw bad('Transfer-Encoding in HTTP/1.0');
  }
  if (!head.old && head.header('host') === undefined) throw bad('Host is missing');
}

function bad(reason: string): HttpRefusal {
  return new HttpRefusal(400, reason);
}

function badName(first: number): HttpRefusal {
  if (isBlank(first)) return bad('a header is folded over lines');
  return bad('a line of the head is not "name: value"');
}

function badValue(): HttpRefusal {
  return bad('a header holds a control character, or its line does not end in CRLF');
}
