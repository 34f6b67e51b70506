/**
 * Field tables as plain JSON values: what declarations are stored as and compared by. What JSON has no form for
 * becomes text; the difference never matters to a declaration.
 */
import type { DeclaredValue, DeclaredValues } from '../../core/queue/queue-definition.ts';
import { FieldDecimal, type FieldTable, FieldTimestamp, type FieldValue } from './methods/row.ts';

export function plainTable(table: FieldTable): DeclaredValues {
  return Object.fromEntries(
    Object.entries(table).map(([name, value]) => [name, plainValue(value)]),
  );
}

export function plainValue(value: FieldValue): DeclaredValue {
  if (value === null || typeof value === 'boolean' || typeof value === 'number') return value;
  if (typeof value === 'string') return value;
  if (typeof value === 'bigint') return Number(value);
  if (Buffer.isBuffer(value)) return value.toString('latin1');
  if (value instanceof FieldTimestamp) return value.timestamp;
  if (value instanceof FieldDecimal) return value.digits / 10 ** value.places;
  if (Array.isArray(value)) return value.map((item: FieldValue) => plainValue(item));
  return plainTable(value as FieldTable);
}

/** RabbitMQ's name for the type of a value, as its errors have it; the width of a number is not kept. */
export function plainType(value: DeclaredValue): string {
  if (typeof value === 'number') return Number.isInteger(value) ? 'signedint' : 'double';
  if (typeof value === 'string') return 'longstr';
  if (typeof value === 'boolean') return 'bool';
  if (value === null) return 'void';
  return Array.isArray(value) ? 'array' : 'table';
}

/** Whether two declared values are the same, whatever the order of their entries. */
export function samePlain(a: DeclaredValue | undefined, b: DeclaredValue | undefined): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  const left = Object.entries(a);
  const right = b as DeclaredValues;
  return (
    left.length === Object.keys(b).length &&
    left.every(([name, value]) => samePlain(value, right[name]))
  );
}
