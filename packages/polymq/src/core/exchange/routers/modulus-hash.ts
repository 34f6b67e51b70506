import type { BindingIndex } from '../binding-index.ts';
import type { RoutingFacts } from '../exchanges.ts';
import type { BindingVisitor } from '../live-binding.ts';
import { hashOf } from './hash.ts';
import { OnePerDestination } from './one-per-destination.ts';
import type { Router } from './router.ts';

/** The destination whose number is the hash of the routing key modulo their count: even, but not stable. */
export class ModulusHashRouter implements Router {
  readonly dependsOn = 'key';
  readonly #destinations: OnePerDestination;

  constructor(index: BindingIndex) {
    this.#destinations = new OnePerDestination(index);
  }

  add(): void {
    this.#destinations.changed();
  }

  remove(): void {
    this.#destinations.changed();
  }

  route(routingKeys: readonly string[], _facts: RoutingFacts, found: BindingVisitor): void {
    const list = this.#destinations.list();
    if (list.length > 0) found.visit(list[hashOf(routingKeys[0] ?? '') % list.length]!);
  }
}
