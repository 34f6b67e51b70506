/**
 * Values of message headers as the bytes of record headers, and back.
 *
 *   text      ⇄ its UTF-8                       boolean  ⇄ true, false
 *   bytes     ⇄ the bytes                       number   ⇄ decimal text; NaN, Infinity, -Infinity
 *   null      ⇄ null                            big int  ⇄ decimal text
 *   list, table ⇄ JSON, with {"$bytes":"base64"}, {"$bigint":"1"}, {"$number":"NaN"} for what JSON has not;
 *                 a table that looks like one of these stands in {"$table":…}
 *
 * Bytes alone do not say which of these they were, so the record carries the kinds beside them (`polymq-header-types`).
 * A value that no longer reads as its kind has been changed on the way; it is text then, as every value without a
 * kind is, or bytes if it is not UTF-8.
 */
import { isUtf8 } from 'node:buffer';
import { NESTING_MAX } from '../message/neutral-format.ts';
import type { NeutralValue } from '../message/neutral-message.ts';

/** Text and null need no word; they are what they look like. */
export type HeaderKind = 'number' | 'bigint' | 'boolean' | 'bytes' | 'json';

export function kindOf(value: NeutralValue): HeaderKind | undefined {
  if (value === null || typeof value === 'string') return undefined;
  if (typeof value === 'number') return 'number';
  if (typeof value === 'boolean') return 'boolean';
  if (typeof value === 'bigint') return 'bigint';
  // Bytes that are not UTF-8 are recognised without being told.
  if (Buffer.isBuffer(value)) return isUtf8(value) ? 'bytes' : undefined;
  return 'json';
}

/** Null becomes `undefined`, which records have instead. */
export function toHeaderBytes(value: NeutralValue): Buffer | string | undefined {
  if (value === null) return undefined;
  if (typeof value === 'string' || Buffer.isBuffer(value)) return value;
  if (typeof value === 'number') return numberText(value);
  if (typeof value === 'boolean' || typeof value === 'bigint') return String(value);
  return JSON.stringify(toJson(value));
}

/** The bytes may be kept: they are not copied. */
export function fromHeaderBytes(
  bytes: Buffer | undefined,
  kind: HeaderKind | undefined,
): NeutralValue {
  if (bytes === undefined) return null;
  if (kind === 'bytes' || !isUtf8(bytes)) return bytes;
  const text = bytes.toString('utf8');
  return kind === undefined ? text : (readKind(text, kind) ?? text);
}

function readKind(text: string, kind: HeaderKind): NeutralValue | undefined {
  switch (kind) {
    case 'number':
      return readNumber(text);
    case 'bigint':
      return /^-?\d{1,40}$/.test(text) ? BigInt(text) : undefined;
    case 'boolean':
      return text === 'true' || text === 'false' ? text === 'true' : undefined;
    default:
      return readJson(text);
  }
}

function numberText(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value);
}

function readNumber(text: string): number | undefined {
  const value = Number(text);
  // Only what `numberText` writes is a number: anything else was changed.
  return numberText(value) === text ? value : undefined;
}

type Json = string | number | boolean | null | Json[] | { [name: string]: Json };

function toJson(value: NeutralValue): Json {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'bigint') return { $bigint: String(value) };
  if (typeof value === 'number') return jsonNumber(value);
  if (Buffer.isBuffer(value)) return { $bytes: value.toString('base64') };
  if (isList(value)) return value.map(toJson);
  const table = Object.fromEntries(
    Object.entries(value).map(([name, element]) => [name, toJson(element)]),
  );
  return wordOf(table) === undefined ? table : { $table: table };
}

function jsonNumber(value: number): Json {
  return Number.isFinite(value) && !Object.is(value, -0) ? value : { $number: numberText(value) };
}

function readJson(text: string): NeutralValue | undefined {
  try {
    return fromJson(JSON.parse(text) as Json, 0);
  } catch {
    return undefined;
  }
}

function fromJson(json: Json, depth: number): NeutralValue {
  if (typeof json !== 'object' || json === null) return json;
  if (depth >= NESTING_MAX) throw new RangeError('a header nests too deep');
  if (Array.isArray(json)) return json.map((element) => fromJson(element, depth + 1));
  const word = wordOf(json);
  if (word !== undefined && word !== '$table') return fromWord(word, json[word]!);
  const table = word === undefined ? json : json[word]!;
  return Object.fromEntries(
    Object.entries(table).map(([name, element]) => [name, fromJson(element as Json, depth + 1)]),
  );
}

function fromWord(word: Exclude<Word, '$table'>, json: Json): NeutralValue {
  const text = String(json);
  if (word === '$bytes') return Buffer.from(text, 'base64');
  if (word === '$number') return Number(text);
  return readKind(text, 'bigint') ?? text;
}

const WORDS = ['$bytes', '$bigint', '$number', '$table'] as const;
type Word = (typeof WORDS)[number];

/** The word of a table that stands for something else. */
function wordOf(table: { [name: string]: Json }): Word | undefined {
  const names = Object.keys(table);
  return names.length === 1 ? WORDS.find((word) => word === names[0]) : undefined;
}

function isList(value: object): value is readonly NeutralValue[] {
  return Array.isArray(value);
}
