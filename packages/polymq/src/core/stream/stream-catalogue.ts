/**
 * All streams of this node. A change is checked, prepared (logs opened), declared in the meta log,
 * and then shown:
 *
 *   create:  check ─ reserve room ─ open logs ─ declare ─ show
 *   delete:  undeclare ─ hide ─ remove logs
 *
 * A crash before "declare" or after "undeclare" leaves orphan logs, which the next start removes
 * (`open-streams.ts`).
 *
 * Changes of one name wait for each other; changes of different names run side by side and share
 * commit rounds. What is declared twice at once is caught by the reservation.
 */
import type { Random } from '../../lib/environment/random.ts';
import { BrokerError } from '../errors.ts';
import type { MetaWriter } from '../meta/meta-journal.ts';
import type { LogPartition } from './log-partition.ts';
import { type PartitionOpener, partitionLogName } from './partition-opener.ts';
import type { ProducerSnapshots } from './producer-snapshots.ts';
import { StoredStream } from './stored-stream.ts';
import type { StreamCommand } from './stream-commands.ts';
import {
  changeOverrides,
  resolveStreamConfig,
  type StreamConfig,
  type StreamConfigName,
} from './stream-config.ts';
import { checkPartitionCount, checkStreamName, type StreamLimits } from './stream-rules.ts';
import { type StreamTable, writeChanges } from './stream-table.ts';
import type { StreamChange, StreamSpec, Streams } from './streams.ts';

export interface StreamCatalogueOptions {
  table: StreamTable;
  writer: MetaWriter<StreamCommand>;
  opener: PartitionOpener;
  snapshots: ProducerSnapshots;
  random: Random;
  /** Settings as the broker was started with them. */
  defaults: StreamConfig;
  /** Partitions of a stream whose creator does not say. */
  partitionCountDefault: number;
  limits: StreamLimits;
}

interface Attempt {
  dryRun?: boolean;
}

type Changes = ReadonlyMap<StreamConfigName, string | undefined>;

export class StreamCatalogue implements Streams {
  readonly #options: StreamCatalogueOptions;
  readonly #byName = new Map<string, StoredStream>();
  readonly #byId = new Map<string, StoredStream>();
  readonly #listeners = new Set<(change: StreamChange) => void>();
  /** The last change under way of each name. */
  readonly #changing = new Map<string, Promise<unknown>>();
  /** Streams and partitions that are being created. */
  #streamsReserved = 0;
  #partitionsReserved = 0;
  #partitionCount = 0;
  #sorted: StoredStream[] | undefined;
  #closed = false;

  constructor(options: StreamCatalogueOptions) {
    this.#options = options;
  }

  get(name: string): StoredStream | undefined {
    return this.#byName.get(name);
  }

  getById(id: string): StoredStream | undefined {
    return this.#byId.get(id);
  }

  list(): StoredStream[] {
    this.#sorted ??= [...this.#byName.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
    return this.#sorted.slice();
  }

  /** Of all streams. */
  get partitionCount(): number {
    return this.#partitionCount;
  }

