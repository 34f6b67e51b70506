import type { BindingIndex } from '../binding-index.ts';
import type { RoutingFacts } from '../exchanges.ts';
import type { BindingVisitor } from '../live-binding.ts';
import type { Router } from './router.ts';

/** The bindings whose key is the message's routing key. */
export class DirectRouter implements Router {
  readonly dependsOn = 'key';
  readonly #index: BindingIndex;

  constructor(index: BindingIndex) {
    this.#index = index;
  }

  add(): void {}

  remove(): void {}

  route(routingKeys: readonly string[], _facts: RoutingFacts, found: BindingVisitor): void {
    for (const key of routingKeys) this.#index.visitKey(key, found);
  }
}
