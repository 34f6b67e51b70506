/**
 * Writes the fields of methods, properties and tables into memory that grows.
 *
 * A value in a table is written as the plainest type that holds it: a 32-bit integer as `I`, a larger one
 * and every bigint as `l` (so that 1n says "long", which Java clients insist on in `x-death`), other
 * numbers as `d`, text as `S`, bytes as `x`. What does not fit throws `AmqpSyntaxError`, for it is mostly
 * something a client said that we repeat.
 */
import { FieldDecimal, type FieldTable, FieldTimestamp, type FieldValue } from '../methods/row.ts';
import { AmqpSyntaxError } from './amqp-syntax-error.ts';
import { TABLE_DEPTH_MAX } from './field-reader.ts';
import { REPLY_CODE } from './reply-code.ts';

const INITIAL_BYTES = 256;
const SHORTSTR_BYTES_MAX = 255;
const INT32_MIN = -0x8000_0000;
const INT32_MAX = 0x7fff_ffff;
const LONG_MIN = -(2n ** 63n);
const LONG_MAX = 2n ** 63n - 1n;

export class FieldWriter {
  #buffer: Buffer = Buffer.allocUnsafe(INITIAL_BYTES);
  #position = 0;
  /** In how many tables and arrays the writer stands. */
  depth = 0;

  get length(): number {
    return this.#position;
  }

  /** What was written; the writer must not be used any more. */
  finish(): Buffer {
    return this.#buffer.subarray(0, this.#position);
  }

  uint8(value: number): void {
    this.#check(value, 0xff);
    const at = this.#reserve(1);
    this.#buffer[at] = value;
  }

  uint16(value: number): void {
    this.#check(value, 0xffff);
    const at = this.#reserve(2);
    this.#buffer.writeUInt16BE(value, at);
  }

  uint32(value: number): void {
    this.#check(value, 0xffff_ffff);
    const at = this.#reserve(4);
    this.#buffer.writeUInt32BE(value, at);
  }

  uint64(value: number): void {
    // The largest uint64 reads as 2^64, the nearest number; it must be possible to send it back.
    const whole = value === 2 ** 64;
    if (!whole) this.#check(value, 2 ** 64);
    const at = this.#reserve(8);
    this.#buffer.writeUInt32BE(whole ? 0xffff_ffff : Math.floor(value / 0x1_0000_0000), at);
    this.#buffer.writeUInt32BE(whole ? 0xffff_ffff : value % 0x1_0000_0000, at + 4);
  }

  shortstr(value: string): void {
    const bytes = Buffer.byteLength(value);
    if (bytes > SHORTSTR_BYTES_MAX) {
      refuse(`a short string of ${bytes} bytes is longer than ${SHORTSTR_BYTES_MAX}`);
    }
    const at = this.#reserve(1 + bytes);
    this.#buffer[at] = bytes;
    this.#buffer.write(value, at + 1, bytes, 'utf8');
  }

  longstr(value: Buffer | string): void {
    const bytes = typeof value === 'string' ? Buffer.byteLength(value) : value.length;
    this.uint32(bytes);
    const at = this.#reserve(bytes);
    if (typeof value === 'string') this.#buffer.write(value, at, bytes, 'utf8');
    else this.#buffer.set(value, at);
  }

