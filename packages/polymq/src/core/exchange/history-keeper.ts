import { MessageDraft } from '../message/message-draft.ts';
import type { MessageFormats } from '../message/message-formats.ts';
import type { Queues } from '../queue/queues.ts';
import { DraftFacts, routingKeysOf } from './draft-facts.ts';
import { declaredValue } from './exchange-rules.ts';
import type { LiveBinding } from './live-binding.ts';
import type { LiveExchange } from './live-exchange.ts';
import type { ExchangePublisher } from './publisher.ts';
import { HISTORY_LENGTH_DEFAULT, type HistoryBudget, RecentHistory } from './recent-history.ts';
import type { RouteFinder } from './route-finder.ts';
import type { SubscriberBinding, SubscriberEnd } from './subscriber-end.ts';
import type { SubscriberTarget } from './subscribers.ts';

export interface HistoryKeeperOptions {
  formats: MessageFormats;
  queues: Queues;
  finder: RouteFinder;
  publisher: ExchangePublisher;
}

/** Fills the histories of recent-history exchanges, and hands them to whom is bound to one. */
export class HistoryKeeper {
  readonly #options: HistoryKeeperOptions;
  readonly #budget: HistoryBudget = { bytes: 0 };

  constructor(options: HistoryKeeperOptions) {
    this.#options = options;
  }

  remember(exchanges: readonly LiveExchange[], draft: MessageDraft): void {
    const facts = new DraftFacts(this.#options.formats, draft, 0);
    if (facts.headers().get('x-recent-history-no-store') === true) return;
    for (const exchange of exchanges) {
      if (exchange.deleted) continue;
      exchange.history ??= new RecentHistory(lengthOf(exchange), this.#budget);
      exchange.history.add(draft);
    }
  }

  /** The binding is new: its destination gets what the exchange remembers. */
  bound(binding: LiveBinding): void {
    const { source, destination } = binding;
    if (source.kind !== 'exchange' || source.history === undefined) return;
    const { formats, queues, finder, publisher } = this.#options;
    const draft = new MessageDraft();
    source.history.replay(draft, () => {
      if (destination.kind === 'stream') publisher.appendToStreams(draft, [destination.name]);
      else if (destination.kind === 'exchange') {
        const facts = new DraftFacts(formats, draft, 0);
        publisher.publish(draft, finder.route(destination, routingKeysOf(formats, draft), facts));
      } else if (destination.kind === 'subscriber') {
        destination.receiver.receive(draft, [targetOf(destination, binding)]);
      } else {
        const queue = queues.get(destination.namespace, destination.name);
        if (queue !== undefined) queues.publish(draft, [queue]);
      }
    });
  }
}

/** It has asked for this exchange with this binding just now, whatever else it is bound to. */
function targetOf({ owner }: SubscriberEnd, binding: LiveBinding): SubscriberTarget {
  return { owner, tags: [(binding as SubscriberBinding).tag], note: undefined };
}

function lengthOf({ definition }: LiveExchange): number {
  const length = declaredValue(definition, 'x-recent-history-length');
  return typeof length === 'number' ? length : HISTORY_LENGTH_DEFAULT;
}
