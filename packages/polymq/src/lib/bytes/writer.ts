/**
 * Builds outgoing frames as lists of buffers for one `writev`.
 *
 * Small values are written one after the other into a chunk of memory; large payloads (records read from
 * the log) are taken over by reference, never copied:
 *
 *   chunk   [ ... earlier frames | size, header, fields | more fields | free ... ]
 *   frame   =                      ^ slice 1              ^ slice 3
 *                                    payload = slice 2 (the caller's memory)
 *
 * A frame starts with room for its 4-byte size, which `finish` fills in. Bytes handed out are never
 * written again: the next frame continues behind them, and a full chunk is left to the garbage collector,
 * so a frame may wait in a socket for as long as it likes. One writer can serve any number of connections,
 * as long as frames are built one after the other, without an `await` in between.
 */

/** Room for some hundred small replies, so that allocating a chunk is rare and idle memory small. */
const CHUNK_BYTES = 64 * 1024;
/** Below this, one more entry in a `writev` costs more than copying. */
const REFERENCE_BYTES_MIN = 1024;
/** The size of a frame in front of it. */
const SIZE_BYTES = 4;
/** A varint carries 7 bits a byte; 5 bytes hold 32 bits. */
const UVARINT_BYTES_MAX = 5;
/** 2^63: what an int64 is below. */
const INT64_END = 0x8000_0000_0000_0000;

/** Bytes that a value of 32 bits takes as a varint. */
export function uvarintBytes(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x20_0000) return 3;
  return value < 0x1000_0000 ? 4 : 5;
}

export class Writer {
  readonly #chunkBytes: number;
  #chunk: Buffer;
  /** Where the bytes that no slice covers yet start. */
  #start = 0;
  #position = 0;
  #slices: Buffer[] = [];
  /** Bytes in `#slices`. */
  #slicedBytes = 0;

  constructor(chunkBytes: number = CHUNK_BYTES) {
    this.#chunkBytes = chunkBytes;
    this.#chunk = Buffer.allocUnsafeSlow(chunkBytes);
  }

  /** Starts a frame; one that was begun and not finished is forgotten. */
  begin(): void {
    this.#discard();
    this.#reserve(SIZE_BYTES);
    this.#position += SIZE_BYTES;
  }

