/** Basic properties as objects: for clients of other protocols, management and tests, not for the hot path. */
import { FieldReader } from './field-reader.ts';
import { FieldWriter } from './field-writer.ts';
import {
  BASIC_CLASS,
  type BasicProperties,
  checkContentHeader,
  LIST_AT,
  PROPERTIES,
  type PropertyType,
} from './property-list.ts';

/**
 * The properties in the content header `[start, end)`, the payload of a header frame. Text that is not UTF-8
 * is repaired with U+FFFD. Throws `AmqpSyntaxError` if the header is malformed.
 */
export function readProperties(buffer: Buffer, start: number, end: number): BasicProperties {
  const flags = checkContentHeader(buffer, start, end);
  const reader = new FieldReader(buffer, start + LIST_AT, end);
  reader.classId = BASIC_CLASS;
  const properties: Record<string, unknown> = {};
  for (const [name, type, flag] of PROPERTIES) {
    if ((flags & flag) !== 0) properties[name] = readProperty(reader, type);
  }
  if (reader.remaining > 0) reader.fail(`properties are followed by ${reader.remaining} bytes`);
  return properties as BasicProperties;
}

function readProperty(reader: FieldReader, type: PropertyType): unknown {
  if (type === 'shortstr') return reader.lenientShortstr();
  if (type === 'table') return reader.table();
  return type === 'octet' ? reader.uint8() : reader.uint64();
}

/** Flags and property list, as they stand behind the body size. Throws 502 for what does not fit. */
export function writeProperties(properties: BasicProperties): Buffer {
  const writer = new FieldWriter();
  putProperties(writer, properties);
  return writer.finish();
}

/** A whole content header, the payload of a header frame. */
export function contentHeader(properties: BasicProperties, bodyBytes: number): Buffer {
  const writer = new FieldWriter();
  writer.uint16(BASIC_CLASS);
  writer.uint16(0);
  writer.uint64(bodyBytes);
  putProperties(writer, properties);
  return writer.finish();
}

function putProperties(writer: FieldWriter, properties: BasicProperties): void {
  const flagsAt = writer.length;
  let flags = 0;
  writer.uint16(0);
  for (const [name, type, flag] of PROPERTIES) {
    const value = properties[name];
    if (value === undefined || value === null) continue;
    flags |= flag;
    putProperty(writer, type, value);
  }
  writer.patchUint16(flags, flagsAt);
}

export function putProperty(
  writer: FieldWriter,
  type: PropertyType,
  value: NonNullable<BasicProperties[keyof BasicProperties]>,
): void {
  if (type === 'shortstr') writer.shortstr(value as string);
  else if (type === 'table') writer.table(value as NonNullable<BasicProperties['headers']>);
  else if (type === 'octet') writer.uint8(value as number);
  else writer.uint64(value as number);
}
