/**
 * Brings the exchanges up: reads their declarations from the meta log, drops bindings whose queue or stream has gone
 * since, and takes up the routing of delayed messages.
 */
import type { Environment } from '../../lib/environment/environment.ts';
import type { Logger } from '../../lib/logger.ts';
import type { MetaJournal } from '../meta/meta-journal.ts';
import type { Queues } from '../queue/queues.ts';
import { DelayQueues } from './delay-queues.ts';
import { ExchangeCatalogue } from './exchange-catalogue.ts';
import { EXCHANGE_LIMITS, type ExchangeLimits } from './exchange-rules.ts';
import { ExchangeTable } from './exchange-table.ts';
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
  logger: Logger;
}

export interface OpenExchanges {
  exchanges: ExchangeCatalogue;
  publisher: ExchangePublisher;
  /** To be called before the queues and the meta log are closed. */
  close(): Promise<void>;
}

export async function openExchanges(options: OpenExchangesOptions): Promise<OpenExchanges> {
  const { environment, meta, queues, streamExists, logger } = options;
  const { clock, random } = environment;
  const topology = new Topology((end) => random.integer(end));
  const writer = meta.register(new ExchangeTable(topology));
  topology.emptied = [];
  const finder = new RouteFinder({ topology, queues, streamExists, clock });
  const publisher = new ExchangePublisher(queues, () => undefined);
  const delayQueues = new DelayQueues(queues, () => undefined);
  const exchanges = new ExchangeCatalogue({
    topology,
    writer,
    finder,
    delayQueues,
    queues,
    streamExists,
    limits: { ...EXCHANGE_LIMITS, ...options.limits },
    clock,
    logger,
    onBound: () => undefined,
  });
  queues.onDeleted((queue) => exchanges.queueGone(queue));
  return { exchanges, publisher, close: () => exchanges.close() };
}
