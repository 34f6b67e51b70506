import { describe, expect, it } from 'vitest';
import { planStruct, ZERO_UUID } from './plan.ts';
import { APIS } from './registry.ts';
import type { StructSpec } from './spec.ts';

const ALL = { since: 0, until: 9 };

function planOf(spec: StructSpec) {
  return planStruct(spec, ALL)[0]!;
}

describe('a line of a schema table', () => {
  it('stands for a field of all versions when it is only a type', () => {
    expect(planOf({ a: 'int32' })).toMatchObject({
      name: 'a',
      type: 'int32',
      since: 0,
      until: 9,
      nullSince: Infinity,
      tag: null,
      default: 0,
      isOptional: false,
    });
  });

  it.each([
    ['int64 3+ = -1', { since: 3, until: 9, default: -1, isOptional: true }],
    ['string 2-4', { since: 2, until: 4, default: '' }],
    ['string? 5+ = null', { since: 5, nullSince: 5, default: null }],
    ['string null 7+', { since: 0, nullSince: 7, isOptional: false }],
    ['string 2-5 null 3+', { since: 2, until: 5, nullSince: 3 }],
    ['boolean 4+ = true', { default: true }],
    ['uuid 6+', { default: ZERO_UUID }],
    ['int32 1+ tag 12', { tag: 12, isOptional: true }],
    ['records?', { default: null, nullSince: 0 }],
    ['int16[] 1+', { isArray: true, default: [] }],
  ] as const)('%j', (line, expected) => {
    expect(planOf({ a: line })).toMatchObject(expected);
  });

  it('narrows the versions of the fields inside a struct', () => {
    const plan = planOf({ a: { $: 'array 3-6', b: 'int8', c: 'int8 5+', d: 'int8 7+' } });
    expect(plan.fields.map(({ name, since, until }) => [name, since, until])).toEqual([
      ['b', 3, 6],
      ['c', 5, 6],
    ]);
  });

  it('gives an absent struct the defaults of its fields', () => {
    const plan = planOf({ a: { $: 'struct 3+', b: 'int32 = -1', c: 'string' } });
    expect(plan.default).toEqual({ b: -1, c: '' });
  });

  it.each(['int33', 'string 1', 'string ? 1+', 'int32 tag', 'int32 = ', 'int32 tag 1 2+'])(
    '%j is a defect of the table',
    (line) => {
      expect(() => planOf({ a: line } as unknown as StructSpec)).toThrow(TypeError);
    },
  );
});

describe('the schema tables', () => {
  it.each(APIS.map((api) => [api.name, api] as const))('can all be read: %s', (_name, api) => {
    const range = { since: api.versions[0], until: api.versions[1] };
    for (const side of ['request', 'response'] as const) {
      const fields = Object.keys(api[side]);
      expect(planStruct(api[side], range).map((plan) => plan.name)).toEqual(fields);
    }
  });
});
