/**
 * Compiles the plan of a struct, for one version, to a function that writes it.
 *
 * Fields that the version does not have are passed over, so that a handler fills one object for all
 * versions. A field left out takes its default; one that has none, or a null where the version cannot
 * carry it, is a defect of the caller and throws `TypeError`. Tagged fields that equal their default are
 * not sent (KIP-482).
 */
import type { Writer } from '../../../lib/bytes/writer.ts';
import type { FieldPlan } from './plan.ts';
import type { Primitive } from './spec.ts';
import {
  type RecordsInput,
  writeBytes,
  writeCompactBytes,
  writeCompactString,
  writeString,
  writeUuid,
} from './write-values.ts';

type Fields = Readonly<Record<string, unknown>>;
export type WriteOf<Value> = (writer: Writer, value: Value) => void;
export type Write = WriteOf<unknown>;

export interface Form {
  readonly version: number;
  readonly isFlexible: boolean;
}

const FIXED: Record<Exclude<Primitive, 'string' | 'bytes' | 'records'>, Write> = {
  boolean: (writer, value) => writer.boolean(value as boolean),
  int8: (writer, value) => writer.int8(value as number),
  int16: (writer, value) => writer.int16(value as number),
  uint16: (writer, value) => writer.uint16(value as number),
  int32: (writer, value) => writer.int32(value as number),
  uint32: (writer, value) => writer.uint32(value as number),
  int64: (writer, value) => writer.int64(value as number),
  float64: (writer, value) => writer.float64(value as number),
  uuid: (writer, value) => writeUuid(writer, value as string),
};

interface CompiledField {
  readonly name: string;
  readonly fallback: unknown;
  readonly tag: number;
  readonly write: Write;
}

export function compileWrite(fields: readonly FieldPlan[], form: Form): Write {
  const ordinary = compileFields(fields, form, (field) => field.tag === null);
  const writeTail = form.isFlexible ? compileTags(fields, form) : null;
  const count = ordinary.length;
  return (writer, value) => {
    const struct = value as Fields;
    for (let index = 0; index < count; index++) {
      const field = ordinary[index]!;
      const given = struct[field.name];
      field.write(writer, given === undefined ? field.fallback : given);
    }
    writeTail?.(writer, struct);
  };
}

function compileFields(
  fields: readonly FieldPlan[],
  form: Form,
  isWanted: (field: FieldPlan) => boolean,
): CompiledField[] {
  return fields
    .filter((field) => form.version >= field.since && form.version <= field.until)
    .filter(isWanted)
    .map((field) => ({
      name: field.name,
      fallback: field.isOptional ? field.default : undefined,
      tag: field.tag ?? -1,
      write: compileField(field, form),
    }));
}

/** Writes the tagged fields of a struct, or that it has none: what each struct ends with when flexible. */
export function compileTags(fields: readonly FieldPlan[], form: Form): WriteOf<Fields> {
  const tagged = compileFields(fields, form, (field) => field.tag !== null);
  tagged.sort((left, right) => left.tag - right.tag);
  if (tagged.length === 0) return (writer) => writer.uvarint(0);
  return (writer, struct) => {
    let count = 0;
    for (const field of tagged) if (isSent(field, struct)) count++;
    writer.uvarint(count);
    if (count === 0) return;
    for (const field of tagged) {
      if (!isSent(field, struct)) continue;
      writer.uvarint(field.tag);
      writer.sized(field.write, struct[field.name]);
    }
  };
}

function isSent(field: CompiledField, struct: Fields): boolean {
  const value = struct[field.name];
  return value !== undefined && !isSame(value, field.fallback);
}

/** Whether a value says the same as a default: an empty array, or a struct of which no field differs. */
function isSame(value: unknown, fallback: unknown): boolean {
  if (value === fallback) return true;
  if (typeof fallback !== 'object' || fallback === null) return false;
  if (Array.isArray(fallback)) return Array.isArray(value) && value.length === 0;
  if (typeof value !== 'object' || value === null) return false;
  return Object.entries(fallback).every(([name, inner]) => {
    const given = (value as Fields)[name];
    return given === undefined || isSame(given, inner);
  });
}

function compileField(field: FieldPlan, form: Form): Write {
  const isNullable = form.version >= field.nullSince;
  const write = field.isArray
    ? compileArray(compileValue(field, form, false), form)
    : compileValue(field, form, isNullable);
  return (writer, value) => {
    if (value === undefined) throw new TypeError(`field "${field.name}" is not given`);
    if (value === null && !isNullable) {
      throw new TypeError(`field "${field.name}" cannot be null in version ${form.version}`);
    }
    write(writer, value);
  };
}

function compileArray(writeItem: Write, form: Form): Write {
  return (writer, value) => {
    const items = value as readonly unknown[] | null;
    if (form.isFlexible) writer.uvarint(items === null ? 0 : items.length + 1);
    else writer.int32(items === null ? -1 : items.length);
    if (items === null) return;
    for (let index = 0; index < items.length; index++) writeItem(writer, items[index]);
  };
}

function compileValue(field: FieldPlan, form: Form, isNullable: boolean): Write {
  switch (field.type) {
    case 'struct':
      return isNullable
        ? nullable(compileWrite(field.fields, form))
        : compileWrite(field.fields, form);
    case 'string':
      return (form.isFlexible ? writeCompactString : writeString) as Write;
    case 'bytes':
    case 'records': {
      const write: WriteOf<RecordsInput> = form.isFlexible ? writeCompactBytes : writeBytes;
      return write as Write;
    }
    default:
      return FIXED[field.type];
  }
}

/** A struct that may be null has a byte in front: negative if it is. */
function nullable(writeStruct: Write): Write {
  return (writer, value) => {
    writer.int8(value === null ? -1 : 1);
    if (value !== null) writeStruct(writer, value);
  };
}
