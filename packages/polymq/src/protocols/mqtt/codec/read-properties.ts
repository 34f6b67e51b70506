/**
 * Reads properties (§2.2.2) by their table. What a packet may not have makes it malformed; what it has twice, or with a value that
 * is not allowed, is a protocol error.
 */
import { protocolError } from './mqtt-error.ts';
import type { PacketReader } from './packet-reader.ts';
import {
  PROPERTIES,
  type Properties,
  type PropertyName,
  type PropertyPlace,
  type PropertyRow,
} from './property-table.ts';

type Value = number | string | Buffer | readonly [string, string];

const BY_ID: readonly (readonly [PropertyName, PropertyRow] | undefined)[] = byId();

function byId(): (readonly [PropertyName, PropertyRow] | undefined)[] {
  const rows: (readonly [PropertyName, PropertyRow] | undefined)[] = [];
  for (const [name, row] of Object.entries(PROPERTIES)) rows[row.id] = [name as PropertyName, row];
  return rows;
}

/** The properties that stand next, with their length in front. Copies what it keeps. */
export function readProperties<Place extends PropertyPlace>(
  reader: PacketReader,
  place: Place,
  userPropertiesMax: number,
): Properties<Place> {
  const bytes = reader.varint();
  if (bytes === 0) return {};
  const packetEnd = reader.end;
  const end = reader.position + bytes;
  if (end > packetEnd) reader.fail('properties go beyond the end of their packet');
  reader.end = end;
  const properties = readPropertyList(reader, place, userPropertiesMax);
  reader.end = packetEnd;
  return properties;
}

/** The properties that are all of what the reader has left. Copies what it keeps. */
export function readPropertyList<Place extends PropertyPlace>(
  reader: PacketReader,
  place: Place,
  userPropertiesMax: number,
): Properties<Place> {
  const properties: Partial<Record<PropertyName, Value | Value[]>> = {};
  while (reader.remaining > 0) readProperty(reader, place, userPropertiesMax, properties);
  return properties as Properties<Place>;
}

function readProperty(
  reader: PacketReader,
  place: PropertyPlace,
  userPropertiesMax: number,
  properties: Partial<Record<PropertyName, Value | Value[]>>,
): void {
  const id = reader.varint();
  const [name, row] = BY_ID[id] ?? reader.fail(`there is no property ${id}`);
  // §2.2.2.2: an identifier that is not valid for its packet makes it malformed.
  if (!row.in.includes(place)) reader.fail(`the property ${name} in a ${place.toUpperCase()}`);
  const value = readValue(reader, row);
  checkValue(name, row, value);
  const before = properties[name];
  if (row.many !== true) {
    if (before !== undefined) protocolError(`the property ${name} stands there twice`);
    properties[name] = value;
  } else if (before === undefined) properties[name] = [value];
  else {
    const values = before as Value[];
    if (name !== 'userProperties') protocolError(`the property ${name} stands there twice`);
    if (values.length >= userPropertiesMax) {
      protocolError(`a packet has more than ${userPropertiesMax} user properties`);
    }
    values.push(value);
  }
}

function readValue(reader: PacketReader, { type }: PropertyRow): Value {
  switch (type) {
    case 'byte':
      return reader.uint8();
    case 'uint16':
      return reader.uint16();
    case 'uint32':
      return reader.uint32();
    case 'varint':
      return reader.varint();
    case 'text':
      return reader.text();
    case 'pair':
      return [reader.text(), reader.text()];
    case 'bytes':
      return reader.binary();
  }
}

function checkValue(name: PropertyName, { rule }: PropertyRow, value: Value): void {
  if (rule === 'flag' && value !== 0 && value !== 1) {
    protocolError(`the property ${name} is ${String(value)}, not 0 or 1`);
  }
  if (rule === 'positive' && value === 0) protocolError(`the property ${name} is 0`);
}
