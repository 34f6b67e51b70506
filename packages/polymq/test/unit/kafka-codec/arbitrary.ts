/** Random bodies for any API, version and direction, derived from the schema tables themselves. */
import fc from 'fast-check';
import { type FieldPlan, planStruct } from '../../../src/protocols/kafka/codec/plan.ts';
import type { ApiSpec, Primitive } from '../../../src/protocols/kafka/codec/spec.ts';

export type Side = 'request' | 'response';
export type Body = Record<string, unknown>;

const text = fc.string({ unit: 'grapheme', maxLength: 12 });
const bytes = fc.uint8Array({ maxLength: 40 }).map((array) => Buffer.from(array));

const PRIMITIVES: Record<Primitive, fc.Arbitrary<unknown>> = {
  boolean: fc.boolean(),
  int8: fc.integer({ min: -128, max: 127 }),
  int16: fc.integer({ min: -32_768, max: 32_767 }),
  uint16: fc.integer({ min: 0, max: 65_535 }),
  int32: fc.integer(),
  uint32: fc.integer({ min: 0, max: 0xffff_ffff }),
  int64: fc.maxSafeInteger(),
  float64: fc.double({ noNaN: true }),
  string: text,
  uuid: fc.uuid(),
  bytes,
  records: bytes,
};

export function arbitraryBody(api: ApiSpec, side: Side, version: number): fc.Arbitrary<Body> {
  const range = { since: api.versions[0], until: api.versions[1] };
  return struct(planStruct(api[side], range), version);
}

function struct(fields: readonly FieldPlan[], version: number): fc.Arbitrary<Body> {
  return fc.record(Object.fromEntries(fields.map((field) => [field.name, value(field, version)])));
}

function value(field: FieldPlan, version: number): fc.Arbitrary<unknown> {
  if (version < field.since || version > field.until) return fc.constant(field.default);
  const one = field.type === 'struct' ? struct(field.fields, version) : PRIMITIVES[field.type];
  const whole = field.isArray ? fc.array(one, { maxLength: 4 }) : one;
  return version >= field.nullSince ? fc.option(whole, { freq: 4 }) : whole;
}

export function versionsOf(api: ApiSpec): number[] {
  const [first, last] = api.versions;
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}
