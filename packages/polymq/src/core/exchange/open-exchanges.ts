/**
 * Brings the exchanges up: reads their declarations from the meta log, drops bindings whose queue or stream has gone
 * since, and takes up the routing of delayed messages.
 */
import type { Environment } from '../../lib/environment/environment.ts';
import type { Logger } from '../../lib/logger.ts';
import type { MessageFormats } from '../message/message-formats.ts';
import type { MetaJournal } from '../meta/meta-journal.ts';
import type { DeadLetterRouter, Queues } from '../queue/queues.ts';
import { createDeadLetterRouter } from './dead-letter-router.ts';
import { DelayQueues } from './delay-queues.ts';
import { ExchangeCatalogue } from './exchange-catalogue.ts';
import {
  EXCHANGE_LIMITS,
  type ExchangeLimits,
  type PredeclaredExchange,
} from './exchange-rules.ts';
import { ExchangeTable } from './exchange-table.ts';
import { HistoryKeeper } from './history-keeper.ts';
import { ExchangePublisher } from './publisher.ts';
import { RouteFinder } from './route-finder.ts';
import { Topology } from './topology.ts';

export interface OpenExchangesOptions {
  environment: Pick<Environment, 'clock' | 'random'>;
  meta: MetaJournal;
  /** Opened before, so that bindings find their queues. */
  queues: Queues;
  streamExists: (name: string) => boolean;
  limits?: Partial<ExchangeLimits>;
  /** Who can read the headers of messages that the broker itself publishes again. */
  formats: MessageFormats;
  logger: Logger;
  /**
   * Exchanges that the default namespace has beside those of every namespace. One that a client declared before it was
   * among them is this one from then on, and keeps its bindings.
   */
  predeclared?: readonly PredeclaredExchange[];
}

export interface OpenExchanges {
  exchanges: ExchangeCatalogue;
  publisher: ExchangePublisher;
  /** To be set on the queues. */
  deadLetterRouter: DeadLetterRouter;
  /** To be called before the queues and the meta log are closed. */
  close(): Promise<void>;
}

export async function openExchanges(options: OpenExchangesOptions): Promise<OpenExchanges> {
  const { environment, meta, queues, streamExists, formats, logger } = options;
  const { clock, random } = environment;
  const topology = new Topology((end) => random.integer(end), options.predeclared);
  const writer = meta.register(new ExchangeTable(topology));
  topology.emptied = [];
  const finder = new RouteFinder({ topology, queues, streamExists, clock });
  const publisher = new ExchangePublisher(queues, clock, formats);
  const parts = { topology, queues, streamExists, finder, publisher, formats, clock, logger };
  const history = new HistoryKeeper(parts);
  publisher.remember = (sources, draft) => history.remember(sources, draft);
  const delayQueues = new DelayQueues(parts);
  const exchanges = new ExchangeCatalogue({
    ...parts,
    writer,
    delayQueues,
    limits: { ...EXCHANGE_LIMITS, ...options.limits },
    onBound: (binding) => history.bound(binding),
  });
  queues.onDeleted((queue) => exchanges.queueGone(queue));
  await exchanges.dropOrphans();
  await delayQueues.open();
  return {
    exchanges,
    publisher,
    deadLetterRouter: createDeadLetterRouter(parts),
    close: async () => {
      delayQueues.close();
      await exchanges.close();
    },
  };
}
