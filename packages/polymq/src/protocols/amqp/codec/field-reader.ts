/**
 * Reads the fields of methods, properties and tables from a piece of a buffer, `[position, end)`.
 *
 * Every length is compared with what is left before anything is made of it, and what is wrong is thrown as
 * `AmqpSyntaxError`: 502, with the class and method it happened in, or 501 for a short string that is not
 * UTF-8, as RabbitMQ does. Tables are limited in depth and entries, since an entry of two octets becomes
 * an object of fifty.
 *
 * Field table letters are those of RabbitMQ, not those of the specification (rabbitmq.com/amqp-0-9-1-errata):
 *
 *   t boolean   b B  8 bits    s u 16 bits   I i 32 bits   l L 64 bits, both signed
 *   f d float   D decimal      S string      x bytes       T timestamp   A array   F table   V void
 */
import { Reader } from '../../../lib/bytes/reader.ts';
import { FieldDecimal, type FieldTable, FieldTimestamp, type FieldValue } from '../methods/row.ts';
import { AmqpSyntaxError } from './amqp-syntax-error.ts';
import { REPLY_CODE } from './reply-code.ts';
import { utf8At } from './utf8.ts';

export const TABLE_DEPTH_MAX = 32;
/** Over all tables and arrays inside one another, in what a client sends. */
export const TABLE_ENTRIES_MAX = 1000;
/** In what is stored: the broker has added headers to what the client was allowed. */
const STORED_ENTRIES_MAX = 10_000;

export class FieldReader extends Reader {
  classId = 0;
  methodId = 0;
  /** Entries that may still be read, over all tables. */
  entriesLeft: number = STORED_ENTRIES_MAX;
  /** In how many tables and arrays the reader stands. */
  depth = 0;

  /** Exact up to 2^53, beyond that the nearest number. */
  uint64(): number {
    return this.uint32() * 0x1_0000_0000 + this.uint32();
  }

  shortstr(): string {
    const length = this.uint8();
    const start = this.take(length);
    const text = utf8At(this.buffer, start, start + length);
    if (text !== undefined) return text;
    return this.#refuse(REPLY_CODE.frameError, `short string at byte ${start} is not UTF-8`);
  }

  /** A short string whose octets nobody promised to be UTF-8; what is not becomes U+FFFD. */
  lenientShortstr(): string {
    return this.utf8(this.uint8());
  }

  longstr(): Buffer {
    return this.slice(this.uint32());
  }

  /** A table with its length in front. */
  table(): FieldTable {
    const outerEnd = this.#enter();
    const table = this.entries();
    this.#leave(outerEnd);
    return table;
  }

  /** The entries of a table up to the end of the piece. Of two with the same name, the first counts. */
  entries(): FieldTable {
    const table: Record<string, FieldValue> = Object.create(null);
    while (this.position < this.end) {
      this.#countEntry();
      const name = this.lenientShortstr();
      const value = this.fieldValue();
      if (!(name in table)) table[name] = value;
    }
    return table;
  }

  /** A letter and the value that it announces. */
  fieldValue(): FieldValue {
    const letter = String.fromCharCode(this.uint8());
    switch (letter) {
      case 'S':
        return this.#text();
      case 'I':
        return this.int32();
      case 't':
        return this.boolean();
      case 'l':
      case 'L':
        return this.#long();
      case 'F':
        return this.table();
      case 'A':
        return this.#array();
      case 'T':
        return new FieldTimestamp(this.uint64());
      case 'd':
        return this.float64();
      case 'x':
        return this.longstr();
      case 'V':
        return null;
      default:
        return this.#rareValue(letter);
    }
  }

  #rareValue(letter: string): FieldValue {
    switch (letter) {
      case 'b':
        return this.int8();
      case 'B':
        return this.uint8();
      case 's':
        return this.int16();
      case 'u':
        return this.uint16();
      case 'i':
        return this.uint32();
      case 'f':
        return this.buffer.readFloatBE(this.take(4));
      case 'D':
        return new FieldDecimal(this.uint8(), this.uint32());
      default:
        return this.fail(`a field table knows no type ${JSON.stringify(letter)}`);
    }
  }

  #text(): string | Buffer {
    const length = this.uint32();
    const start = this.take(length);
    const end = start + length;
    return utf8At(this.buffer, start, end) ?? this.buffer.subarray(start, end);
  }

  #long(): number | bigint {
    const value = this.buffer.readBigInt64BE(this.take(8));
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }

  #array(): FieldValue[] {
    const outerEnd = this.#enter();
    const values: FieldValue[] = [];
    while (this.position < this.end) {
      this.#countEntry();
      values.push(this.fieldValue());
    }
    this.#leave(outerEnd);
    return values;
  }

  /** Narrows the piece to the table or array whose length comes next; returns the end of the wider one. */
  #enter(): number {
    const length = this.uint32();
    if (length > this.remaining) this.take(length);
    this.depth += 1;
    if (this.depth > TABLE_DEPTH_MAX) this.fail(`tables are nested deeper than ${TABLE_DEPTH_MAX}`);
    const outerEnd = this.end;
    this.end = this.position + length;
    return outerEnd;
  }

  #leave(outerEnd: number): void {
    this.end = outerEnd;
    this.depth -= 1;
  }

  #countEntry(): void {
    this.entriesLeft -= 1;
    if (this.entriesLeft < 0) this.fail('a table has too many entries');
  }

  override fail(what: string): never {
    return this.#refuse(REPLY_CODE.syntaxError, `${what} at byte ${this.position}`);
  }

  #refuse(replyCode: number, message: string): never {
    throw new AmqpSyntaxError(replyCode, message, this.classId, this.methodId);
  }
}

/** Decodes the entries of a table in `[start, end)`, its length not included. */
export function readTable(buffer: Buffer, start: number, end: number): FieldTable {
  return insideTable(buffer, start, end).entries();
}

/** Decodes the value whose letter stands at `at`, as found by `findInTable`. */
export function readFieldAt(buffer: Buffer, at: number, end: number): FieldValue {
  return insideTable(buffer, at, end).fieldValue();
}

function insideTable(buffer: Buffer, start: number, end: number): FieldReader {
  const reader = new FieldReader(buffer, start, end);
  reader.depth = 1;
  return reader;
}
