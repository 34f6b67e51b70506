/**
 * Opens the message store: finds what is on disk, and puts its parts together.
 *
 *   snapshot ─► rows ◄─ replay of the journal behind it ─► restore(queue catalogue) ─► in use ─► close: snapshot
 */
import { ArenaPool } from '../../../lib/arena.ts';
import type { Timers } from '../../../lib/environment/clock.ts';
import type { Environment } from '../../../lib/environment/environment.ts';
import { type Logger, silentLogger } from '../../../lib/logger.ts';
import type { Durability, LogEngine, LogOptions } from '../../../log/log.ts';
import type { RestoredMessage } from '../message-store.ts';
import { Extents } from './extents.ts';
import { Journal } from './journal.ts';
import { Loader } from './loader.ts';
import { Maintenance, type MaintenanceOptions, POOLED_BYTES_MIN } from './maintenance.ts';
import { recover } from './recovery.ts';
import { Removals } from './removals.ts';
import { Restoring } from './restoring.ts';
import { Store, type StoreParts } from './store.ts';
import { newCounters } from './store-counters.ts';
import { VolatileChunks } from './volatile-chunks.ts';

export interface MessageStoreOptions {
  engine: LogEngine;
  environment: Pick<Environment, 'clock' | 'timers'>;
  durability: Durability;
  logger?: Logger | undefined;
  /** Memory for messages. Default 256 MiB. */
  memoryBytesMax?: number;
  /** Segments of the journal: disk space is freed in such pieces. Default 64 MiB. */
  segmentBytes?: number;
  /** A snapshot is taken after so much journal. Default 256 MiB. */
  snapshotBytes?: number;
  /** Memory is taken in pieces of this, which are also what is moved in and out of it. Default 1 MiB. */
  arenaBytes?: number;
  /** Whether the queue still exists: messages of others are forgotten. */
  knowsQueue(id: number): boolean;
}

const LOG_NAME = 'queues';
const MEMORY_BYTES_DEFAULT = 256 << 20;
const SEGMENT_BYTES_DEFAULT = 64 << 20;
const SNAPSHOT_BYTES_DEFAULT = 256 << 20;
const ARENA_BYTES_DEFAULT = 1 << 20;

export class OpenMessageStore extends Store {
  readonly #journal: Journal;
  readonly #timers: Timers;
  readonly #maintenance: Maintenance;
  #restoring: Restoring | undefined;

  constructor(parts: StoreParts, restoring: Restoring, options: MaintenanceOptions) {
    super(parts);
    this.#journal = parts.journal;
    this.#timers = options.timers;
    this.#restoring = restoring;
    this.#maintenance = new Maintenance(options, this, parts);
    parts.journal.onTurn = () => this.endTurn();
    parts.journal.onFlushed = () => this.#maintenance.check();
    parts.chunks.onChunk = () => this.#maintenance.schedule();
    parts.chunks.onFreed = () => this.#maintenance.chunkFreed();
    parts.loader.onLoaded = () => this.#maintenance.schedule();
  }

  /**
   * Hands out every message that was found, once, queue by queue in the order of seqs. Rows are `ready`; the queue
   * sets what they are. The object is used again for the next one.
   */
  restore(onRestored: (message: RestoredMessage) => void): void {
    const restoring = this.#restoring;
    this.#restoring = undefined;
    if (restoring === undefined) return;
    const { rows, due, groups, index } = restoring;
    const message: RestoredMessage = { row: 0, enqueuedMs: 0, dueMs: 0, groupId: undefined };
    index.forEach((row) => {
      message.row = row;
      message.enqueuedMs = rows.page(row).enqueuedMs[rows.index(row)]!;
      message.dueMs = due.get(row);
      message.groupId = groups.get(row);
      onRestored(message);
    });
  }

  /** Commits what was put, and writes a snapshot for a quick and exact start. Nothing may be put any more. */
  async close(): Promise<void> {
    this.flush();
    const journal = this.#journal;
    while (journal.committed < this.position && !journal.stalled && journal.failure === undefined) {
      await new Promise<void>((resolve) => this.#timers.immediate(resolve));
    }
    // On a full disk nobody waits any more.
    if (journal.stalled) journal.stop();
    await this.#maintenance.close();
    journal.stop();
  }
}

export async function openMessageStore(options: MessageStoreOptions): Promise<OpenMessageStore> {
  const { engine, environment } = options;
  const { clock, timers } = environment;
  const logger = options.logger ?? silentLogger;
  const logOptions: LogOptions = {
    durability: options.durability,
    segmentBytes: options.segmentBytes ?? SEGMENT_BYTES_DEFAULT,
    // What is still in memory is in extents.
    keepsTail: false,
  };
  const log = await engine.open(LOG_NAME, logOptions);
  const arenaBytes = options.arenaBytes ?? ARENA_BYTES_DEFAULT;
  const pool = new ArenaPool(POOLED_BYTES_MIN);
  const extents = new Extents(pool, arenaBytes);
  const restoring = new Restoring(options.knowsQueue);
  const recovered = await recover({ log, blobs: engine.blobs, logger, extents, restoring });
  const { rows, due, groups, marks } = restoring;
  const journal = new Journal({ clock, timers, logger, log, logOptions, extents });
  const removals = new Removals(journal);
  const chunks = new VolatileChunks(pool, arenaBytes);
  const loader = new Loader(log, extents, pool);
  const counters = newCounters();
  const memoryBytesMax = options.memoryBytesMax ?? MEMORY_BYTES_DEFAULT;
  const parts: StoreParts = {
    ...{ memoryBytesMax, rows, journal, removals, extents, chunks, pool, loader },
    ...{ due, groups, marks, counters },
  };
  return new OpenMessageStore(parts, restoring, {
    ...{ clock, timers, logger, log, blobs: engine.blobs, durability: options.durability },
    memoryBytesMax,
    segmentBytes: logOptions.segmentBytes,
    snapshotBytes: options.snapshotBytes ?? SNAPSHOT_BYTES_DEFAULT,
    ...recovered,
  });
}
