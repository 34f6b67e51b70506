/** Writes properties (§2.2.2) by their table, in its order. */
import {
  PROPERTIES,
  type Properties,
  type PropertyName,
  type PropertyRow,
  type UserProperty,
} from './property-table.ts';
import { varintBytes, writeVarint } from './varint.ts';

/** Any of them; the types of the callers say which may be where. */
export type AnyProperties = { readonly [name in PropertyName]?: unknown };

const ROWS = Object.entries(PROPERTIES) as readonly (readonly [PropertyName, PropertyRow])[];
/** What a text of more bytes cannot be written as. */
const TEXT_BYTES_MAX = 0xffff;

const NONE: Buffer = Buffer.alloc(0);

/** The properties as bytes, without their length in front. Throws `RangeError` if a text is too long for MQTT. */
export function propertiesField(properties: AnyProperties): Buffer {
  const pieces: Buffer[] = [];
  for (const [name, row] of ROWS) {
    const value = properties[name];
    if (value === undefined) continue;
    const values = row.many === true ? (value as readonly unknown[]) : [value];
    for (const one of values) writeProperty(pieces, row, one);
  }
  return pieces.length === 0 ? NONE : Buffer.concat(pieces);
}

/** The properties of a PUBLISH as bytes, without their length in front: what `PublishFrame` forwards. */
export function publishProperties(properties: Properties<'publish'>): Buffer {
  return propertiesField(properties);
}

function writeProperty(pieces: Buffer[], { id, type }: PropertyRow, value: unknown): void {
  pieces.push(Buffer.of(id));
  switch (type) {
    case 'byte':
      pieces.push(Buffer.of(value as number));
      break;
    case 'uint16':
      pieces.push(uint16(value as number));
      break;
    case 'uint32':
      pieces.push(uint16((value as number) / 0x1_0000), uint16((value as number) & 0xffff));
      break;
    case 'varint':
      pieces.push(varint(value as number));
      break;
    case 'pair':
      for (const text of value as UserProperty) pushBytes(pieces, Buffer.from(text));
      break;
    case 'text':
      pushBytes(pieces, Buffer.from(value as string));
      break;
    case 'bytes':
      pushBytes(pieces, value as Buffer);
      break;
  }
}

function pushBytes(pieces: Buffer[], bytes: Buffer): void {
  if (bytes.length > TEXT_BYTES_MAX) {
    throw new RangeError(`a property of ${bytes.length} bytes does not fit into MQTT`);
  }
  pieces.push(uint16(bytes.length), bytes);
}

function uint16(value: number): Buffer {
  return Buffer.of(value >>> 8, value);
}

function varint(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(varintBytes(value));
  writeVarint(bytes, 0, value);
  return bytes;
}
