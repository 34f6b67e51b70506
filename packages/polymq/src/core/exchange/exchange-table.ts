/**
 * The durable part of the topology: a function of the commands in the meta log. Commands are applied to the one
 * topology that also holds what is transient; only what is durable is saved.
 */
import type { MetaTable } from '../meta/meta-journal.ts';
import type {
  BindingDeclaration,
  ExchangeCommand,
  SavedBinding,
  SavedExchanges,
  SavedSource,
} from './exchange-commands.ts';
import type { Destination, LiveBinding, Source } from './live-binding.ts';
import type { SubscriberEnd } from './subscriber-end.ts';
import type { Topology } from './topology.ts';

export class ExchangeTable implements MetaTable<ExchangeCommand, SavedExchanges> {
  readonly name = 'exchanges';
  readonly #topology: Topology;

  constructor(topology: Topology) {
    this.#topology = topology;
  }

  apply(command: ExchangeCommand): void {
    const topology = this.#topology;
    switch (command.type) {
      case 'declare':
        topology.declare(command.namespace, command.name, command.definition);
        return;
      case 'delete':
        topology.delete(command.namespace, command.name);
        return;
      case 'bind':
        topology.bind(command, true);
        return;
      case 'unbind': {
        const binding = topology.find(command);
        if (binding !== undefined) topology.remove(binding);
        return;
      }
      case 'queue-gone':
        topology.queueGone(command.namespace, command.name, command.queueId);
        return;
      case 'stream-gone':
        topology.streamGone(command.name);
    }
  }

  save(): SavedExchanges {
    const topology = this.#topology;
    const saved: SavedExchanges = { exchanges: [], bindings: [] };
    for (const name of topology.namespaceNames()) {
      for (const exchange of topology.exchanges(name)) {
        const { namespace, definition, predeclared } = exchange;
        if (definition.durable && !predeclared) {
          saved.exchanges.push({ namespace, name: exchange.name, definition });
        }
        if (definition.durable) saveSource(saved.bindings, exchange);
      }
    }
    for (const source of topology.streamSources()) saveSource(saved.bindings, source);
    return saved;
  }

  load({ exchanges, bindings }: SavedExchanges): void {
    for (const { namespace, name, definition } of exchanges) {
      this.#topology.declare(namespace, name, definition);
    }
    for (const { to, ...source } of bindings) {
      for (const binding of to) this.#topology.bind(readBinding(source, binding), true);
    }
  }
}

function saveSource(saved: SavedSource[], source: Source): void {
  const to: SavedBinding[] = [];
  source.outgoing.visitAll({
    visit: (binding) => {
      const { destination } = binding;
      if (!binding.durable || destination.kind === 'subscriber') return;
      to.push(writeBinding(binding, destination));
    },
  });
  if (to.length === 0) return;
  const stream = source.kind === 'stream' && { sourceKind: source.kind };
  saved.push({ namespace: source.namespace, source: source.name, ...stream, to });
}

function writeBinding(
  binding: LiveBinding,
  destination: Exclude<Destination, SubscriberEnd>,
): SavedBinding {
  const { routingKey } = binding;
  const queueId = destination.kind === 'queue' ? destination.queueId : 0;
  const { kind, name } = destination;
  return binding.argumentsText === ''
    ? [kind, name, routingKey, queueId]
    : [kind, name, routingKey, queueId, binding.arguments];
}

function readBinding(
  source: Omit<SavedSource, 'to'>,
  [kind, destination, key, queueId, declared]: SavedBinding,
): BindingDeclaration {
  return {
    ...source,
    kind,
    destination,
    ...(kind === 'queue' && { queueId }),
    key,
    ...(declared !== undefined && { arguments: declared }),
  };
}
