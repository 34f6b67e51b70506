/**
 * Names of headers, looked up by their bytes: those that clients send all the time are found as a string that is there already.
 *
 * The hash is taken in the pass that checks the bytes, and decides nothing alone: whoever makes two names collide gets a
 * string of his own.
 */

/** What a header means to the reading of the request itself. */
export const PLAIN = 0;
export const CONTENT_LENGTH = 1;
export const TRANSFER_ENCODING = 2;
export const CONNECTION = 3;
export const HOST = 4;
export const EXPECT = 5;

export type HeaderRole = 0 | 1 | 2 | 3 | 4 | 5;

export interface KnownName {
  readonly name: string;
  readonly role: HeaderRole;
}

const NAMES: Readonly<Record<string, HeaderRole>> = {
  'content-length': CONTENT_LENGTH,
  'transfer-encoding': TRANSFER_ENCODING,
  connection: CONNECTION,
  host: HOST,
  expect: EXPECT,
  accept: PLAIN,
  'accept-encoding': PLAIN,
  'accept-language': PLAIN,
  'amz-sdk-invocation-id': PLAIN,
  'amz-sdk-request': PLAIN,
  authorization: PLAIN,
  'cache-control': PLAIN,
  'content-encoding': PLAIN,
  'content-md5': PLAIN,
  'content-type': PLAIN,
  date: PLAIN,
  origin: PLAIN,
  referer: PLAIN,
  'user-agent': PLAIN,
  'x-amz-content-sha256': PLAIN,
  'x-amz-date': PLAIN,
  'x-amz-security-token': PLAIN,
  'x-amz-target': PLAIN,
  'x-amz-user-agent': PLAIN,
  'x-amzn-query-mode': PLAIN,
  'x-amzn-trace-id': PLAIN,
};

/** For each byte: its lower-case form if names and methods may hold it (RFC 9110 §5.6.2), else 0. */
export const TOKEN: Uint8Array = new Uint8Array(256);
for (const char of "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz") {
  TOKEN[char.charCodeAt(0)] = char.charCodeAt(0);
  const capital = char.toUpperCase();
  TOKEN[capital.charCodeAt(0)] = char.charCodeAt(0);
}

/** For each byte: 1 if a value may hold it: blanks, what is visible, and what is beyond ASCII. */
export const VALUE: Uint8Array = new Uint8Array(256).fill(1, 0x20);
VALUE[0x09] = 1;
VALUE[0x7f] = 0;

export const HASH_START = 7;

/** The hash with one more byte, which is in lower case. */
export function hashed(hash: number, byte: number): number {
  return (Math.imul(hash, 31) + byte) | 0;
}

const byHash = new Map<number, KnownName>();
for (const [name, role] of Object.entries(NAMES)) {
  let hash = HASH_START;
  for (let i = 0; i < name.length; i++) hash = hashed(hash, name.charCodeAt(i));
  if (byHash.has(hash)) throw new Error(`two names with the hash of ${name}`);
  byHash.set(hash, { name, role });
}

/** The name at `[start, end)`, whose bytes have that hash; undefined if it is not among those that are known. */
export function knownName(
  buffer: Buffer,
  start: number,
  end: number,
  hash: number,
): KnownName | undefined {
  const known = byHash.get(hash);
  if (known === undefined) return undefined;
  const { name } = known;
  if (name.length !== end - start) return undefined;
  for (let i = 0; i < name.length; i++) {
    if (TOKEN[buffer[start + i]!] !== name.charCodeAt(i)) return undefined;
  }
  return known;
}
