/**
 * Filters of subscriptions, in the language of SNS filter policies. A policy is compiled once and then matches in time that grows
 * with the message, not with what a hostile policy makes of it; no regular expression is made of a client's text.
 */
import { BodyRule } from './body-rule.ts';
import type { MessageBody } from './message-body.ts';
import { isMet, type Scalar, type Test } from './patterns.ts';
import { type FilterScope, type Rule, readPolicy } from './policy.ts';

export type { FilterScope } from './policy.ts';

/** What filters look at. A message without a body that is a JSON object matches no filter of bodies. */
export interface FilterSubject {
  /** Numbers are compared as numbers, of lists any element counts; bytes and tables are as if they were not there. */
  attributes(): ReadonlyMap<string, unknown>;
  body(): MessageBody | undefined;
}

export interface Filter {
  readonly scope: FilterScope;
  matches(subject: FilterSubject): boolean;
}

/** Compiles a policy: JSON or its text. Throws `FilterPolicyError` in the words of AWS. */
export function compileFilterPolicy(policy: unknown, scope: FilterScope): Filter {
  const rules = readPolicy(policy, scope);
  return scope === 'attributes' ? new AttributesFilter(rules) : new BodyFilter(rules);
}

class BodyFilter implements Filter {
  readonly scope = 'body';
  readonly #rules: readonly BodyRule[];

  constructor(rules: readonly Rule[]) {
    this.#rules = rules.map((rule) => new BodyRule(rule));
  }

  matches(subject: FilterSubject): boolean {
    const body = subject.body();
    if (body === undefined) return false;
    for (const rule of this.#rules) if (rule.matches(body)) return true;
    return false;
  }
}

class AttributesFilter implements Filter {
  readonly scope = 'attributes';
  readonly #rules: readonly (readonly AttributeTest[])[];

  constructor(rules: readonly Rule[]) {
    this.#rules = rules.map((rule) => Array.from(rule, ([name, test]) => ({ name, test })));
  }

  matches(subject: FilterSubject): boolean {
    const attributes = subject.attributes();
    for (const rule of this.#rules) if (isRuleMet(rule, attributes)) return true;
    return false;
  }
}

interface AttributeTest {
  readonly name: string;
  readonly test: Test;
}

function isRuleMet(
  rule: readonly AttributeTest[],
  attributes: ReadonlyMap<string, unknown>,
): boolean {
  for (const { name, test } of rule) {
    if (!isAttributeMet(test, attributes.get(name))) return false;
  }
  return true;
}

function isAttributeMet(test: Test, value: unknown): boolean {
  if (!Array.isArray(value)) {
    const scalar = scalarOf(value);
    return scalar === undefined ? test.absent : isMet(test, scalar);
  }
  let found = false;
  for (const element of value) {
    const scalar = scalarOf(element);
    if (scalar === undefined) continue;
    if (isMet(test, scalar)) return true;
    found = true;
  }
  return test.absent && !found;
}

/** Undefined: nothing to compare. */
function scalarOf(value: unknown): Scalar | undefined {
  switch (typeof value) {
    case 'string':
    case 'number':
    case 'boolean':
      return value;
    case 'bigint':
      return Number(value);
    default:
      return value === null ? null : undefined;
  }
}
