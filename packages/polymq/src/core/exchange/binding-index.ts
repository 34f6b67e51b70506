/**
 * The bindings of one source, found by routing key, destination and arguments in three steps, each of which is a map
 * only when there is more than one to tell apart:
 *
 *   routing key ──► binding                                         one binding with that key: nothing else is made
 *               └─► destination ──► binding                         several destinations
 *                               └─► arguments ──► binding           the same key and destination, other arguments
 *
 * So a queue may have 100,000 keys and a key 100,000 queues, and to find, add or remove one of them is still a look-up.
 */
import type { BindingVisitor, Destination, LiveBinding } from './live-binding.ts';

type ByArguments = Map<string, LiveBinding>;
type ByDestination = Map<Destination, LiveBinding | ByArguments>;

export class BindingIndex {
  readonly #byKey = new Map<string, LiveBinding | ByDestination>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  hasKey(routingKey: string): boolean {
    return this.#byKey.has(routingKey);
  }

  get(
    routingKey: string,
    destination: Destination,
    argumentsText: string,
  ): LiveBinding | undefined {
    const first = this.#byKey.get(routingKey);
    if (first === undefined) return undefined;
    const second = first instanceof Map ? first.get(destination) : first;
    if (second instanceof Map) return second.get(argumentsText);
    if (second === undefined || second.destination !== destination) return undefined;
    return second.argumentsText === argumentsText ? second : undefined;
  }

  /** The binding must not be there. */
  add(binding: LiveBinding): void {
    const { routingKey, destination } = binding;
    const known = this.#byKey.get(routingKey);
    this.#size += 1;
    if (known === undefined) {
      this.#byKey.set(routingKey, binding);
      return;
    }
    let destinations: ByDestination;
    if (known instanceof Map) {
      destinations = known;
    } else {
      destinations = new Map([[known.destination, known]]);
      this.#byKey.set(routingKey, destinations);
    }
    const beside = destinations.get(destination);
    if (beside === undefined) destinations.set(destination, binding);
    else if (beside instanceof Map) beside.set(binding.argumentsText, binding);
    else {
      const both = [beside, binding].map((one) => [one.argumentsText, one] as const);
      destinations.set(destination, new Map(both));
    }
  }

  /** The binding must be there. */
  delete(binding: LiveBinding): void {
    const { routingKey, destination } = binding;
    const known = this.#byKey.get(routingKey)!;
    this.#size -= 1;
    if (!(known instanceof Map)) {
      this.#byKey.delete(routingKey);
      return;
    }
    const beside = known.get(destination);
    if (beside instanceof Map) {
      beside.delete(binding.argumentsText);
      if (beside.size > 0) return;
    }
    known.delete(destination);
    if (known.size === 0) this.#byKey.delete(routingKey);
  }

  /** Shows the bindings with that very key. */
  visitKey(routingKey: string, visitor: BindingVisitor): void {
    const first = this.#byKey.get(routingKey);
    if (first === undefined) return;
    if (first instanceof Map) visitDestinations(first, visitor);
    else visitor.visit(first);
  }

  visitAll(visitor: BindingVisitor): void {
    for (const first of this.#byKey.values()) {
      if (first instanceof Map) visitDestinations(first, visitor);
      else visitor.visit(first);
    }
  }

  /** A copy, so that bindings may be removed while going through it. */
  list(): LiveBinding[] {
    const all: LiveBinding[] = [];
    this.visitAll({ visit: (binding) => all.push(binding) });
    return all;
  }
}

function visitDestinations(destinations: ByDestination, visitor: BindingVisitor): void {
  for (const second of destinations.values()) {
    if (!(second instanceof Map)) visitor.visit(second);
    else for (const binding of second.values()) visitor.visit(binding);
  }
}
