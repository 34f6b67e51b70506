import type { RoutingFacts } from '../exchanges.ts';
import type { BindingVisitor, LiveBinding } from '../live-binding.ts';

/** How one type of exchange chooses among its bindings. Each keeps beside the binding index what it needs to be quick. */
export interface Router {
  /** What the choice depends on beside the bindings: routes may be kept accordingly. */
  readonly dependsOn: 'nothing' | 'key' | 'message';
  /** The binding is in the index already. */
  add(binding: LiveBinding): void;
  /** The binding has left the index already. */
  remove(binding: LiveBinding): void;
  /** Shows the bindings that want the message; the same one perhaps more than once. */
  route(routingKeys: readonly string[], facts: RoutingFacts, found: BindingVisitor): void;
}
