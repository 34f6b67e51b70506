/** Policies and messages over few names and values, so that they meet often, compared with a matcher that tries everything. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileFilterPolicy, type FilterScope, type FilterSubject } from './filter.ts';
import { FilterPolicyError } from './filter-policy-error.ts';
import { readMessageBody } from './message-body.ts';
import { naiveAttributes, naiveBody, naiveValue } from './testing/naive-filter.ts';
import { compileWildcard } from './wildcard.ts';

const SEED = { seed: 20261122 };
const name = fc.constantFrom('a', 'b', 'c', 'a.b', 'b.c', '');
const word = fc.string({ unit: fc.constantFrom('a', 'b', 'A'), maxLength: 4 });
const address = fc.constantFrom('10.0.0.1', '10.0.0.9', '10.0.1.1', '192.168.0.1');
const number = fc.constantFrom(-1, 0, 1, 2, 2.5);
const scalar = fc.oneof(word, address, number, fc.boolean(), fc.constant(null));

const wildcardText = fc
  .array(fc.constantFrom('a', 'b', 'ab', '*', '\\*', '\\\\'), { maxLength: 6 })
  .map((parts) => parts.join('').replace(/\*{2,}/g, '*'));
const oneOrMore = (texts: fc.Arbitrary<string>) =>
  fc.oneof(texts, fc.array(texts, { minLength: 1, maxLength: 3 }));
const someWord = word.filter((text) => text !== '');

const operator = fc.oneof(
  fc.record({ prefix: word }),
  fc.record({ suffix: word }),
  fc.record({ 'equals-ignore-case': word }),
  fc.record({ wildcard: wildcardText }),
  fc.record({ exists: fc.boolean() }),
  fc.record({ cidr: fc.constantFrom('10.0.0.0/24', '10.0.0.0/29', '0.0.0.0/0', '10.0.0.8/13') }),
  fc.record({ numeric: fc.tuple(fc.constantFrom('=', '<', '<=', '>', '>='), number) }),
  fc.record({
    numeric: fc.tuple(
      fc.constantFrom('>', '>='),
      fc.constantFrom(-1, 0, 1),
      fc.constantFrom('<', '<='),
      fc.constantFrom(2, 2.5),
    ),
  }),
  fc.record({
    'anything-but': fc.oneof(word, number, fc.array(word, { minLength: 1, maxLength: 3 })),
  }),
  fc.record({ 'anything-but': fc.record({ prefix: oneOrMore(someWord) }) }),
  fc.record({ 'anything-but': fc.record({ suffix: oneOrMore(someWord) }) }),
  fc.record({ 'anything-but': fc.record({ 'equals-ignore-case': oneOrMore(word) }) }),
  fc.record({ 'anything-but': fc.record({ wildcard: oneOrMore(wildcardText) }) }),
);
const asked = fc.array(fc.oneof(scalar, operator), { minLength: 1, maxLength: 3 });

const { flat, nested } = fc.letrec<{ flat: object; nested: object }>((tie) => ({
  flat: fc.oneof(
    { maxDepth: 2 },
    fc.dictionary(name, asked, { minKeys: 1, maxKeys: 3 }),
    fc
      .tuple(
        fc.dictionary(name, asked, { maxKeys: 2 }),
        fc.array(tie('flat'), { minLength: 2, maxLength: 3 }),
      )
      .map(([keys, $or]) => ({ ...keys, $or })),
  ),
  nested: fc.oneof(
    { maxDepth: 3 },
    fc.dictionary(name, asked, { minKeys: 1, maxKeys: 3 }),
    fc.dictionary(name, fc.oneof(asked, tie('nested')), { minKeys: 1, maxKeys: 3 }),
    fc
      .tuple(
        fc.dictionary(name, fc.oneof(asked, tie('nested')), { maxKeys: 2 }),
        fc.array(tie('nested'), { minLength: 2, maxLength: 2 }),
      )
      .map(([keys, $or]) => ({ ...keys, $or })),
  ),
}));

const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, depthSize: 'small' },
    scalar,
    fc.dictionary(name, tie('value'), { maxKeys: 3 }),
    fc.array(tie('value'), { maxLength: 3 }),
  ),
}));
const body = fc.dictionary(name, value, { maxKeys: 4 });
const attributes = fc.dictionary(name, fc.oneof(scalar, fc.array(scalar, { maxLength: 3 })), {
  maxKeys: 4,
});

function compiled(
  policy: object,
  scope: FilterScope,
): ((subject: FilterSubject) => boolean) | undefined {
  try {
    const filter = compileFilterPolicy(JSON.stringify(policy), scope);
    return (subject) => filter.matches(subject);
  } catch (error) {
    if (error instanceof FilterPolicyError && /too complex|reserved/.test(error.message))
      return undefined;
    throw error;
  }
}

/** Properties that never met what they are about would hold for nothing. */
function tally(): { count(met: boolean): boolean; check(): void } {
  let met = 0;
  let unmet = 0;
  return {
    count: (one) => {
      if (one) met++;
      else unmet++;
      return one;
    },
    check: () => expect(Math.min(met, unmet)).toBeGreaterThan(100),
  };
}