  /** Settings of a stream that overrides none. */
  get defaults(): StreamConfig {
    return resolveStreamConfig(this.#options.defaults, this.#options.table.defaultOverrides);
  }

  /** What was changed of the defaults while the broker ran. */
  get defaultOverrides(): ReadonlyMap<StreamConfigName, string> {
    return this.#options.table.defaultOverrides;
  }

  create(spec: StreamSpec, attempt: Attempt = {}): Promise<StoredStream> {
    return this.#alone(spec.name, async () => {
      const { name, overrides = new Map<StreamConfigName, string>() } = spec;
      const partitions = spec.partitionCount ?? this.#options.partitionCountDefault;
      checkStreamName(name);
      checkPartitionCount(partitions);
      resolveStreamConfig(this.#options.defaults, overrides);
      if (this.#byName.has(name)) {
        throw new BrokerError('stream-exists', `stream "${name}" exists already`);
      }
      this.#checkRoom(1, partitions);
      const id = this.#options.random.uuid();
      const declaration = { id, name, partitions, overrides: new Map(overrides) };
      if (attempt.dryRun) {
        return new StoredStream(declaration, this.defaults, new Array<LogPartition>(partitions));
      }
      return this.#reserving(1, partitions, async () => {
        const opened = await this.#openPartitions(declaration, 0, partitions);
        const command = { id, name, partitions, overrides: writeChanges(overrides) };
        await this.#declare({ type: 'create', ...command }, opened);
        const stream = new StoredStream(declaration, this.defaults, opened);
        // A default may have been changed while the logs were opened.
        stream.configure(stream.overrides, this.defaults);
        this.add(stream);
        this.#tell({ kind: 'created', stream });
        return stream;
      });
    });
  }

  delete(name: string): Promise<void> {
    return this.#alone(name, async () => {
      const stream = this.#expect(name);
      await this.#options.writer.propose({ type: 'delete', id: stream.id });
      this.#byName.delete(name);
      this.#byId.delete(stream.id);
      this.#sorted = undefined;
      this.#partitionCount -= stream.partitions.length;
      for (const partition of stream.partitions) partition.markDeleted();
      this.#tell({ kind: 'deleted', stream });
      await this.#options.opener.remove(stream.partitions.map(({ log }) => log.name));
    });
  }

  setPartitionCount(name: string, count: number, attempt: Attempt = {}): Promise<void> {
    return this.#alone(name, async () => {
      const stream = this.#expect(name);
      checkPartitionCount(count);
      const known = stream.partitions.length;
      if (count <= known) {
        throw new BrokerError(
          'invalid-partitions',
          `stream "${name}" has ${known} partitions already; it can only grow, not to ${count}`,
        );
      }
      this.#checkRoom(0, count - known);
      if (attempt.dryRun) return;
      await this.#reserving(0, count - known, async () => {
        const opened = await this.#openPartitions(stream, known, count);
        await this.#declare({ type: 'grow', id: stream.id, partitions: count }, opened);
        for (const partition of opened) partition.configure(stream.config);
        stream.partitions = [...stream.partitions, ...opened];
        this.#partitionCount += opened.length;
        this.#tell({ kind: 'grown', stream });
      });
    });
  }

  configure(name: string, changes: Changes, attempt: Attempt = {}): Promise<void> {
    return this.#alone(name, async () => {
      const stream = this.#expect(name);
      resolveStreamConfig(this.#options.defaults, changeOverrides(stream.overrides, changes));
      if (attempt.dryRun) return;
      const command = { id: stream.id, changes: writeChanges(changes) };
      await this.#options.writer.propose({ type: 'configure', ...command });
      stream.configure(this.#options.table.declarations.get(stream.id)!.overrides, this.defaults);
      this.#tell({ kind: 'configured', stream });
    });
  }

  /**
   * Changes the settings of all streams that do not override them. Durable when the promise
   * resolves.
   */
  async configureDefaults(changes: Changes, attempt: Attempt = {}): Promise<void> {
    const { table, writer, defaults } = this.#options;
    resolveStreamConfig(defaults, changeOverrides(table.defaultOverrides, changes));
    if (attempt.dryRun) return;
    await writer.propose({ type: 'configure-defaults', changes: writeChanges(changes) });
    for (const stream of this.list()) {
      stream.configure(stream.overrides, this.defaults);
      this.#tell({ kind: 'configured', stream });
    }
  }

  onChange(listener: (change: StreamChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Shows a stream that is declared already: at start. */
  add(stream: StoredStream): void {
    this.#byName.set(stream.name, stream);
    this.#byId.set(stream.id, stream);
    this.#sorted = undefined;
    this.#partitionCount += stream.partitions.length;
  }

  /**
   * Refuses further changes, waits for those under way, and saves what makes the next start quick.
   */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled(this.#changing.values());
    const partitions = this.list().flatMap((stream) => stream.partitions);
    await Promise.allSettled(partitions.map(({ log }) => log.whenCommitted(log.tail)));
    if (partitions.some(({ producers }) => producers.unsaved)) await this.saveProducers();
  }

  /** Writes the producer state of all partitions as it is now. */
  async saveProducers(): Promise<void> {
    const partitions = this.list().flatMap((stream) => stream.partitions);
    const snapshots = partitions.map(({ producers }) => producers.snapshot());
    await this.#options.snapshots.writeAll(snapshots);
  }

  #openPartitions(
    stream: { id: string; name: string; overrides: ReadonlyMap<StreamConfigName, string> },
    start: number,
    end: number,
  ): Promise<LogPartition[]> {
    const config = resolveStreamConfig(this.defaults, stream.overrides);
    const { id: streamId, name: streamName } = stream;
    const indexes = Array.from({ length: end - start }, (_, at) => start + at);
    const toOpen = indexes.map((index) => ({ streamId, streamName, index, config }));
    return this.#options.opener.openAll(toOpen).catch(async (error: unknown) => {
      await this.#removeQuietly(indexes.map((index) => partitionLogName(streamId, index)));
      throw error;
    });
  }

  /** Declares a change for which logs were opened; if that fails, they are removed again. */
  async #declare(command: StreamCommand, opened: readonly LogPartition[]): Promise<void> {
    try {
      await this.#options.writer.propose(command);
    } catch (error: unknown) {
      for (const partition of opened) partition.markDeleted();
      await this.#removeQuietly(opened.map(({ log }) => log.name));
      throw error;
    }
  }

  async #removeQuietly(logNames: readonly string[]): Promise<void> {
    // What stays behind is removed as an orphan at the next start.
    await this.#options.opener.remove(logNames).catch(() => undefined);
  }

  #expect(name: string): StoredStream {
    const stream = this.#byName.get(name);
    if (stream === undefined) {
      throw new BrokerError('unknown-stream', `there is no stream "${name}"`);
    }
    return stream;
  }

  #checkRoom(streams: number, partitions: number): void {
    const { streamsMax, partitionsMax } = this.#options.limits;
    const streamCount = this.#byName.size + this.#streamsReserved;
    const partitionCount = this.#partitionCount + this.#partitionsReserved;
    if (streamCount + streams > streamsMax) {
      throw new BrokerError(
        'limit-reached',
        `this broker takes no more than ${streamsMax} streams`,
      );
    }
    if (partitionCount + partitions > partitionsMax) {
      throw new BrokerError(
        'limit-reached',
        `${partitions} more partitions would exceed the ${partitionsMax} that this broker takes`,
      );
    }
  }

  async #reserving<T>(streams: number, partitions: number, task: () => Promise<T>): Promise<T> {
    this.#streamsReserved += streams;
    this.#partitionsReserved += partitions;
    try {
      return await task();
    } finally {
      this.#streamsReserved -= streams;
      this.#partitionsReserved -= partitions;
    }
  }

  /** Runs `task` when earlier changes of the name have ended, well or not. */
  async #alone<T>(name: string, task: () => Promise<T>): Promise<T> {
    if (this.#closed) throw new BrokerError('stopping', 'the broker is shutting down');
    const before = this.#changing.get(name);
    const running = before === undefined ? task() : before.then(task, task);
    this.#changing.set(name, running);
    try {
      return await running;
    } finally {
      if (this.#changing.get(name) === running) this.#changing.delete(name);
    }
  }

  #tell(change: StreamChange): void {
    for (const listener of this.#listeners) listener(change);
  }
}