  /** Ends the frame: its buffers in order, the size in front filled in. */
  finish(): Buffer[] {
    this.#cut();
    const slices = this.#slices;
    slices[0]!.writeInt32BE(this.#slicedBytes - SIZE_BYTES, 0);
    this.#discard();
    return slices;
  }

  /** Bytes written since `begin`, the size in front included. */
  get length(): number {
    return this.#slicedBytes + this.#position - this.#start;
  }

  int8(value: number): void {
    const at = this.#reserve(1);
    this.#chunk.writeInt8(value, at);
    this.#position = at + 1;
  }

  boolean(value: boolean): void {
    this.int8(value ? 1 : 0);
  }

  int16(value: number): void {
    const at = this.#reserve(2);
    this.#chunk.writeInt16BE(value, at);
    this.#position = at + 2;
  }

  uint16(value: number): void {
    const at = this.#reserve(2);
    this.#chunk.writeUInt16BE(value, at);
    this.#position = at + 2;
  }

  int32(value: number): void {
    const at = this.#reserve(4);
    this.#chunk.writeInt32BE(value, at);
    this.#position = at + 4;
  }

  uint32(value: number): void {
    const at = this.#reserve(4);
    this.#chunk.writeUInt32BE(value, at);
    this.#position = at + 4;
  }

  int64(value: number): void {
    const at = this.#reserve(8);
    // A peer's 2^63-1 reads as 2^63, the nearest number; it must still be possible to send it back.
    const high = value >= INT64_END ? 0x7fff_ffff : Math.floor(value / 0x1_0000_0000);
    this.#chunk.writeInt32BE(high, at);
    this.#chunk.writeUInt32BE(value >= INT64_END ? 0xffff_ffff : value >>> 0, at + 4);
    this.#position = at + 8;
  }

  float64(value: number): void {
    const at = this.#reserve(8);
    this.#chunk.writeDoubleBE(value, at);
    this.#position = at + 8;
  }

  /** An unsigned varint of at most 32 bits, lowest 7 bits first. */
  uvarint(value: number): void {
    this.#position = this.#putUvarint(value, this.#reserve(UVARINT_BYTES_MAX));
  }

  /** What `write` makes of `value`, after its size as a varint. It must not take payloads by reference. */
  sized<Value>(write: (writer: Writer, value: Value) => void, value: Value): void {
    const slices = this.#slices.length;
    this.#reserve(1);
    this.#position += 1;
    const before = this.length;
    write(this, value);
    if (this.#slices.length !== slices) throw new TypeError('a sized value holds a large payload');
    const size = this.length - before;
    const shift = uvarintBytes(size) - 1;
    this.#reserve(shift);
    const content = this.#position - size;
    if (shift > 0) this.#chunk.copyWithin(content + shift, content, this.#position);
    this.#putUvarint(size, content - 1);
    this.#position += shift;
  }

  /** Text of which the caller knows the length in UTF-8. */
  utf8(value: string, bytes: number): void {
    const at = this.#reserve(bytes);
    this.#chunk.write(value, at, bytes, 'utf8');
    this.#position = at + bytes;
  }

  /**
   * Text of ASCII characters only, which is quicker than `utf8` when it is short. Writes nothing and
   * returns false when it meets another character.
   */
  ascii(value: string): boolean {
    const length = value.length;
    const start = this.#reserve(length);
    const chunk = this.#chunk;
    for (let index = 0; index < length; index++) {
      const code = value.charCodeAt(index);
      if (code > 0x7f) return false;
      chunk[start + index] = code;
    }
    this.#position = start + length;
    return true;
  }

  /** Takes back the last `bytes` bytes, all of which must have been written just now. */
  rewind(bytes: number): void {
    this.#position -= bytes;
  }

  /** Bytes given in hexadecimal, such as a UUID without its dashes. */
  hex(value: string): void {
    const bytes = value.length / 2;
    const at = this.#reserve(bytes);
    this.#chunk.write(value, at, bytes, 'hex');
    this.#position = at + bytes;
  }

  /** Copies small bytes; takes large ones by reference, so they must not change until they are sent. */
  bytes(value: Buffer): void {
    if (value.length < REFERENCE_BYTES_MIN) {
      const at = this.#reserve(value.length);
      this.#chunk.set(value, at);
      this.#position = at + value.length;
      return;
    }
    this.#cut();
    this.#slices.push(value);
    this.#slicedBytes += value.length;
  }

  #putUvarint(value: number, start: number): number {
    let at = start;
    let rest = value;
    while (rest > 0x7f) {
      this.#chunk[at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.#chunk[at++] = rest;
    return at;
  }

  /** Makes room for `bytes` at the position that it returns. */
  #reserve(bytes: number): number {
    if (this.#position + bytes > this.#chunk.length) this.#grow(bytes);
    return this.#position;
  }

  /** Goes on in a new chunk; what no slice covers yet moves there, so that it stays in one piece. */
  #grow(bytes: number): void {
    const pending = this.#position - this.#start;
    const chunk = Buffer.allocUnsafeSlow(Math.max(this.#chunkBytes, 2 * (pending + bytes)));
    this.#chunk.copy(chunk, 0, this.#start, this.#position);
    this.#chunk = chunk;
    this.#start = 0;
    this.#position = pending;
  }

  #cut(): void {
    if (this.#position === this.#start) return;
    const slice = this.#chunk.subarray(this.#start, this.#position);
    this.#slices.push(slice);
    this.#slicedBytes += slice.length;
    this.#start = this.#position;
  }

  #discard(): void {
    this.#slices = [];
    this.#slicedBytes = 0;
    this.#start = this.#position;
  }
}
