/**
 * Reads big-endian numbers, lengths and byte ranges from a piece of a buffer, `[position, end)`.
 *
 * Every step first checks that the piece holds what it is about to read, and throws `ProtocolError` with
 * the byte position when it does not; no input makes it throw anything else. Nothing is allocated on the
 * word of a length field: slices share the memory of the buffer, strings are made only after their length
 * was found to be there, and `count` refuses more elements than the rest of the piece could hold.
 */
import { readInt64 } from './int64.ts';
import { ProtocolError } from './protocol-error.ts';

/** A varint carries 7 bits a byte; 5 bytes hold 32 bits. */
const UVARINT_BYTES_MAX = 5;

export class Reader {
  readonly buffer: Buffer;
  /** The next byte to be read. */
  position: number;
  /** The byte after the last one that may be read. */
  end: number;
  /** How many more array elements may be read, however many the bytes could hold. */
  elementsLeft = Infinity;

  constructor(buffer: Buffer, start = 0, end: number = buffer.length) {
    this.buffer = buffer;
    this.position = start;
    this.end = end;
  }

  get remaining(): number {
    return this.end - this.position;
  }

  int8(): number {
    return (this.buffer[this.take(1)]! << 24) >> 24;
  }

  uint8(): number {
    return this.buffer[this.take(1)]!;
  }

  boolean(): boolean {
    return this.buffer[this.take(1)] !== 0;
  }

  int16(): number {
    return this.buffer.readInt16BE(this.take(2));
  }

  uint16(): number {
    return this.buffer.readUInt16BE(this.take(2));
  }

  int32(): number {
    return this.buffer.readInt32BE(this.take(4));
  }

  uint32(): number {
    return this.buffer.readUInt32BE(this.take(4));
  }

  /** Exact within ±2^53; beyond that the nearest number. */
  int64(): number {
    return readInt64(this.buffer, this.take(8));
  }

  float64(): number {
    return this.buffer.readDoubleBE(this.take(8));
  }

  /** An unsigned varint of at most 32 bits, lowest 7 bits first. */
  uvarint(): number {
    const first = this.uint8();
    if (first < 0x80) return first;
    return this.#longUvarint(first);
  }

  #longUvarint(first: number): number {
    let value = first & 0x7f;
    for (let index = 1; index < UVARINT_BYTES_MAX; index++) {
      const byte = this.uint8();
      // Multiplied, not shifted: the fifth byte would reach the sign bit.
      value += (byte & 0x7f) * 2 ** (7 * index);
      if (byte < 0x80) {
        if (value > 0xffff_ffff) this.fail(`varint ${value} is above 32 bits`);
        return value;
      }
    }
    return this.fail(`varint is longer than ${UVARINT_BYTES_MAX} bytes`);
  }

  /** The next `length` bytes, sharing memory with the buffer. */
  slice(length: number): Buffer {
    const start = this.take(length);
    return this.buffer.subarray(start, start + length);
  }

  /** The next `length` bytes as UTF-8. */
  utf8(length: number): string {
    const start = this.take(length);
    return this.buffer.toString('utf8', start, start + length);
  }

  skip(length: number): void {
    this.take(length);
  }

  /**
   * Checks a number of elements that a length field claims: each needs at least `elementBytesMin` bytes,
   * so a count that the rest of the piece cannot hold is refused before anything is allocated for it.
   * An element of two bytes may still become an object of fifty, hence the limit on their number.
   */
  count(claimed: number, elementBytesMin: number): number {
    if (claimed < 0) this.fail(`array has a negative count of ${claimed}`);
    if (claimed * elementBytesMin > this.end - this.position) {
      this.fail(`array of ${claimed} elements does not fit in ${this.remaining} bytes`);
    }
    if (claimed > this.elementsLeft) {
      this.fail(`array of ${claimed} elements where ${this.elementsLeft} more are allowed`);
    }
    this.elementsLeft -= claimed;
    return claimed;
  }

  /** Steps over `length` bytes and returns where they start. */
  take(length: number): number {
    const start = this.position;
    const next = start + length;
    if (length < 0 || next > this.end) this.#outside(length);
    this.position = next;
    return start;
  }

  #outside(length: number): never {
    if (length < 0) this.fail(`negative length of ${length}`);
    return this.fail(`${length} bytes wanted, ${this.remaining} left`);
  }

  fail(what: string): never {
    throw new ProtocolError(`${what} at byte ${this.position}`);
  }
}
