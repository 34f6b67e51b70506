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
  binding: LiveBinding;
  any: boolean;
  names: readonly string[];
  /** Beside the names; null asks for presence alone. */
  values: readonly unknown[];
}

/** All conditions of the exchange, laid out so that a message's headers are looked up once each. */
interface Plan {
  /** Names that any condition asks for. */
  names: readonly string[];
  checks: readonly Check[];
}

interface Check extends Conditions {
  /** Beside the values: the positions of their names in the plan. */
  places: readonly number[];
}

export class HeadersRouter implements Router {
  readonly dependsOn = 'message';
  readonly #conditions = new Map<LiveBinding, Conditions>();
  /** Made when it is needed after a change. */
  #plan: Plan | undefined;

  add(binding: LiveBinding): void {
    this.#conditions.set(binding, conditionsOf(binding));
    this.#plan = undefined;
  }

  remove(binding: LiveBinding): void {
    this.#conditions.delete(binding);
    this.#plan = undefined;
  }

  route(_routingKeys: readonly string[], facts: RoutingFacts, found: BindingVisitor): void {
    if (this.#conditions.size === 0) return;
    const headers = facts.headers();
    this.#plan ??= planOf([...this.#conditions.values()]);
    const { names, checks } = this.#plan;
    const present = names.map((name) => headers.get(name));
    for (const check of checks) if (matches(check, present)) found.visit(check.binding);
  }
}

function planOf(all: readonly Conditions[]): Plan {
  const places = new Map<string, number>();
  const placeOf = (name: string) => {
    const place = places.get(name) ?? places.size;
    places.set(name, place);
    return place;
  };
  const checks = all.map((conditions) => ({
    ...conditions,
    places: conditions.names.map(placeOf),
  }));
  return { names: [...places.keys()], checks };
}

function conditionsOf(binding: LiveBinding): Conditions {
  const declared = binding.arguments;
  const match = declared[X_MATCH];
  const withX = match === 'all-with-x' || match === 'any-with-x';
  const entries = Object.entries(declared).filter(([name]) => {
    return name !== X_MATCH && (withX || !name.startsWith('x-'));
  });
  return {
    binding,
    any: match === 'any' || match === 'any-with-x',
    names: entries.map(([name]) => name),
    values: entries.map(([, value]) => value),
  };
}

function matches({ any, places, values }: Check, present: readonly unknown[]): boolean {
  for (let at = 0; at < places.length; at++) {
    if (isMet(values[at], present[places[at]!]) === any) return any;
  }
  return !any;
}

/** A header without a value is there too. */
function isMet(wanted: unknown, value: unknown): boolean {
  if (value === wanted) return true;
  if (value === undefined) return false;
  if (wanted === null) return true;
  // Most are texts or numbers: then nothing else can make them equal.
  if (typeof value === typeof wanted && typeof value !== 'object') return false;
  return sameValue(wanted, value);
}