describe('a filter', () => {
  it('takes of attributes what a naive one takes', () => {
    const { count, check } = tally();
    fc.assert(
      fc.property(flat, attributes, (policy, values) => {
        const matches = compiled(policy, 'attributes');
        if (matches === undefined) return;
        const map = new Map(Object.entries(values));
        const met = matches({ attributes: () => map, body: () => undefined });
        expect(count(met)).toBe(naiveAttributes(policy as Record<string, unknown>, values));
      }),
      { ...SEED, numRuns: 4000 },
    );
    check();
  });

  it('takes of bodies what a naive one takes', () => {
    const { count, check } = tally();
    fc.assert(
      fc.property(nested, body, (policy, message) => {
        const matches = compiled(policy, 'body');
        if (matches === undefined) return;
        const text = JSON.stringify(message);
        const read = readMessageBody(Buffer.from(text));
        const met = matches({ attributes: () => new Map(), body: () => read });
        const expected = naiveBody(policy as Record<string, unknown>, JSON.parse(text) as object);
        expect(count(met)).toBe(expected);
      }),
      { ...SEED, numRuns: 8000 },
    );
    check();
  });

  it('asks objects in arrays for all as a naive one does', () => {
    const { count, check } = tally();
    const few = fc.constantFrom('a', 'b');
    const one = fc.constantFrom(1, 1, 2);
    const leaf = fc.oneof(one, fc.array(one, { maxLength: 2 }));
    const { element } = fc.letrec<{ element: unknown }>((tie) => ({
      element: fc.oneof(
        { maxDepth: 3 },
        leaf,
        fc.dictionary(few, fc.oneof(leaf, tie('element')), { minKeys: 1, maxKeys: 2 }),
        fc.array(tie('element'), { maxLength: 4 }),
      ),
    }));
    const rule = fc.dictionary(few, fc.array(one, { minLength: 1, maxLength: 1 }), { minKeys: 2 });
    const policies = fc.record({ r: fc.oneof(rule, fc.record({ a: rule, b: rule })) });
    const bodies = fc.record({ r: fc.array(element, { maxLength: 6 }) });
    fc.assert(
      fc.property(policies, bodies, (policy, message) => {
        const read = readMessageBody(Buffer.from(JSON.stringify(message)));
        const matches = compiled(policy, 'body');
        if (matches === undefined) return;
        const met = matches({ attributes: () => new Map(), body: () => read });
        expect(count(met)).toBe(naiveBody(policy, message));
      }),
      { ...SEED, numRuns: 6000 },
    );
    check();
  });
});

describe('wildcards', () => {
  it('take what a naive matcher takes', () => {
    const { count, check } = tally();
    const pieces = fc.array(fc.oneof(word, fc.constant('*')), { maxLength: 7 });
    const patterns = pieces.map((parts) => parts.join('').replace(/\*{2,}/g, '*'));
    const texts = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 10 });
    fc.assert(
      fc.property(patterns, texts, (pattern, text) => {
        const met = compileWildcard(pattern).matches(text);
        expect(count(met)).toBe(naiveValue({ wildcard: pattern }, text));
      }),
      { ...SEED, numRuns: 5000 },
    );
    check();
  });

  it('find long pieces', () => {
    const { count, check } = tally();
    const piece = fc.string({ unit: fc.constantFrom('a', 'b'), minLength: 17, maxLength: 24 });
    const around = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 8 });
    fc.assert(
      fc.property(piece, around, around, fc.nat(40), (middle, before, after, cut) => {
        const text = (before + middle + after).slice(cut % 3 === 0 ? cut : 0);
        const met = compileWildcard(`*${middle}*`).matches(text);
        expect(count(met)).toBe(text.includes(middle));
      }),
      { ...SEED, numRuns: 2000 },
    );
    check();
  });

  it('are no slower for text that almost matches again and again', () => {
    const { matches } = compileWildcard(`*${'a'.repeat(100_000)}b*`);
    expect(matches('a'.repeat(1_000_000))).toBe(false);
  });
});
