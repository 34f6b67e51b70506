import type { BindingIndex } from '../binding-index.ts';
import type { RoutingFacts } from '../exchanges.ts';
import type { BindingVisitor } from '../live-binding.ts';
import { OnePerDestination } from './one-per-destination.ts';
import type { Router } from './router.ts';

/** One of the destinations, by chance. */
export class RandomRouter implements Router {
  readonly dependsOn = 'message';
  readonly #destinations: OnePerDestination;
  readonly #randomInteger: (end: number) => number;

  constructor(index: BindingIndex, randomInteger: (end: number) => number) {
    this.#destinations = new OnePerDestination(index);
    this.#randomInteger = randomInteger;
  }

  add(): void {
    this.#destinations.changed();
  }

  remove(): void {
    this.#destinations.changed();
  }

  route(_routingKeys: readonly string[], _facts: RoutingFacts, found: BindingVisitor): void {
    const list = this.#destinations.list();
    if (list.length > 0) found.visit(list[this.#randomInteger(list.length)]!);
  }
}
