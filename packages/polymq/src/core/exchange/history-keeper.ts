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
  bound({ source, destination }: LiveBinding): void {
    if (source.kind !== 'exchange' || source.history === undefined) return;
    const { formats, queues, finder, publisher } = this.#options;
    const draft = new MessageDraft();
    source.history.replay(draft, () => {
      if (destination.kind === 'stream') publisher.appendToStreams(draft, [destination.name]);
      else if (destination.kind === 'exchange') {
        const facts = new DraftFacts(formats, draft, 0);
        publisher.publish(draft, finder.route(destination, routingKeysOf(formats, draft), facts));
      } else {
        const queue = queues.get(destination.namespace, destination.name);
        if (queue !== undefined) queues.publish(draft, [queue]);
      }
    });
  }
}

function lengthOf({ definition }: LiveExchange): number {
  const length = declaredValue(definition, 'x-recent-history-length');
  return typeof length === 'number' ? length : HISTORY_LENGTH_DEFAULT;
}
