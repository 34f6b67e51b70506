import type { BindingIndex } from '../binding-index.ts';
import type { RoutingFacts } from '../exchanges.ts';
import type { BindingVisitor, LiveBinding } from '../live-binding.ts';
import type { Router } from './router.ts';
import { hasWildcard, TopicTrie } from './topic-trie.ts';

/**
 * Patterns of words with `*` for one word and `#` for any number of them. A pattern without wildcards is found by the
 * index as it stands; only the others are in the trie, each once, however many bindings have it.
 */
export class TopicRouter implements Router {
  readonly dependsOn = 'key';
  readonly #index: BindingIndex;
  readonly #trie = new TopicTrie();

  constructor(index: BindingIndex) {
    this.#index = index;
  }

  add({ routingKey }: LiveBinding): void {
    if (hasWildcard(routingKey)) this.#trie.add(routingKey);
  }

  remove({ routingKey }: LiveBinding): void {
    if (!this.#index.hasKey(routingKey)) this.#trie.delete(routingKey);
  }

  route(routingKeys: readonly string[], _facts: RoutingFacts, found: BindingVisitor): void {
    for (const key of routingKeys) {
      // A key that reads like a pattern matches itself, so this finds no binding too many.
      this.#index.visitKey(key, found);
      this.#trie.match(key, (pattern) => {
        if (pattern !== key) this.#index.visitKey(pattern, found);
      });
    }
  }
}
