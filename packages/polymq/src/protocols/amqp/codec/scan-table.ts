/**
 * Walks over encoded field tables without decoding them: checks them, finds an entry, steps over one.
 * A table is given by the range of its entries, without the length in front. Nothing is allocated. Checks
 * hold a table to the limits of `FieldReader`; walks over what was checked before do not count entries again,
 * for the broker may have added some.
 */
import { TABLE_DEPTH_MAX, TABLE_ENTRIES_MAX } from './field-reader.ts';
import { uint32At } from './frame.ts';
import { refuse } from './property-list.ts';

/** What a letter stands for: the octets of its value, or one of these. */
const UNKNOWN = -1;
const SIZED = -2;
const ARRAY = -3;
const TABLE = -4;

const VALUE_BYTES: Int8Array = letters();

function letters(): Int8Array {
  const bytes = new Int8Array(256).fill(UNKNOWN);
  const set = (names: string, value: number): void => {
    for (const name of names) bytes[name.charCodeAt(0)] = value;
  };
  set('V', 0);
  set('tbB', 1);
  set('su', 2);
  set('Iif', 4);
  set('D', 5);
  set('lLdT', 8);
  set('Sx', SIZED);
  set('A', ARRAY);
  set('F', TABLE);
  return bytes;
}

const UNCOUNTED = 0x3fff_ffff;

/** Entries that the table being walked may still have. Walks end before another one starts. */
let entriesLeft = 0;

/** Throws 502 unless `[start, end)` holds whole entries within the limits. */
export function checkTable(buffer: Buffer, start: number, end: number): void {
  entriesLeft = TABLE_ENTRIES_MAX;
  walkTable(buffer, start, end, 1);
}

/** What `checkHeaders` saw among the names. */
export const HAS_COPIES = 1;
export const HAS_X_NAMES = 2;

/**
 * Like `checkTable`, and tells whether the table has a `CC` or `BCC` (`HAS_COPIES`) and whether any name
 * starts with `x-` (`HAS_X_NAMES`): most tables have neither and need not be searched.
 */
export function checkHeaders(buffer: Buffer, start: number, end: number): number {
  entriesLeft = TABLE_ENTRIES_MAX;
  let seen = 0;
  let at = start;
  while (at < end) {
    const nameEnd = afterName(buffer, at, end);
    seen |= nameKind(buffer, at, nameEnd);
    at = afterValue(buffer, nameEnd, end, 1);
  }
  return seen;
}

function nameKind(buffer: Buffer, at: number, nameEnd: number): number {
  const first = buffer[at + 1]!;
  if (first === 0x78) return nameEnd - at > 2 && buffer[at + 2] === 0x2d ? HAS_X_NAMES : 0;
  if (first !== 0x43 && first !== 0x42) return 0;
  const length = nameEnd - at - 1;
  const isCopies =
    (length === 2 && startsWith(buffer, at + 1, 'CC')) ||
    (length === 3 && startsWith(buffer, at + 1, 'BCC'));
  return isCopies ? HAS_COPIES : 0;
}

/**
 * Where the value of `name` starts (its letter), or -1. `name` must be ASCII; of two entries with the same name
 * the first is found. `[start, end)` must have passed `checkTable`, or may throw 502.
 */
export function findInTable(buffer: Buffer, start: number, end: number, name: string): number {
  entriesLeft = UNCOUNTED;
  let at = start;
  while (at < end) {
    const nameEnd = afterName(buffer, at, end);
    if (nameEnd - at - 1 === name.length && startsWith(buffer, at + 1, name)) return nameEnd;
    at = afterValue(buffer, nameEnd, end, 1);
  }
  return -1;
}

/** Where the entry that starts at `at` ends. */
export function entryEnd(buffer: Buffer, at: number, end: number): number {
  entriesLeft = UNCOUNTED;
  return afterValue(buffer, afterName(buffer, at, end), end, 1);
}

function walkTable(buffer: Buffer, start: number, end: number, depth: number): void {
  let at = start;
  while (at < end) at = afterValue(buffer, afterName(buffer, at, end), end, depth);
}

function walkArray(buffer: Buffer, start: number, end: number, depth: number): void {
  let at = start;
  while (at < end) at = afterValue(buffer, at, end, depth);
}

function afterName(buffer: Buffer, at: number, end: number): number {
  const next = at + 1 + buffer[at]!;
  if (next > end) refuse(`the name of a table entry at byte ${at} is cut off`);
  return next;
}

function afterValue(buffer: Buffer, at: number, end: number, depth: number): number {
  entriesLeft -= 1;
  if (entriesLeft < 0) refuse(`a table has more than ${TABLE_ENTRIES_MAX} entries`);
  if (at >= end) refuse(`a table entry at byte ${at} has no value`);
  const bytes = VALUE_BYTES[buffer[at]!]!;
  const next = at + 1 + (bytes >= 0 ? bytes : sizedBytes(buffer, at, bytes));
  if (next > end) refuse(`the value of a table entry at byte ${at} is cut off`);
  if (bytes <= ARRAY) {
    if (depth === TABLE_DEPTH_MAX) refuse(`tables are nested deeper than ${TABLE_DEPTH_MAX}`);
    if (bytes === TABLE) walkTable(buffer, at + 5, next, depth + 1);
    else walkArray(buffer, at + 5, next, depth + 1);
  }
  return next;
}

function sizedBytes(buffer: Buffer, at: number, kind: number): number {
  if (kind === UNKNOWN) {
    const letter = JSON.stringify(String.fromCharCode(buffer[at]!));
    refuse(`a field table knows no type ${letter} at byte ${at}`);
  }
  // A length that is cut off reads as some number; even 0 ends behind the end.
  return 4 + uint32At(buffer, at + 1);
}

function startsWith(buffer: Buffer, at: number, name: string): boolean {
  for (let index = 0; index < name.length; index++) {
    if (buffer[at + index] !== name.charCodeAt(index)) return false;
  }
  return true;
}
