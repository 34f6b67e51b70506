import type { BindingIndex } from '../binding-index.ts';
import type { Destination, LiveBinding } from '../live-binding.ts';

/**
 * The bindings of an exchange, one per destination, in an order that depends on the names alone, so that it is the same
 * after a restart. Of several to one destination the first is taken that `better` does not find wanting. Made anew
 * when it is needed after a change.
 */
export class OnePerDestination {
  readonly #index: BindingIndex;
  readonly #better: (one: LiveBinding, other: LiveBinding) => boolean;
  #list: LiveBinding[] | undefined;

  constructor(
    index: BindingIndex,
    better: (one: LiveBinding, other: LiveBinding) => boolean = () => false,
  ) {
    this.#index = index;
    this.#better = better;
  }

  changed(): void {
    this.#list = undefined;
  }

  list(): readonly LiveBinding[] {
    this.#list ??= this.#make();
    return this.#list;
  }

  #make(): LiveBinding[] {
    const best = new Map<Destination, LiveBinding>();
    this.#index.visitAll({
      visit: (binding) => {
        const known = best.get(binding.destination);
        if (known === undefined || this.#better(binding, known)) {
          best.set(binding.destination, binding);
        }
      },
    });
    return [...best.values()].sort(byDestination);
  }
}

function byDestination(a: LiveBinding, b: LiveBinding): number {
  const { kind, name } = a.destination;
  if (name !== b.destination.name) return name < b.destination.name ? -1 : 1;
  return kind < b.destination.kind ? -1 : 1;
}
