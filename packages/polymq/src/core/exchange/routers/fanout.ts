import type { BindingIndex } from '../binding-index.ts';
import type { RoutingFacts } from '../exchanges.ts';
import type { BindingVisitor } from '../live-binding.ts';
import type { Router } from './router.ts';

/** All bindings. */
export class FanoutRouter implements Router {
  readonly dependsOn = 'nothing';
  readonly #index: BindingIndex;

  constructor(index: BindingIndex) {
    this.#index = index;
  }

  add(): void {}

  remove(): void {}

  route(_routingKeys: readonly string[], _facts: RoutingFacts, found: BindingVisitor): void {
    this.#index.visitAll(found);
  }
}
