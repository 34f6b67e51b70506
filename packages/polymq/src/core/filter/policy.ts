/**
 * Reads a policy into rules, one of which a message must meet whole. Keys of nested objects are joined by dots, as AWS does; each
 * alternative of a `$or` is a rule of its own:
 *
 *   {"a": {"b": [1]}, "$or": [{"c": [2]}, {"d": [3]}]}   ─►   a.b=1 and c=2   or   a.b=1 and d=3
 *
 * AWS counts how many combinations of values a policy stands for, a value at depth d d times. That is at most 150, which is also
 * why rules can be written out: there are never more of them than combinations.
 */
import { FilterPolicyError } from './filter-policy-error.ts';
import { readTest, type Test } from './patterns.ts';

export type FilterScope = 'attributes' | 'body';

/** Tests by path: all must be met. */
export type Rule = ReadonlyMap<string, Test>;

const POLICY_BYTES_MAX = 256 * 1024;
const KEYS_MAX = 5;
const COMBINATIONS_MAX = 150;
/** Keys that one rule looks at. `$or` and keys with dots get around the other limits. */
const PATHS_MAX = 30;
const OR = '$or';
/** Names that AWS does not take inside `$or`, since they look like operators. */
const RESERVED: ReadonlySet<string> = new Set([
  ...['exactly', 'equals-ignore-case', 'prefix', 'suffix', 'anything-but', 'exists', 'wildcard'],
  ...['numeric', 'cidr', '=', '<', '<=', '>', '>=', 'regex', 'not-wildcard'],
  ...['not-equals-ignore-case', 'date-after', 'date-on-or-after', 'date-before'],
  ...['date-on-or-before', 'in-date-range', 'ip-address-in-range', 'ip-address-not-in-range'],
]);

interface Leaf {
  path: string;
  /** 1 at the top. */
  depth: number;
  valueCount: number;
  test: Test;
}

type Term = Leaf | { alternatives: Term[][] };

/** Throws `FilterPolicyError`. An empty policy is one rule that asks for nothing. */
export function readPolicy(policy: unknown, scope: FilterScope): Rule[] {
  const parsed = typeof policy === 'string' ? parse(policy) : policy;
  if (!isObject(parsed)) throw new FilterPolicyError('Filter is not an object');
  const keyCount = Object.keys(parsed).length;
  if (keyCount === 0) return [new Map()];
  if (keyCount > KEYS_MAX) {
    throw new FilterPolicyError(`Filter policy can not have more than ${KEYS_MAX} keys`);
  }
  const terms = readTerms(parsed, { prefix: '', depth: 1, inOr: false });
  if (scope === 'attributes' && isNested(terms)) {
    throw new FilterPolicyError(
      'Filter policy scope MessageAttributes does not support nested filter policy',
      '',
    );
  }
  if (combinationsOf(terms, 1) > COMBINATIONS_MAX) throw tooComplex();
  const rules = terms.reduce(withTerm, [new Map<string, Test>()]);
  if (rules.some(({ size }) => size > PATHS_MAX)) throw tooComplex();
  return rules;
}

function parse(text: string): unknown {
  if (Buffer.byteLength(text) > POLICY_BYTES_MAX) {
    throw new FilterPolicyError(`Filter policy can not be larger than ${POLICY_BYTES_MAX} bytes`);
  }
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new FilterPolicyError('failed to parse JSON.');
  }
}

interface Place {
  prefix: string;
  depth: number;
  inOr: boolean;
}

function readTerms(object: Readonly<Record<string, unknown>>, place: Place): Term[] {
  // A single value so deep is as many combinations.
  if (place.depth > COMBINATIONS_MAX) throw tooComplex();
  const entries = Object.entries(object);
  if (entries.length === 0) throw new FilterPolicyError('Empty objects are not allowed');
  return entries.flatMap(([name, value]) => {
    if (name === OR) return [{ alternatives: readAlternatives(value, place) }];
    if (place.inOr && RESERVED.has(name)) {
      throw new FilterPolicyError(
        `${name} is Ruler reserved fieldName which cannot be used inside $or.`,
      );
    }
    const path = place.prefix + name;
    if (Array.isArray(value)) {
      const test = readTest(value);
      return [{ path, depth: place.depth, valueCount: value.length, test }];
    }
    if (!isObject(value)) {
      throw new FilterPolicyError(`"${name}" must be an object or an array`);
    }
    return readTerms(value, { ...place, prefix: `${path}.`, depth: place.depth + 1 });
  });
}

function readAlternatives(value: unknown, place: Place): Term[][] {
  if (!Array.isArray(value)) {
    throw new FilterPolicyError('It must be an Array followed with $or.');
  }
  const alternatives = value.map((alternative: unknown) => {
    if (isObject(alternative)) return readTerms(alternative, { ...place, inOr: true });
    throw new FilterPolicyError('Only JSON object is allowed in array of $or relationship.');
  });
  if (alternatives.length >= 2) return alternatives;
  throw new FilterPolicyError('There must have at least 2 Objects in $or relationship.');
}

function isNested(terms: readonly Term[]): boolean {
  return terms.some((term) => ('test' in term ? term.depth > 1 : term.alternatives.some(isNested)));
}

function combinationsOf(terms: readonly Term[], before: number): number {
  let combinations = before;
  for (const term of terms) {
    if ('test' in term) combinations *= term.valueCount * term.depth;
    else {
      const base = combinations;
      combinations = 0;
      for (const one of term.alternatives) combinations += combinationsOf(one, base);
    }
  }
  return combinations;
}

/** A path that comes again counts as it stands last. */
function withTerm(rules: Map<string, Test>[], term: Term): Map<string, Test>[] {
  if ('test' in term) {
    for (const rule of rules) rule.set(term.path, term.test);
    return rules;
  }
  return term.alternatives.flatMap((alternative) =>
    alternative.reduce(
      withTerm,
      rules.map((rule) => new Map(rule)),
    ),
  );
}

function tooComplex(): FilterPolicyError {
  return new FilterPolicyError('Filter policy is too complex');
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
