/** Brings the queues up: their declarations from the meta log, then, through the store, their messages. */
import type { Environment } from '../../lib/environment/environment.ts';
import type { Logger } from '../../lib/logger.ts';
import type { MetaJournal } from '../meta/meta-journal.ts';
import type { MessageStore } from './message-store.ts';
import { QueueCatalogue } from './queue-catalogue.ts';
import { QUEUE_LIMITS, type QueueLimits } from './queue-limits.ts';
import { QueueTable } from './queue-table.ts';

export interface OpenQueuesOptions {
  environment: Environment;
  meta: MetaJournal;
  store: MessageStore;
  limits?: Partial<QueueLimits>;
  logger: Logger;
}

export interface OpenedQueues {
  queues: QueueCatalogue;
  /** To be called when no session uses queues any more, and before the store is closed. */
  close(): Promise<void>;
}

export async function openQueues(options: OpenQueuesOptions): Promise<OpenedQueues> {
  const { environment, meta, store, logger } = options;
  const table = new QueueTable();
  const writer = meta.register(table);
  const limits = { ...QUEUE_LIMITS, ...options.limits };
  const queues = new QueueCatalogue({ environment, store, table, writer, limits, logger });
  return { queues, close: () => queues.close() };
}
