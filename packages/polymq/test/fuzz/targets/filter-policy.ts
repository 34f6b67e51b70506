import { compileFilterPolicy, type FilterScope } from '../../../src/core/filter/filter.ts';
import { FilterPolicyError } from '../../../src/core/filter/filter-policy-error.ts';
import { readMessageBody } from '../../../src/core/filter/message-body.ts';
import { type FuzzTarget, WrongResult } from '../target.ts';

const POLICIES = [
  { kind: ['a', 1, true, null], price: [{ numeric: ['>', 0, '<=', 100] }] },
  { name: [{ prefix: 'a' }, { suffix: { 'equals-ignore-case': 'b' } }, { wildcard: 'a*b\\*c*' }] },
  { ip: [{ cidr: '10.0.0.0/24' }, { cidr: '2001:db8::/33' }], store: [{ exists: false }] },
  { kind: [{ 'anything-but': ['a', 'b'] }, { 'anything-but': { wildcard: ['*a*', 'b*'] } }] },
  { $or: [{ a: [1] }, { b: { c: ['x'] } }], Records: { s3: { key: ['k'] }, name: ['Put'] } },
];
const BODIES = [
  '{"kind":"a","price":5,"name":"axb*cy","ip":"10.0.0.7","store":null}',
  '{"a":1,"b":{"c":"x"},"Records":[{"s3":{"key":"k"},"name":"Put"},[[{"name":"Put"}]]],"b.c":"x"}',
];

/** A policy, a line end, and a body: whatever they are, the policy is refused or the filter answers. */
export function filterPolicy(): FuzzTarget {
  return {
    name: 'filter-policy',
    seeds: () =>
      POLICIES.flatMap((policy) =>
        BODIES.map((body) => Buffer.from(`${JSON.stringify(policy)}\n${body}`)),
      ),
    run: (input) => {
      const end = input.indexOf('\n');
      const policy = input.toString('utf8', 0, end < 0 ? input.length : end);
      const bytes = end < 0 ? Buffer.alloc(0) : input.subarray(end + 1);
      const body = readMessageBody(bytes);
      const attributes = new Map<string, unknown>(Object.entries(body?.value ?? {}));
      for (const scope of ['body', 'attributes'] as FilterScope[]) {
        const filter = compileFilterPolicy(policy, scope);
        const matches = filter.matches({ attributes: () => attributes, body: () => body });
        if (matches && scope === 'body' && body === undefined) {
          throw new WrongResult('a filter of bodies took what has none');
        }
      }
    },
    allows: (error) => error instanceof FilterPolicyError,
    memoryBytesMax: 0,
  };
}
