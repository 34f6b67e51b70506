/**
 * Live subscribers as ends of bindings. One that a message reaches by several bindings is one target with all their
 * tags, so a search that comes here leaves its number: whether it has met the subscriber or the binding before is seen
 * without a set, also where a route leads to 100,000 of them.
 */
import { BindingEnd, LiveBinding, type Source } from './live-binding.ts';
import type { Receiver, SubscriberTarget } from './subscribers.ts';

export class SubscriberEnd extends BindingEnd {
  readonly kind = 'subscriber' as const;
  readonly namespace: string;
  /** Nobody is shown it, but some exchanges choose among destinations by their names. */
  readonly name: string;
  readonly receiver: Receiver;
  readonly owner: unknown;
  /** The last search that came here, and the tags that it has found so far. */
  #search = 0;
  #tags: unknown[] = [];

  constructor(namespace: string, name: string, receiver: Receiver, owner: unknown) {
    super();
    this.namespace = namespace;
    this.name = name;
    this.receiver = receiver;
    this.owner = owner;
  }

  /** Takes the binding's tag. Returns the target if the search has not been here before. */
  reach(binding: SubscriberBinding, search: number): SubscriberTarget | undefined {
    if (binding.search === search) return undefined;
    binding.search = search;
    if (this.#search === search) {
      this.#tags.push(binding.tag);
      return undefined;
    }
    this.#search = search;
    this.#tags = [binding.tag];
    return { owner: this.owner, tags: this.#tags, note: undefined };
  }
}

/** A binding that leads to a live subscriber. There are no others that do. */
export class SubscriberBinding extends LiveBinding {
  tag: unknown;
  /** The last search that has met it. */
  search = 0;

  constructor(
    source: Source,
    destination: SubscriberEnd,
    rule: { routingKey: string; argumentsText: string; tag: unknown },
  ) {
    const { routingKey, argumentsText, tag } = rule;
    super(source, destination, { routingKey, argumentsText, durable: false });
    this.tag = tag;
  }
}
