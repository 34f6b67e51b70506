/**
 * Messages with the same routing key (or header, or property) go to the same destination, spread by weight: the
 * binding's routing key is a number, and a destination with 2 gets twice as much as one with 1.
 *
 * Each destination draws a number from the hash of its name and the message's key, and the best draw wins:
 *
 *   draw = -ln(hash01(name, key)) / weight             smallest wins (weighted rendezvous hashing)
 *
 * So when a destination comes, it takes only what it wins; when one goes, only what it had goes elsewhere; and the
 * order of bindings does not matter. The cost is one draw per destination, and routes by key are kept anyway.
 */
import type { BindingIndex } from '../binding-index.ts';
import { declaredValue } from '../exchange-rules.ts';
import type { ExchangeDefinition, RoutingFacts } from '../exchanges.ts';
import type { BindingVisitor, LiveBinding } from '../live-binding.ts';
import { hashOf, mix } from './hash.ts';
import { OnePerDestination } from './one-per-destination.ts';
import type { Router } from './router.ts';

const PROPERTIES = {
  message_id: 'message-id',
  correlation_id: 'correlation-id',
  timestamp: 'timestamp',
} as const;

export type HashedProperty = keyof typeof PROPERTIES;

export function isHashedProperty(name: unknown): name is HashedProperty {
  return typeof name === 'string' && Object.hasOwn(PROPERTIES, name);
}

export class ConsistentHashRouter implements Router {
  readonly dependsOn: 'key' | 'message';
  readonly #destinations: OnePerDestination;
  readonly #header: string | undefined;
  readonly #property: HashedProperty | undefined;
  /** Of the destinations, by position in their list. */
  #seeds: Int32Array | undefined;

  constructor(index: BindingIndex, definition: ExchangeDefinition) {
    this.#destinations = new OnePerDestination(index, (one, other) => {
      return Number(one.routingKey) > Number(other.routingKey);
    });
    const header = declaredValue(definition, 'hash-header');
    const property = declaredValue(definition, 'hash-property');
    this.#header = typeof header === 'string' ? header : undefined;
    this.#property = isHashedProperty(property) ? property : undefined;
    this.dependsOn = (this.#header ?? this.#property) ? 'message' : 'key';
  }

  add(): void {
    this.#destinations.changed();
    this.#seeds = undefined;
  }

  remove(): void {
    this.add();
  }

  route(routingKeys: readonly string[], facts: RoutingFacts, found: BindingVisitor): void {
    const list = this.#destinations.list();
    this.#seeds ??= Int32Array.from(list, ({ destination }) => hashOf(destination.name));
    const hash = hashOf(this.#hashed(routingKeys, facts));
    let best: LiveBinding | undefined;
    let bestDraw = Number.POSITIVE_INFINITY;
    for (let at = 0; at < list.length; at++) {
      // Half a step off, so that it is neither 0 nor 1.
      const uniform = (mix(hash ^ this.#seeds[at]!) + 0.5) / 0x1_0000_0000;
      const draw = -Math.log(uniform) / Number(list[at]!.routingKey);
      if (draw >= bestDraw) continue;
      best = list[at]!;
      bestDraw = draw;
    }
    if (best !== undefined) found.visit(best);
  }

  /** Messages without the header or property go to one destination, as if it were empty. */
  #hashed(routingKeys: readonly string[], facts: RoutingFacts): string {
    if (this.#header !== undefined) {
      const value = facts.headers().get(this.#header);
      return typeof value === 'object' && value !== null && !Buffer.isBuffer(value)
        ? (JSON.stringify(value) ?? '')
        : String(value ?? '');
    }
    if (this.#property !== undefined) return facts.property(PROPERTIES[this.#property]) ?? '';
    return routingKeys[0] ?? '';
  }
}