  /** `[start, end)` of another buffer as it is. */
  range(source: Buffer, start: number, end: number): void {
    if (start >= end) return;
    const at = this.#reserve(end - start);
    source.copy(this.#buffer, at, start, end);
  }

  /** A table with its length in front. */
  table(value: FieldTable): void {
    const start = this.#enter();
    this.entries(value);
    this.#leave(start);
  }

  /** The entries of a table without its length. */
  entries(value: FieldTable): void {
    for (const name of Object.keys(value)) this.entry(name, value[name]!);
  }

  entry(name: string, value: FieldValue): void {
    this.shortstr(name);
    this.fieldValue(value);
  }

  fieldValue(value: FieldValue): void {
    switch (typeof value) {
      case 'string':
        this.#letter('S');
        this.longstr(value);
        break;
      case 'boolean':
        this.#letter('t');
        this.uint8(value ? 1 : 0);
        break;
      case 'number':
        this.#number(value);
        break;
      case 'bigint':
        this.#long(value);
        break;
      case 'object':
        this.#object(value);
        break;
      default:
        refuse(`a field table cannot hold a ${typeof value}`);
    }
  }

  /** Fills in 4 octets at `at` that were left for a length or a size. */
  patchUint32(value: number, at: number): void {
    this.#buffer.writeUInt32BE(value, at);
  }

  patchUint16(value: number, at: number): void {
    this.#buffer.writeUInt16BE(value, at);
  }

  #number(value: number): void {
    if (!Number.isSafeInteger(value) || Object.is(value, -0)) {
      this.#letter('d');
      const at = this.#reserve(8);
      this.#buffer.writeDoubleBE(value, at);
    } else if (value >= INT32_MIN && value <= INT32_MAX) {
      this.#letter('I');
      const at = this.#reserve(4);
      this.#buffer.writeInt32BE(value, at);
    } else {
      this.#long(BigInt(value));
    }
  }

  #long(value: bigint): void {
    if (value < LONG_MIN || value > LONG_MAX)
      refuse(`${value} does not fit a signed 64-bit integer`);
    this.#letter('l');
    const at = this.#reserve(8);
    this.#buffer.writeBigInt64BE(value, at);
  }

  #object(value: Exclude<FieldValue, string | boolean | number | bigint>): void {
    if (value === null) {
      this.#letter('V');
    } else if (Buffer.isBuffer(value)) {
      this.#letter('x');
      this.longstr(value);
    } else if (value instanceof FieldTimestamp) {
      this.#letter('T');
      this.uint64(value.timestamp);
    } else if (value instanceof FieldDecimal) {
      this.#letter('D');
      this.uint8(value.places);
      this.uint32(value.digits);
    } else if (Array.isArray(value)) {
      this.#letter('A');
      this.#array(value);
    } else {
      this.#letter('F');
      this.table(value as FieldTable);
    }
  }

  #array(values: readonly FieldValue[]): void {
    const start = this.#enter();
    for (const value of values) this.fieldValue(value);
    this.#leave(start);
  }

  #letter(letter: string): void {
    const at = this.#reserve(1);
    this.#buffer[at] = letter.charCodeAt(0);
  }

  /** Leaves room for the length of a table or array; returns where it is. */
  #enter(): number {
    this.depth += 1;
    if (this.depth > TABLE_DEPTH_MAX) refuse(`tables are nested deeper than ${TABLE_DEPTH_MAX}`);
    return this.#reserve(4);
  }

  #leave(start: number): void {
    this.depth -= 1;
    this.patchUint32(this.#position - start - 4, start);
  }

  #check(value: number, max: number): void {
    if (!Number.isInteger(value) || value < 0 || value > max) {
      refuse(`${value} is not an integer within [0, ${max}]`);
    }
  }

  /** Makes room; the memory may have moved, so ask for the position before the buffer. */
  #reserve(bytes: number): number {
    const at = this.#position;
    const end = at + bytes;
    if (end > this.#buffer.length) {
      const grown = Buffer.allocUnsafe(Math.max(end, 2 * this.#buffer.length));
      this.#buffer.copy(grown, 0, 0, at);
      this.#buffer = grown;
    }
    this.#position = end;
    return at;
  }
}

function refuse(message: string): never {
  throw new AmqpSyntaxError(REPLY_CODE.syntaxError, message);
}

/** The entries of a table, without its length. */
export function writeTable(table: FieldTable): Buffer {
  const writer = new FieldWriter();
  writer.depth = 1;
  writer.entries(table);
  return writer.finish();
}
