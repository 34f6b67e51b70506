/**
 * Brings the streams up: reads their declarations from the meta log, opens all partitions side by
 * side, removes logs that nobody declares, and starts the timer of retention.
 */
import type { Environment } from '../../lib/environment/environment.ts';
import type { LogEngine } from '../../log/log.ts';
import type { MetaJournal } from '../meta/meta-journal.ts';
import { PartitionOpener, partitionLogName, STREAM_LOG_PREFIX } from './partition-opener.ts';
import { ProducerSnapshots } from './producer-snapshots.ts';
import { Retention, type RetentionOptions } from './retention.ts';
import { StoredStream } from './stored-stream.ts';
import { StreamCatalogue } from './stream-catalogue.ts';
import { resolveStreamConfig, STREAM_CONFIG_DEFAULTS, type StreamConfig } from './stream-config.ts';
import { STREAM_LIMITS, type StreamLimits } from './stream-rules.ts';
import { StreamTable } from './stream-table.ts';

export interface OpenStreamsOptions extends Partial<RetentionOptions> {
  environment: Environment;
  engine: LogEngine;
  meta: MetaJournal;
  /** The broker's settings; what is not named is as in `STREAM_CONFIG`. */
  defaults?: Partial<StreamConfig>;
  /** Partitions of a stream whose creator does not say. Default 1. */
  partitionCountDefault?: number;
  limits?: Partial<StreamLimits>;
}

/** The streams, with what only the broker itself needs of them. */
export interface OpenedStreams {
  streams: StreamCatalogue;
  retention: Retention;
  /** Logs without a declaration that were removed. */
  orphansRemoved: string[];
  /** To be called before `LogEngine.close`. */
  close(): Promise<void>;
}

export async function openStreams(options: OpenStreamsOptions): Promise<OpenedStreams> {
  const { environment, engine, meta } = options;
  const limits = { ...STREAM_LIMITS, ...options.limits };
  const table = new StreamTable();
  const writer = meta.register(table);
  const snapshots = await ProducerSnapshots.load(engine.blobs);
  const budget = { count: 0, countMax: limits.producersMax };
  const opener = new PartitionOpener(engine, environment.clock, snapshots, budget);
  const catalogue = new StreamCatalogue({
    table,
    writer,
    opener,
    snapshots,
    random: environment.random,
    defaults: Object.freeze({ ...STREAM_CONFIG_DEFAULTS, ...options.defaults }),
    partitionCountDefault: options.partitionCountDefault ?? 1,
    limits,
  });
  await openDeclared(catalogue, table, opener);
  const orphansRemoved = await removeOrphans(table, engine, opener);
  if (snapshots.refused) {
    for (const name of partitionLogs(catalogue)) await snapshots.delete(name);
    await catalogue.saveProducers();
  }
  await snapshots.deleteRest();
  const retention = new Retention(catalogue, environment, options);
  retention.start();
  return {
    streams: catalogue,
    retention,
    orphansRemoved,
    close: async () => {
      await retention.stop();
      await catalogue.close();
    },
  };
}

function partitionLogs(catalogue: StreamCatalogue): string[] {
  return catalogue.list().flatMap(({ partitions }) => partitions.map(({ log }) => log.name));
}

async function openDeclared(
  catalogue: StreamCatalogue,
  table: StreamTable,
  opener: PartitionOpener,
): Promise<void> {
  const { defaults } = catalogue;
  const declarations = [...table.declarations.values()];
  const toOpen = declarations.flatMap(({ id, name, partitions, overrides }) => {
    const config = resolveStreamConfig(defaults, overrides);
    return Array.from({ length: partitions }, (_, index) => {
      return { streamId: id, streamName: name, index, config };
    });
  });
  const opened = await opener.openAll(toOpen);
  let at = 0;
  for (const declaration of declarations) {
    const partitions = opened.slice(at, at + declaration.partitions);
    at += declaration.partitions;
    catalogue.add(new StoredStream(declaration, defaults, partitions));
  }
}

/**
 * A crash between opening logs and declaring them, or between undeclaring and removing, leaves such
 * logs.
 */
async function removeOrphans(
  table: StreamTable,
  engine: LogEngine,
  opener: PartitionOpener,
): Promise<string[]> {
  const declared = new Set<string>();
  for (const { id, partitions } of table.declarations.values()) {
    for (let index = 0; index < partitions; index++) declared.add(partitionLogName(id, index));
  }
  const names = await engine.list();
  const orphans = names.filter((name) => name.startsWith(STREAM_LOG_PREFIX) && !declared.has(name));
  await opener.remove(orphans);
  return orphans;
}
