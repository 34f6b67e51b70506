/**
 * Bodies in which every value occurs once, to be given to somebody else's decoder: if it finds exactly
 * these values, each field stands where it expects it.
 */
import { type FieldPlan, planStruct } from '../../../src/protocols/kafka/codec/plan.ts';
import type { ApiSpec, Primitive } from '../../../src/protocols/kafka/codec/spec.ts';
import type { Body, Side } from './arbitrary.ts';

/** Above any number that a decoder could make up, and so that no byte of one looks like a length. */
const FIRST: Partial<Record<Primitive, number>> = {
  int8: 3,
  int16: 0x2101,
  int32: 0x2100_0001,
  int64: 0x0021_0000_0000,
};

export function fieldsOf(api: ApiSpec, side: Side): readonly FieldPlan[] {
  return planStruct(api[side], { since: api.versions[0], until: api.versions[1] });
}

/** Fields whose names end in `errorCode` are 0: decoders throw at others. */
export function sentinelBody(
  api: ApiSpec,
  side: Side,
  version: number,
  isWanted: (field: FieldPlan) => boolean = () => true,
): Body {
  let serial = 0;
  const primitive = (field: FieldPlan): unknown => {
    if (/errorCode$/i.test(field.name)) return 0;
    serial += 1;
    if (field.type === 'boolean') return true;
    if (field.type === 'string') return `text-${serial}`;
    if (field.type === 'bytes') return Buffer.from(`bytes-${serial}`);
    if (field.type === 'records') return Buffer.alloc(0);
    if (field.type === 'uuid') return `00000000-0000-4000-8000-${String(serial).padStart(12, '0')}`;
    return (FIRST[field.type as Primitive] ?? 1) + serial;
  };
  const struct = (fields: readonly FieldPlan[]): Body =>
    Object.fromEntries(
      presentIn(fields, version)
        .filter(isWanted)
        .map((field) => {
          const one = (): unknown =>
            field.type === 'struct' ? struct(field.fields) : primitive(field);
          return [field.name, field.isArray ? [one(), one()] : one()];
        }),
    );
  return struct(fieldsOf(api, side));
}

function presentIn(fields: readonly FieldPlan[], version: number): readonly FieldPlan[] {
  return fields.filter((field) => version >= field.since && version <= field.until);
}

/** A body with only the fields that the version has. */
export function pick(fields: readonly FieldPlan[], version: number, body: Body): Body {
  return Object.fromEntries(
    presentIn(fields, version)
      .filter((field) => body[field.name] !== undefined)
      .map((field) => [field.name, pickValue(field, version, body[field.name])]),
  );
}

function pickValue(field: FieldPlan, version: number, value: unknown): unknown {
  if (field.type !== 'struct' || value === null) return value;
  if (!Array.isArray(value)) return pick(field.fields, version, value as Body);
  return value.map((item) => pick(field.fields, version, item));
}

/** All values inside, as text; booleans, nothings and zeros left out, for they do not tell fields apart. */
export function leavesOf(value: unknown): string[] {
  if (value === null || value === undefined || typeof value === 'boolean') return [];
  if (Buffer.isBuffer(value)) return value.length === 0 ? [] : [value.toString('latin1')];
  if (value instanceof Map) return [...value].flatMap((pair) => pair.flatMap(leavesOf));
  if (Array.isArray(value)) return value.flatMap(leavesOf);
  if (typeof value === 'object' && !('toBigInt' in value))
    return Object.values(value).flatMap(leavesOf);
  const text = String(value);
  return text === '' || text === '0' ? [] : [text];
}
