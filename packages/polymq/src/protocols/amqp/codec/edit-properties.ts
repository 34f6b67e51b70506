/**
 * Changes single properties and single headers of a message, and keeps every other octet as the publisher
 * wrote it: types that we read but would not write ourselves, doubled names, text in other encodings.
 */
import type { FieldValue } from '../methods/row.ts';
import { FieldWriter } from './field-writer.ts';
import { uint32At } from './frame.ts';
import { putProperty } from './properties.ts';
import {
  type BasicProperties,
  checkContentHeader,
  FLAGS_AT,
  LIST_AT,
  PROPERTIES,
  type PropertyType,
  refuse,
} from './property-list.ts';
import { entryEnd } from './scan-table.ts';
import { utf8At } from './utf8.ts';

/** New values; null removes the property. `headers` are encoded entries, without a length in front. */
export type PropertyChanges = {
  readonly [Name in Exclude<keyof BasicProperties, 'headers'>]?: BasicProperties[Name] | null;
} & { readonly headers?: Buffer | null };

/** New values; undefined removes every entry of that name. */
export type TableChanges = Readonly<Record<string, FieldValue | undefined>>;

/** The content header `[start, end)` with some properties changed, as new memory. Throws 502 or 505. */
export function editProperties(
  buffer: Buffer,
  start: number,
  end: number,
  changes: PropertyChanges,
): Buffer {
  const oldFlags = checkContentHeader(buffer, start, end);
  const writer = new FieldWriter();
  let flags = 0;
  let at = start + LIST_AT;
  // What is not changed is copied in runs as long as they get.
  let runStart = start;
  for (const [name, type, flag] of PROPERTIES) {
    const from = at;
    if ((oldFlags & flag) !== 0) at = afterProperty(buffer, at, end, type);
    const change = changes[name];
    if (change === undefined) {
      flags |= oldFlags & flag;
      continue;
    }
    writer.range(buffer, runStart, from);
    runStart = at;
    if (change === null) continue;
    flags |= flag;
    if (Buffer.isBuffer(change)) writer.longstr(change);
    else putProperty(writer, type, change);
  }
  writer.range(buffer, runStart, end);
  if (at !== end) refuse(`properties end at byte ${at}, their frame at byte ${end}`);
  writer.patchUint16(flags, FLAGS_AT);
  return writer.finish();
}

function afterProperty(buffer: Buffer, at: number, end: number, type: PropertyType): number {
  const next = at + propertyBytes(buffer, at, end, type);
  if (!(next <= end)) refuse(`a property at byte ${at} is cut off`);
  return next;
}

function propertyBytes(buffer: Buffer, at: number, end: number, type: PropertyType): number {
  if (type === 'shortstr') return 1 + buffer[at]!;
  if (type === 'octet') return 1;
  return type === 'timestamp' || at + 4 > end ? 8 : 4 + uint32At(buffer, at);
}

/**
 * The entries `[start, end)` of a table with some of them changed, as new memory: a changed entry stays where
 * the first of its name was, a new one comes last. Throws 502 if the table is malformed.
 */
export function editTable(
  buffer: Buffer,
  start: number,
  end: number,
  changes: TableChanges,
): Buffer {
  const writer = new FieldWriter();
  writer.depth = 1;
  const pending = new Map(Object.entries(changes));
  let at = start;
  while (at < end) {
    const next = entryEnd(buffer, at, end);
    const name = utf8At(buffer, at + 1, at + 1 + buffer[at]!);
    if (name === undefined || !Object.hasOwn(changes, name)) {
      writer.range(buffer, at, next);
    } else {
      const value = pending.get(name);
      if (value !== undefined) writer.entry(name, value);
      pending.delete(name);
    }
    at = next;
  }
  for (const [name, value] of pending) {
    if (value !== undefined) writer.entry(name, value);
  }
  return writer.finish();
}

/** The headers of a message changed: `editTable` on its header table, which is added if there is none. */
export function editHeaders(
  buffer: Buffer,
  start: number,
  end: number,
  changes: TableChanges,
): Buffer {
  const range = headersRange(buffer, start, end);
  const headers = range
    ? editTable(buffer, range.start, range.end, changes)
    : editTable(buffer, 0, 0, changes);
  return editProperties(buffer, start, end, { headers });
}

function headersRange(
  buffer: Buffer,
  start: number,
  end: number,
): { start: number; end: number } | undefined {
  const flags = checkContentHeader(buffer, start, end);
  let at = start + LIST_AT;
  for (const [name, type, flag] of PROPERTIES) {
    if ((flags & flag) === 0) continue;
    const next = afterProperty(buffer, at, end, type);
    if (name === 'headers') return { start: at + 4, end: next };
    at = next;
  }
  return undefined;
}
