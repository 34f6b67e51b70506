/**
 * Opens the core bottom-up: log engine, meta journal, streams, groups. The one place that knows which engine runs
 * and from which settings the parts of the core get theirs.
 */
import { resolve } from 'node:path';
import { Alarms } from '../core/alarms.ts';
import type { Broker } from '../core/broker.ts';
import type { EventLog } from '../core/event-log/event-log.ts';
import { StreamEventLog } from '../core/event-log/open-event-log.ts';
import { type GroupRegistry, openGroups } from '../core/group/group-registry.ts';
import { openClusterId } from '../core/meta/cluster-id.ts';
import type { Documents } from '../core/meta/documents.ts';
import { MetaJournal } from '../core/meta/meta-journal.ts';
import { openDocuments } from '../core/meta/open-documents.ts';
import type { QueueCatalogue } from '../core/queue/queue-catalogue.ts';
import { type OpenedStreams, openStreams } from '../core/stream/open-streams.ts';
import { openProducerIds } from '../core/stream/producer-ids.ts';
import { STREAM_CONFIG_NAMES, type StreamConfig } from '../core/stream/stream-config.ts';
import type { Streams } from '../core/stream/streams.ts';
import type { Environment } from '../lib/environment/environment.ts';
import type { Logger } from '../lib/logger.ts';
import { openFileEngine } from '../log/file/file-engine.ts';
import type { LogEngine } from '../log/log.ts';
import { createMemoryEngine } from '../log/memory/memory-engine.ts';
import type { Config } from './config/settings.ts';
import { watermarkOf } from './disk-watch.ts';
import type { Lifecycle } from './lifecycle.ts';
import { openMessaging } from './messaging.ts';
import { subscribedStreams } from './protocols.ts';

/** The value of the setting `data` that stands for no directory at all. */
export const MEMORY_DATA = 'memory:';

export interface CoreOptions {
  config: Config;
  environment: Environment;
  logger: Logger;
  lifecycle: Lifecycle;
}

export interface OpenCore {
  readonly broker: Broker;
  readonly engine: LogEngine;
  readonly groups: GroupRegistry;
  readonly queues: QueueCatalogue;
}

export async function openCore(options: CoreOptions): Promise<OpenCore> {
  const { config, environment, lifecycle } = options;
  const engine = await lifecycle.start(
    'log engine',
    () => openEngine(options),
    (opened) => opened.close(),
  );
  const meta = await lifecycle.start(
    'meta journal',
    () => MetaJournal.open({ engine, clock: environment.clock }),
    (opened) => opened.close(),
  );
  const clusterId = config.clusterId || (await openClusterId(meta, environment.random));
  const producerIds = openProducerIds(meta);
  const documents = openDocuments(meta);
  const opened = await lifecycle.start(
    'streams',
    () => openStreamsOf(options, engine, meta),
    (part) => part.close(),
  );
  const { streams, orphansRemoved } = opened;
  if (orphansRemoved.length > 0) {
    options.logger.warn({ logs: orphansRemoved }, 'removed logs that no stream declares');
  }
  const groups = await lifecycle.start(
    'groups',
    () =>
      openGroups({
        environment,
        engine,
        streams,
        subscribedStreams,
        durability: config.durability,
        options: config.groups,
        logger: options.logger,
      }),
    (opened) => opened.close(),
  );
  const eventLog = await openEventLog(options, streams, documents);
  const alarms = new Alarms();
  const { queues, exchanges, dedup, retained, formats } = await openMessaging(
    options,
    engine,
    meta,
    streams,
    alarms,
  );
  const broker: Broker = {
    streams,
    groups,
    eventLog,
    queues,
    exchanges: exchanges.exchanges,
    publisher: exchanges.publisher,
    formats,
    documents,
    dedup,
    retained,
    alarms,
    producerIds,
    clusterId,
    nodeId: config.nodeId,
    autoCreateStreams: config.streams.autoCreate,
  };
  return { broker, engine, groups, queues };
}

function openEventLog(
  { config, environment, logger, lifecycle }: CoreOptions,
  streams: Streams,
  documents: Documents,
): Promise<EventLog> {
  const limits = config.eventLog;
  return lifecycle.start(
    'event log',
    async () => new StreamEventLog({ streams, documents, environment, logger, limits }),
    async (opened) => opened.close(),
  );
}

async function openEngine({ config, environment }: CoreOptions): Promise<LogEngine> {
  if (config.data === MEMORY_DATA) return createMemoryEngine(environment);
  const directory = resolve(config.data);
  return openFileEngine(environment, {
    directory,
    tailCacheBytes: config.storage.tailCacheBytes,
    lowFreeBytes: await watermarkOf(environment.disk, directory, config.storage),
  });
}

function openStreamsOf(
  { config, environment, logger }: CoreOptions,
  engine: LogEngine,
  meta: MetaJournal,
): Promise<OpenedStreams> {
  return openStreams({
    environment,
    engine,
    meta,
    defaults: streamDefaults(config),
    partitionCountDefault: config.streams.partitions,
    limits: { streamsMax: config.streams.countMax, partitionsMax: config.streams.partitionsMax },
    retentionCheckMs: config.streams.retentionCheckMs,
    producerExpirationMs: config.streams.producerIdleMs,
    onRetentionError: ({ streamName, index }, error) =>
      logger.error({ stream: streamName, partition: index, error }, 'retention failed'),
  });
}

/** The settings that are those of a stream, without the others that stand beside them. */
function streamDefaults(config: Config): Partial<StreamConfig> {
  const all = { ...config.streams, durability: config.durability };
  return Object.fromEntries(STREAM_CONFIG_NAMES.map((name) => [name, all[name]]));
}
