/**
 * Turns the text of a schema table into plans: one object per field with its type, versions and default.
 * Reading a table happens once per API; a malformed line is a defect of the table and throws `TypeError`.
 */
import type { Primitive, StructSpec } from './spec.ts';

export const ZERO_UUID = '00000000-0000-0000-0000-000000000000';

export interface FieldPlan {
  readonly name: string;
  readonly type: Primitive | 'struct';
  readonly isArray: boolean;
  /** First and last version that have the field, inclusive. */
  readonly since: number;
  readonly until: number;
  /** First version in which it may be null; Infinity if none. */
  readonly nullSince: number;
  /** Number of a tagged field, null for an ordinary one. */
  readonly tag: number | null;
  /** What a reader gets where the field is absent, and a writer takes when it is left out. */
  readonly default: unknown;
  /** Whether the table gives the default itself, so that a writer may leave the field out. */
  readonly isOptional: boolean;
  /** The fields of a struct, empty otherwise. */
  readonly fields: readonly FieldPlan[];
}

const LINE =
  /^(\w+?)(\[\])?(\?)?(?: (\d+)(\+|-\d+))?(?: null (\d+)\+)?(?: tag (\d+))?(?: = (\S+))?$/;

const IMPLIED_DEFAULTS: Record<Primitive, unknown> = {
  boolean: false,
  int8: 0,
  int16: 0,
  uint16: 0,
  int32: 0,
  uint32: 0,
  int64: 0,
  float64: 0,
  string: '',
  uuid: ZERO_UUID,
  bytes: Buffer.alloc(0),
  records: null,
};

interface Range {
  readonly since: number;
  readonly until: number;
}

export function planStruct(spec: StructSpec, within: Range): readonly FieldPlan[] {
  const plans: FieldPlan[] = [];
  for (const [name, field] of Object.entries(spec)) {
    if (name === '$' || field === undefined) continue;
    const plan = planField(name, field, within);
    if (plan.since <= plan.until) plans.push(plan);
  }
  return plans;
}

function planField(name: string, spec: string | StructSpec, within: Range): FieldPlan {
  const line = typeof spec === 'string' ? spec : (spec.$ ?? '');
  const match = LINE.exec(line);
  if (match === null) throw new TypeError(`field ${name}: cannot read "${line}"`);
  const [, word = '', brackets, mark, first, last, nullFirst, tag, fallback] = match;
  const since = Math.max(first === undefined ? 0 : Number(first), within.since);
  const until = Math.min(!last || last === '+' ? Infinity : Number(last.slice(1)), within.until);
  const isArray = brackets !== undefined || word === 'array';
  const type = typeof spec === 'string' ? primitive(name, word) : 'struct';
  const fields = typeof spec === 'string' ? [] : planStruct(spec, { since, until });
  return {
    name,
    type,
    isArray,
    since,
    until,
    nullSince: mark === '?' ? since : nullFirst === undefined ? Infinity : Number(nullFirst),
    tag: tag === undefined ? null : Number(tag),
    default:
      fallback === undefined ? impliedDefault(type, isArray, fields) : parseDefault(type, fallback),
    isOptional: fallback !== undefined || tag !== undefined || first !== undefined,
    fields,
  };
}

function primitive(name: string, word: string): Primitive {
  if (!Object.hasOwn(IMPLIED_DEFAULTS, word)) {
    throw new TypeError(`field ${name}: there is no type "${word}"`);
  }
  return word as Primitive;
}

function impliedDefault(
  type: FieldPlan['type'],
  isArray: boolean,
  fields: readonly FieldPlan[],
): unknown {
  if (isArray) return Object.freeze([]);
  if (type !== 'struct') return IMPLIED_DEFAULTS[type];
  return Object.freeze(defaultsOf(fields));
}

/** A struct in which every field has its default. */
export function defaultsOf(fields: readonly FieldPlan[]): Record<string, unknown> {
  return Object.fromEntries(fields.map((field) => [field.name, field.default]));
}

function parseDefault(type: FieldPlan['type'], text: string): unknown {
  if (text === 'null') return null;
  if (type === 'boolean') return text === 'true';
  return type === 'string' || type === 'uuid' ? text : Number(text);
}
