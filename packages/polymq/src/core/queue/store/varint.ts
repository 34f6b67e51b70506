/** Whole numbers of up to 53 bits in as few bytes as they need, seven bits each, lowest first. */

/** Longest one. */
export const VARINT_BYTES_MAX = 8;

/** Returns the position behind it. */
export function writeVarint(target: Buffer, value: number, at: number): number {
  let rest = value;
  let end = at;
  while (rest >= 0x8000_0000) {
    target[end++] = (rest % 128) | 0x80;
    rest = Math.floor(rest / 128);
  }
  while (rest >= 128) {
    target[end++] = (rest & 127) | 0x80;
    rest >>>= 7;
  }
  target[end++] = rest;
  return end;
}

/** A number that may be negative: 0, -1, 1, -2, … become 0, 1, 2, 3, … */
export function writeSigned(target: Buffer, value: number, at: number): number {
  return writeVarint(target, value < 0 ? -2 * value - 1 : 2 * value, at);
}

export class VarintReader {
  buffer: Buffer;
  at: number;

  constructor(buffer: Buffer, at = 0) {
    this.buffer = buffer;
    this.at = at;
  }

  read(): number {
    const { buffer } = this;
    let byte = buffer[this.at++]!;
    let value = byte & 127;
    let factor = 128;
    while (byte >= 128) {
      byte = buffer[this.at++]!;
      value += (byte & 127) * factor;
      factor *= 128;
    }
    return value;
  }

  readSigned(): number {
    const value = this.read();
    return value % 2 === 1 ? -(value + 1) / 2 : value / 2;
  }
}
