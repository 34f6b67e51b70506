/**
 * Opens what messages live in, bottom-up: declarations of queues, the message store, exchanges, the crossing to streams. Pumps
 * from streams start last, when everything that they may publish to is there.
 */
import type { Alarms } from '../core/alarms.ts';
import { openCrossing } from '../core/crossing/open-crossing.ts';
import { type OpenExchanges, openExchanges } from '../core/exchange/open-exchanges.ts';
import type { MessageFormats } from '../core/message/message-formats.ts';
import type { MetaJournal } from '../core/meta/meta-journal.ts';
import type { Dedup } from '../core/queue/dedup.ts';
import { DedupWindow } from '../core/queue/dedup-window.ts';
import { type DeclaredQueues, declaredQueues, openQueues } from '../core/queue/open-queues.ts';
import type { QueueCatalogue } from '../core/queue/queue-catalogue.ts';
import { type OpenMessageStore, openMessageStore } from '../core/queue/store/open-message-store.ts';
import { JournaledRetained, RETAINED_ROWS_ID } from '../core/retained/journaled-retained.ts';
import type { Streams } from '../core/stream/streams.ts';
import type { LogEngine } from '../log/log.ts';
import type { CoreOptions } from './core.ts';
import { messageFormats, predeclaredExchanges } from './protocols.ts';

export interface Messaging {
  queues: QueueCatalogue;
  exchanges: OpenExchanges;
  dedup: Dedup;
  retained: JournaledRetained;
  formats: MessageFormats;
}

export async function openMessaging(
  options: CoreOptions,
  engine: LogEngine,
  meta: MetaJournal,
  streams: Streams,
  alarms: Alarms,
): Promise<Messaging> {
  const { config, environment, lifecycle, logger } = options;
  const formats = messageFormats();
  const declared = declaredQueues(meta);
  const store = await openStore(options, engine, declared);
  const { clock, timers } = environment;
  const dedup = await lifecycle.start(
    'deduplication',
    async () =>
      new DedupWindow({ store, clock, timers, idsMax: config.queues.deduplicationIdsMax }),
    async (opened) => opened.close(),
  );
  const retained = await lifecycle.start(
    'retained messages',
    async () =>
      new JournaledRetained({
        ...{ store, clock, timers },
        countMax: config.mqtt.retainedMax,
        bytesMax: config.mqtt.retainedBytesMax,
      }),
    async (opened) => opened.close(),
  );
  const { queues } = await lifecycle.start(
    'queues',
    () =>
      openQueues({
        environment,
        declared,
        store,
        logger,
        limits: { queuesMax: config.queues.countMax },
        others: new Map([[RETAINED_ROWS_ID, (message) => retained.restore(message)]]),
      }),
    (opened) => opened.close(),
  );
  const exchanges = await lifecycle.start(
    'exchanges',
    () =>
      openExchanges({
        environment,
        meta,
        queues,
        streamExists: (name) => streams.get(name) !== undefined,
        formats,
        logger,
        predeclared: predeclaredExchanges(),
      }),
    (opened) => opened.close(),
  );
  queues.readWishes = (format, properties) => formats.get(format).wishes?.(properties) ?? {};
  queues.deadLetterRouter = exchanges.deadLetterRouter;
  queues.restored();
  await lifecycle.start(
    'stream bindings',
    () =>
      openCrossing({
        streams,
        queues,
        exchanges: exchanges.exchanges,
        publisher: exchanges.publisher,
        formats,
        environment,
        logger,
        alarms,
      }),
    (opened) => opened.close(),
  );
  return { queues, exchanges, dedup, retained, formats };
}

function openStore(
  { config, environment, lifecycle, logger }: CoreOptions,
  engine: LogEngine,
  declared: DeclaredQueues,
): Promise<OpenMessageStore> {
  return lifecycle.start(
    'message store',
    () =>
      openMessageStore({
        engine,
        environment,
        durability: config.durability,
        logger,
        memoryBytesMax: config.queues.memoryBytesMax,
        knowsQueue: (id) => id === RETAINED_ROWS_ID || declared.knows(id),
      }),
    (opened) => opened.close(),
  );
}
