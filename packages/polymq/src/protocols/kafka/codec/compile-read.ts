/**
 * Compiles the plan of a struct, for one version, to a function that reads it.
 *
 * A reader is a list of closures, one per field that the version has. Each struct starts as a copy of a
 * template that has every field of the table with its default, so that all versions yield objects of one
 * shape, and the fields are filled in wire order. Depth is that of the table: no input can nest deeper.
 * Arrays know the fewest bytes that an element takes and refuse counts beyond what is left.
 */
import type { Reader } from '../../../lib/bytes/reader.ts';
import { defaultsOf, type FieldPlan } from './plan.ts';
import {
  readArrayCount,
  readBytes,
  readCompactArrayCount,
  readCompactBytes,
  readCompactNullableBytes,
  readCompactNullableString,
  readCompactString,
  readNullableBytes,
  readNullableString,
  readString,
  readTags,
  readUuid,
  skipTags,
} from './read-values.ts';
import type { Primitive } from './spec.ts';

export type Read = (reader: Reader) => unknown;
type Fields = Record<string, unknown>;

/** A function that reads something, and the fewest bytes that it reads. */
interface Compiled {
  readonly read: Read;
  readonly bytesMin: number;
}

interface Form {
  readonly version: number;
  readonly isFlexible: boolean;
}

type FixedPrimitive = Exclude<Primitive, 'string' | 'bytes' | 'records'>;
const FIXED: Record<FixedPrimitive, Compiled> = {
  boolean: { read: (reader) => reader.boolean(), bytesMin: 1 },
  int8: { read: (reader) => reader.int8(), bytesMin: 1 },
  int16: { read: (reader) => reader.int16(), bytesMin: 2 },
  uint16: { read: (reader) => reader.uint16(), bytesMin: 2 },
  int32: { read: (reader) => reader.int32(), bytesMin: 4 },
  uint32: { read: (reader) => reader.uint32(), bytesMin: 4 },
  int64: { read: (reader) => reader.int64(), bytesMin: 8 },
  float64: { read: (reader) => reader.float64(), bytesMin: 8 },
  uuid: { read: readUuid, bytesMin: 16 },
};

export function compileRead(fields: readonly FieldPlan[], form: Form): Read {
  return compileStruct(fields, form).read;
}

function compileStruct(fields: readonly FieldPlan[], form: Form): Compiled {
  const template = defaultsOf(fields);
  const names: string[] = [];
  const reads: Read[] = [];
  const tagged = new Map<number, { name: string; read: Read }>();
  let bytesMin = form.isFlexible ? 1 : 0;
  for (const field of fields) {
    if (form.version < field.since || form.version > field.until) continue;
    const compiled = compileField(field, form);
    if (field.tag !== null) {
      tagged.set(field.tag, { name: field.name, read: compiled.read });
      continue;
    }
    names.push(field.name);
    reads.push(compiled.read);
    bytesMin += compiled.bytesMin;
  }
  const readTail = compileTags(tagged, form);
  const count = reads.length;
  const read = (reader: Reader): Fields => {
    const value: Fields = { ...template };
    for (let index = 0; index < count; index++) value[names[index]!] = reads[index]!(reader);
    readTail?.(reader, value);
    return value;
  };
  return { read, bytesMin };
}

type ReadTail = (reader: Reader, value: Fields) => void;

function compileTags(
  tagged: ReadonlyMap<number, { name: string; read: Read }>,
  form: Form,
): ReadTail | null {
  if (!form.isFlexible) return null;
  if (tagged.size === 0) return skipTags;
  return (reader, value) => {
    readTags(reader, (tag) => {
      const field = tagged.get(tag);
      if (field === undefined) return false;
      value[field.name] = field.read(reader);
      return true;
    });
  };
}

function compileField(field: FieldPlan, form: Form): Compiled {
  const isNullable = form.version >= field.nullSince;
  if (!field.isArray) return compileValue(field, form, isNullable);
  const item = compileValue(field, form, false);
  const readCount = form.isFlexible ? readCompactArrayCount : readArrayCount;
  // An element of no bytes would make any count possible.
  const itemBytesMin = Math.max(1, item.bytesMin);
  const readItem = item.read;
  const read = (reader: Reader): unknown[] | null => {
    const count = readCount(reader, itemBytesMin);
    if (count < 0) return isNullable ? null : reader.fail('null in place of an array');
    const items: unknown[] = [];
    for (let index = 0; index < count; index++) items.push(readItem(reader));
    return items;
  };
  return { read, bytesMin: form.isFlexible ? 1 : 4 };
}

function compileValue(field: FieldPlan, form: Form, isNullable: boolean): Compiled {
  switch (field.type) {
    case 'struct':
      return isNullable
        ? nullable(compileStruct(field.fields, form))
        : compileStruct(field.fields, form);
    case 'string':
      return form.isFlexible
        ? { read: isNullable ? readCompactNullableString : readCompactString, bytesMin: 1 }
        : { read: isNullable ? readNullableString : readString, bytesMin: 2 };
    case 'bytes':
    case 'records':
      return form.isFlexible
        ? { read: isNullable ? readCompactNullableBytes : readCompactBytes, bytesMin: 1 }
        : { read: isNullable ? readNullableBytes : readBytes, bytesMin: 4 };
    default:
      return FIXED[field.type];
  }
}

/** A struct that may be null has a byte in front: negative if it is. */
function nullable(struct: Compiled): Compiled {
  return {
    read: (reader) => (reader.int8() < 0 ? null : struct.read(reader)),
    bytesMin: 1,
  };
}
