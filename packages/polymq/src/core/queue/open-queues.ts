/**
 * Brings the queues up. Which there are stands in the meta log, and what is in them in the store; the store has to know
 * the former to read the latter:
 *
 *   meta ─► declaredQueues ─► open the store (`knows`) ─► openQueues ─► restored()
 *
 * Until `queues.restored()` nothing is delivered and nothing expires: whoever routes dead letters may not be there yet.
 *
 * A store that was opened without knowing them hands out more, which is removed here.
 */
import type { Environment } from '../../lib/environment/environment.ts';
import type { Logger } from '../../lib/logger.ts';
import type { MetaJournal, MetaWriter } from '../meta/meta-journal.ts';
import type { RestorableStore, RestoredMessage } from './message-store.ts';
import { QueueCatalogue } from './queue-catalogue.ts';
import { QUEUE_LIMITS, type QueueLimits } from './queue-limits.ts';
import { type QueueCommand, QueueTable } from './queue-table.ts';

/** The durable queues as the meta log declares them. */
export interface DeclaredQueues {
  readonly table: QueueTable;
  readonly writer: MetaWriter<QueueCommand>;
  /** Whether a queue with that id exists: messages of others are forgotten. */
  knows(id: number): boolean;
}

export interface OpenQueuesOptions {
  environment: Environment;
  /** What `declaredQueues` has returned. If it was not called: the meta journal. */
  declared?: DeclaredQueues;
  meta?: MetaJournal;
  store: RestorableStore;
  limits?: Partial<QueueLimits>;
  logger: Logger;
  /** Gets messages of before the restart that are not those of queues, by the id that their rows have instead of a queue's. */
  others?: ReadonlyMap<number, (message: RestoredMessage) => void>;
}

export interface OpenedQueues {
  queues: QueueCatalogue;
  /** To be called when no session uses queues any more, and before the store and the meta log are closed. */
  close(): Promise<void>;
}

export function declaredQueues(meta: MetaJournal): DeclaredQueues {
  const table = new QueueTable();
  const writer = meta.register(table);
  return { table, writer, knows: (id) => table.declarations.has(id) };
}

export function openQueues(options: OpenQueuesOptions): OpenedQueues {
  const { environment, store, logger, meta } = options;
  const declared = options.declared ?? (meta && declaredQueues(meta));
  if (declared === undefined) throw new Error('queues need their declarations');
  const { table, writer } = declared;
  const limits = { ...QUEUE_LIMITS, ...options.limits };
  const queues = new QueueCatalogue({ environment, store, table, writer, limits, logger });
  queues.restoreFrom(store, options.others);
  return { queues, close: () => queues.close() };
}
