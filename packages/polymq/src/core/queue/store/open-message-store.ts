/**
 * Opens the message store: finds what is on disk, and puts its parts together.
 *
 *   snapshot ─► rows ◄─ replay of the journal behind it ─► restore(queue catalogue) ─► in use ─► close: snapshot
 */
import { ArenaPool } from '../../../lib/arena.ts';
import type { Environment } from '../../../lib/environment/environment.ts';
import { type Logger, silentLogger } from '../../../lib/logger.ts';
import type { Durability, LogEngine, LogOptions } from '../../../log/log.ts';
import type { RestoredMessage } from '../message-store.ts';
import { ROW_FLAG, RowTable } from '../rows.ts';
import { Extents } from './extents.ts';
import { GroupIds } from './group-ids.ts';
import { Journal } from './journal.ts';
import { Loader } from './loader.ts';
import { countLive, replayLog } from './recovery.ts';
import { Removals } from './removals.ts';
import { type Mark, Restoring } from './restoring.ts';
import { SparseColumn } from './sparse-column.ts';
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
  /** Whether the queue still exists: messages of others are forgotten. */
  knowsQueue(id: number): boolean;
}

const LOG_NAME = 'queues';
const MEMORY_BYTES_DEFAULT = 256 << 20;
const SEGMENT_BYTES_DEFAULT = 64 << 20;
const POOLED_BYTES_MAX = 32 << 20;

export class OpenMessageStore extends Store {
  readonly #journal: Journal;
  readonly #due: SparseColumn;
  readonly #groups: GroupIds;
  #restoring: Restoring | undefined;

  constructor(parts: StoreParts, restoring: Restoring) {
    super(parts);
    this.#journal = parts.journal;
    this.#due = parts.due;
    this.#groups = parts.groups;
    this.#restoring = restoring;
  }

  /**
   * Hands out every message that was found, once, queue by queue in the order of seqs. The object is used again
   * for the next one.
   */
  restore(onRestored: (message: RestoredMessage) => void): void {
    const restoring = this.#restoring;
    this.#restoring = undefined;
    if (restoring === undefined) return;
    const message: RestoredMessage = { row: 0, enqueuedMs: 0, dueMs: 0, groupId: undefined };
    restoring.index.forEach((row) => {
      message.row = row;
      message.enqueuedMs = this.rows.page(row).enqueuedMs[this.rows.index(row)]!;
      message.dueMs = this.#due.get(row);
      message.groupId = this.#groups.get(row);
      onRestored(message);
    });
  }

  /** Commits what was put. Nothing may be put any more. */
  async close(): Promise<void> {
    this.flush();
    await this.#journal.whenCommitted(this.position).catch(() => undefined);
    this.#journal.stop();
  }
}

export async function openMessageStore(options: MessageStoreOptions): Promise<OpenMessageStore> {
  const logger = options.logger ?? silentLogger;
  const logOptions: LogOptions = {
    durability: options.durability,
    segmentBytes: options.segmentBytes ?? SEGMENT_BYTES_DEFAULT,
  };
  const log = await options.engine.open(LOG_NAME, logOptions);
  const pool = new ArenaPool(POOLED_BYTES_MAX);
  const rows = new RowTable();
  const extents = new Extents(pool);
  const due = new SparseColumn();
  const groups = new GroupIds();
  const marks = new Map<string, Mark>();
  const restoring = new Restoring({ rows, due, groups, marks }, options.knowsQueue);
  await replayLog({ log, logger, extents, restoring, from: 0 });
  countLive(rows, extents);
  rows.forEach((_row, page, index) => {
    page.flags[index]! |= ROW_FLAG.redelivered;
  });
  const counters = newCounters();
  const { clock, timers } = options.environment;
  const journal = new Journal({
    clock,
    timers,
    logger,
    log,
    logOptions,
    extents,
    onTurn: () => removals.flush(),
    onFlushed: () => undefined,
  });
  const removals = new Removals(journal);
  const chunks = new VolatileChunks(pool);
  const loader = new Loader(log, extents, pool);
  const parts = { rows, pool, journal, removals, extents, chunks, loader, due, groups, marks };
  void (options.memoryBytesMax ?? MEMORY_BYTES_DEFAULT);
  return new OpenMessageStore({ ...parts, counters }, restoring);
}
