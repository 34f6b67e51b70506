/**
 * A fan-out whose bindings may say which messages they want, in the arguments `filter-policy` (JSON as SNS has it) and
 * `filter-scope`. As long as none does, a route depends on nothing and is found once.
 */
import {
  compileFilterPolicy,
  type Filter,
  type FilterScope,
  type FilterSubject,
} from '../../filter/filter.ts';
import { FilterPolicyError } from '../../filter/filter-policy-error.ts';
import {
  FILTER_BODY_BYTES_MAX,
  type MessageBody,
  readMessageBody,
} from '../../filter/message-body.ts';
import type { DeclaredValue, DeclaredValues } from '../../queue/queue-definition.ts';
import type { BindingIndex } from '../binding-index.ts';
import type { RoutingFacts } from '../exchanges.ts';
import type { BindingVisitor, LiveBinding } from '../live-binding.ts';
import type { Router } from './router.ts';

export const FILTER_POLICY = 'filter-policy';
export const FILTER_SCOPE = 'filter-scope';

const SCOPES: Readonly<Record<string, FilterScope>> = {
  MessageAttributes: 'attributes',
  MessageBody: 'body',
};

/** The filter that a binding asks for, if it does. Throws `FilterPolicyError`. */
export function filterOf(values: DeclaredValues): Filter | undefined {
  const policy = values[FILTER_POLICY];
  const scope = scopeOf(values[FILTER_SCOPE]);
  if (policy === undefined) return undefined;
  if (typeof policy === 'string') return compileFilterPolicy(policy, scope);
  throw new FilterPolicyError(`"${FILTER_POLICY}" must be the text of a JSON object`, '');
}

function scopeOf(name: DeclaredValue | undefined): FilterScope {
  if (name === undefined) return 'attributes';
  const scope = typeof name === 'string' && Object.hasOwn(SCOPES, name) ? SCOPES[name] : undefined;
  if (scope !== undefined) return scope;
  throw new FilterPolicyError(
    `Invalid value [${String(name)}]. Please use either MessageBody or MessageAttributes`,
    `${FILTER_SCOPE}: `,
  );
}

export class FilterRouter implements Router {
  readonly #index: BindingIndex;
  /** Bindings that say what they want. Undefined: it cannot be read, so that nothing is let through. */
  readonly #filters = new Map<LiveBinding, Filter | undefined>();
  /** Those that take everything; only known while there are others. */
  readonly #open = new Set<LiveBinding>();

  constructor(index: BindingIndex) {
    this.#index = index;
  }

  get dependsOn(): 'nothing' | 'message' {
    return this.#filters.size === 0 ? 'nothing' : 'message';
  }

  add(binding: LiveBinding): void {
    if (binding.argumentsText.includes(FILTER_POLICY)) {
      const { arguments: values } = binding;
      if (values[FILTER_POLICY] !== undefined) {
        if (this.#filters.size === 0) this.#separate(binding);
        this.#filters.set(binding, readable(values));
        return;
      }
    }
    if (this.#filters.size > 0) this.#open.add(binding);
  }

  remove(binding: LiveBinding): void {
    this.#open.delete(binding);
    if (this.#filters.delete(binding) && this.#filters.size === 0) this.#open.clear();
  }

  route(_routingKeys: readonly string[], facts: RoutingFacts, found: BindingVisitor): void {
    if (this.#filters.size === 0) {
      this.#index.visitAll(found);
      return;
    }
    for (const binding of this.#open) found.visit(binding);
    const subject = new MessageSubject(facts);
    for (const [binding, filter] of this.#filters) {
      if (filter?.matches(subject) === true) found.visit(binding);
    }
  }

  /** The first filter has come: from now on the others stand apart. */
  #separate(first: LiveBinding): void {
    this.#index.visitAll({
      visit: (binding) => {
        if (binding !== first) this.#open.add(binding);
      },
    });
  }
}

/** What stands in the log was checked once; a newer version may have found it right. */
function readable(values: DeclaredValues): Filter | undefined {
  try {
    return filterOf(values);
  } catch (error) {
    if (error instanceof FilterPolicyError) return undefined;
    throw error;
  }
}

/** Reads of a message only what is asked for, and that once. */
class MessageSubject implements FilterSubject {
  readonly #facts: RoutingFacts;
  #body: MessageBody | undefined;
  #read = false;

  constructor(facts: RoutingFacts) {
    this.#facts = facts;
  }

  attributes(): ReadonlyMap<string, unknown> {
    return this.#facts.headers();
  }

  body(): MessageBody | undefined {
    if (!this.#read) {
      this.#read = true;
      const bytes = this.#facts.body(FILTER_BODY_BYTES_MAX);
      this.#body = bytes === undefined ? undefined : readMessageBody(bytes);
    }
    return this.#body;
  }
}
