/**
 * The bindings whose arguments the message's headers match: `x-match` says whether all arguments must (the default)
 * or any. Arguments that start with `x-` are directions, not conditions, unless it says `all-with-x` or `any-with-x`.
 * An argument without a value asks only that the header is there. With no condition at all, `all` takes every message
 * and `any` none.
 */
import type { RoutingFacts } from '../exchanges.ts';
import type { BindingVisitor, LiveBinding } from '../live-binding.ts';
import type { Router } from './router.ts';
import { sameValue } from './same-value.ts';

export const X_MATCH = 'x-match';
export const MATCH_KINDS: readonly unknown[] = ['all', 'any', 'all-with-x', 'any-with-x'];

interface Conditions {
  any: boolean;
  names: readonly string[];
  /** Beside the names; null asks for presence alone. */
  values: readonly unknown[];
}

export class HeadersRouter implements Router {
  readonly dependsOn = 'message';
  readonly #conditions = new Map<LiveBinding, Conditions>();

  add(binding: LiveBinding): void {
    this.#conditions.set(binding, conditionsOf(binding));
  }

  remove(binding: LiveBinding): void {
    this.#conditions.delete(binding);
  }

  route(_routingKeys: readonly string[], facts: RoutingFacts, found: BindingVisitor): void {
    if (this.#conditions.size === 0) return;
    const headers = facts.headers();
    for (const [binding, conditions] of this.#conditions) {
      if (matches(conditions, headers)) found.visit(binding);
    }
  }
}

function conditionsOf(binding: LiveBinding): Conditions {
  const declared = binding.arguments;
  const match = declared[X_MATCH];
  const withX = match === 'all-with-x' || match === 'any-with-x';
  const entries = Object.entries(declared).filter(([name]) => {
    return name !== X_MATCH && (withX || !name.startsWith('x-'));
  });
  return {
    any: match === 'any' || match === 'any-with-x',
    names: entries.map(([name]) => name),
    values: entries.map(([, value]) => value),
  };
}

function matches(
  { any, names, values }: Conditions,
  headers: ReadonlyMap<string, unknown>,
): boolean {
  for (let at = 0; at < names.length; at++) {
    const value = headers.get(names[at]!);
    const wanted = values[at];
    // A header without a value is there too.
    const same =
      value === undefined ? false : wanted === null || value === wanted || sameValue(wanted, value);
    if (same === any) return any;
  }
  return !any;
}
