/**
 * Memory that properties in the neutral format are written into, piece by piece, before they go where they stay. It grows
 * as needed, so that `buffer` is another after a write, and shrinks again at the next start.
 */

const OUTPUT_BYTES = 16 * 1024;
/** A larger one, made for a large message, is not kept. */
const OUTPUT_BYTES_KEPT = 256 * 1024;
/** UTF-16 units become at most three bytes each. */
const UTF8_BYTES_MAX = 3;
const VARINT_BYTES_MAX = 5;
/** Up to here a loop is quicker than a call into the runtime. */
const LOOP_MAX = 64;

export class NeutralOutput {
  buffer: Buffer = Buffer.allocUnsafeSlow(OUTPUT_BYTES);
  at = 0;

  /** Starts anew at the position. What stands before it stays, unless the memory has to grow. */
  start(at = 0): void {
    if (this.buffer.length > OUTPUT_BYTES_KEPT) {
      const smaller = Buffer.allocUnsafeSlow(OUTPUT_BYTES);
      this.buffer.copy(smaller, 0, 0, at);
      this.buffer = smaller;
    }
    this.at = at;
  }

  /** A copy of what was written since `start(0)`. */
  finish(): Buffer {
    return Buffer.from(this.buffer.subarray(0, this.at));
  }

  byte(value: number): void {
    this.#room(1);
    this.buffer[this.at++] = value;
  }

  tagged(tag: number): this {
    this.byte(tag);
    return this;
  }

  int32(value: number): void {
    this.#room(4);
    this.at = this.buffer.writeInt32BE(value, this.at);
  }

  double(value: number): void {
    this.#room(8);
    this.at = this.buffer.writeDoubleBE(value, this.at);
  }

  varint(value: number): void {
    this.#room(VARINT_BYTES_MAX);
    let rest = value;
    while (rest > 0x7f) {
      this.buffer[this.at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.buffer[this.at++] = rest;
  }

  /** With its length before it. */
  text(value: string): void {
    const { length } = value;
    // Nearly all text is short and ASCII.
    if (length <= LOOP_MAX && this.#ascii(value, length)) return;
    const bytes = Buffer.byteLength(value, 'utf8');
    this.varint(bytes);
    this.#room(length * UTF8_BYTES_MAX);
    this.at += this.buffer.write(value, this.at, bytes, 'utf8');
  }

  /** As it is. */
  rawText(value: string): void {
    this.#room(value.length * UTF8_BYTES_MAX);
    this.at += this.buffer.write(value, this.at);
  }

  /** With their length before them. */
  bytes(value: Uint8Array): void {
    this.varint(value.length);
    this.raw(value);
  }

  raw(value: Uint8Array): void {
    const { length } = value;
    this.#room(length);
    const { buffer } = this;
    const start = this.at;
    if (length > LOOP_MAX) buffer.set(value, start);
    else for (let index = 0; index < length; index++) buffer[start + index] = value[index]!;
    this.at = start + length;
  }

  /** False, and nothing is written, if a character is not ASCII. */
  #ascii(value: string, length: number): boolean {
    this.#room(1 + length);
    const { buffer } = this;
    const start = this.at + 1;
    for (let index = 0; index < length; index++) {
      const code = value.charCodeAt(index);
      if (code > 0x7f) return false;
      buffer[start + index] = code;
    }
    buffer[this.at] = length;
    this.at = start + length;
    return true;
  }

  #room(bytes: number): void {
    if (this.at + bytes <= this.buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(2 * (this.at + bytes));
    this.buffer.copy(larger, 0, 0, this.at);
    this.buffer = larger;
  }
}
