/** Variable byte integers (§1.5.5): seven bits a byte, lowest first, four bytes at most. */

export const VARINT_BYTES_MAX = 4;

/** Bytes that the value takes. */
export function varintBytes(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  return value < 0x20_0000 ? 3 : 4;
}

/** Writes a value of at most 268,435,455 at `at`, and returns the position behind. */
export function writeVarint(target: Buffer, at: number, value: number): number {
  let next = at;
  let rest = value;
  while (rest >= 0x80) {
    target[next++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  target[next++] = rest;
  return next;
}
