import type { BindingIndex } from '../binding-index.ts';
import type { RoutingFacts } from '../exchanges.ts';
import type { BindingVisitor, LiveBinding } from '../live-binding.ts';
import { GlobIndex } from './glob-index.ts';
import { isGlob } from './glob-pattern.ts';
import type { Router } from './router.ts';

/** The argument of a binding that takes its key as it stands, whatever is in it. */
const EXACT = 'exact';
const EXACT_TEXT = '{"exact":true}';

/**
 * Patterns as Redis knows them (`glob-pattern.ts`). Keys that stand for themselves alone are found by the index of
 * bindings; only the others are tried, each once, however many bindings have it.
 */
export class GlobRouter implements Router {
  readonly dependsOn = 'key';
  readonly #index: BindingIndex;
  readonly #globs = new GlobIndex();

  constructor(index: BindingIndex) {
    this.#index = index;
  }

  add(binding: LiveBinding): void {
    const { routingKey } = binding;
    if (isGlob(routingKey) && !isExact(binding)) this.#globs.add(routingKey);
  }

  remove({ routingKey }: LiveBinding): void {
    if (!this.#index.hasKey(routingKey)) this.#globs.delete(routingKey);
  }

  route(routingKeys: readonly string[], _facts: RoutingFacts, found: BindingVisitor): void {
    for (const key of routingKeys) {
      this.#index.visitKey(key, isGlob(key) ? exactOnly(found, true) : found);
      this.#globs.match(key, (pattern) => this.#index.visitKey(pattern, exactOnly(found, false)));
    }
  }
}

/** A pattern may be bound as such and as it stands. */
function exactOnly(found: BindingVisitor, exact: boolean): BindingVisitor {
  return {
    visit: (binding) => {
      if (isExact(binding) === exact) found.visit(binding);
    },
  };
}

function isExact(binding: LiveBinding): boolean {
  const { argumentsText: text } = binding;
  // As nearly all of them look, and cheaper than to read it.
  if (text === '' || text === EXACT_TEXT) return text !== '';
  return text.includes(EXACT) && binding.arguments[EXACT] === true;
}
