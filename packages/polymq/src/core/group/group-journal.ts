/**
 * Durability of groups: one log named `groups`, and snapshots that allow it to be trimmed.
 *
 * Everything that is written in one turn of the event loop, for all groups, goes into one batch and so
 * into one commit round. An entry is applied to the store when it is durable, in the order of the log;
 * only then does `write` resolve. So the store never shows what a crash could take back.
 *
 *   write ─► gathered ─(end of turn)─► log.append ─► log.whenCommitted ─► store.apply ─► resolves
 *
 * A snapshot is taken when the log has grown by more than `snapshotBytes` and by more than the last
 * snapshot's size, in slices between which the broker goes on. It starts with the offset that was next when
 * it began; see `journal-entry.ts` for why later effects may be in it. The log is trimmed to where the snapshot
 * before it begins: should the newest one be damaged, the other one and the log still hold everything.
 */
import type { Environment } from '../../lib/environment/environment.ts';
import { type Logger, silentLogger } from '../../lib/logger.ts';
import {
  DamagedRangeError,
  type Durability,
  type Log,
  type LogEngine,
  StorageFullError,
} from '../../log/log.ts';
import { BrokerError } from '../errors.ts';
import { readBuffers } from '../record/record-reader.ts';
import { writeBatch } from '../record/record-writer.ts';
import { GroupStore } from './group-store.ts';
import { decodeEntry, encodeEntry, type JournalEntry } from './journal-entry.ts';
import { loadSnapshot, type Snapshot, writeSnapshot } from './journal-snapshot.ts';

export interface JournalOptions {
  environment: Environment;
  engine: LogEngine;
  durability: Durability;
  snapshotBytes: number;
  logger?: Logger | undefined;
}

/** The name of the log, and the prefix of its snapshots. */
const LOG_NAME = 'groups';
const SEGMENT_BYTES = 16 << 20;
/** A batch is closed when it holds as much; a single entry may be larger. */
const BATCH_BYTES = 1 << 20;
const READ_BYTES = 1 << 20;

interface Waiting {
  entry: JournalEntry;
  record: { key: Buffer; value: Buffer };
  resolve: () => void;
  reject: (error: BrokerError) => void;
}

export class GroupJournal {
  readonly store: GroupStore = new GroupStore();
  readonly #options: JournalOptions;
  readonly #logger: Logger;
  readonly #log: Log;
  #gathered: Waiting[] = [];
  #flushScheduled = false;
  /** The offset after the last entry that the store contains. */
  #applied = 0;
  #bytesSinceSnapshot = 0;
  #lastSnapshot: Snapshot | undefined;
  #snapshotting: Promise<void> | undefined;
  #closed = false;

  private constructor(options: JournalOptions, log: Log) {
    this.#options = options;
    this.#logger = options.logger ?? silentLogger;
    this.#log = log;
  }

  /** Opens the log and rebuilds the store. */
  static async open(options: JournalOptions): Promise<GroupJournal> {
    const { durability, engine } = options;
    const log = await engine.open(LOG_NAME, {
      durability,
      segmentBytes: SEGMENT_BYTES,
      mayUseReserve: true,
    });
    const journal = new GroupJournal(options, log);
    await journal.#recover();
    return journal;
  }

  /** Bytes in the log that the next start would replay. */
  get sizeBytes(): number {
    return this.#log.sizeBytes;
  }

  /** Resolves when the entry is durable and in the store. Rejects with `BrokerError`. */
  write(entry: JournalEntry): Promise<void> {
    const key = Buffer.from(entry.kind === 'remove-stream' ? entry.stream : entry.group);
    const record = { key, value: Buffer.from(encodeEntry(entry)) };
    return new Promise((resolve, reject) => {
      this.#gathered.push({ entry, record, resolve, reject });
      if (this.#flushScheduled) return;
      this.#flushScheduled = true;
      this.#options.environment.timers.immediate(() => this.#flush());
    });
  }

  /** Makes durable what was written. Nothing may be written any more. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#flush();
    await this.#log.whenCommitted(this.#log.tail).catch(() => undefined);
    await this.#snapshotting;
  }

  #flush(): void {
    this.#flushScheduled = false;
    const gathered = this.#gathered;
    this.#gathered = [];
    let start = 0;
    while (start < gathered.length) {
      let end = start;
      for (let bytes = 0; end < gathered.length && bytes < BATCH_BYTES; end++) {
        bytes += gathered[end]!.record.value.length;
      }
      this.#append(gathered.slice(start, end));
      start = end;
    }
  }

  #append(waiting: readonly Waiting[]): void {
    const timestampMs = this.#options.environment.clock.nowMs();
    const batch = writeBatch({ records: waiting.map((one) => one.record), timestampMs });
    const bytes = batch.length;
    const fail = (cause: unknown) => {
      const error = storageError(cause);
      for (const one of waiting) one.reject(error);
    };
    let next: number;
    try {
      next = this.#log.append(batch) + waiting.length;
    } catch (error) {
      fail(error);
      return;
    }
    this.#log.whenCommitted(next).then(() => {
      for (const one of waiting) {
        this.store.apply(one.entry);
        one.resolve();
      }
      this.#applied = next;
      this.#bytesSinceSnapshot += bytes;
      this.#snapshotIfDue();
    }, fail);
  }

  async #recover(): Promise<void> {
    const log = this.#log;
    const { snapshot, entries } = await loadSnapshot(this.#options.engine.blobs, LOG_NAME);
    for (const entry of entries) this.store.apply(entry);
    this.#lastSnapshot = snapshot;
    const from = snapshot?.nextOffset ?? 0;
    if (log.start > from) {
      this.#logger.error(
        { log: LOG_NAME, from, start: log.start },
        'the journal of consumer groups begins after its newest snapshot ends: offsets committed in between are lost',
      );
    }
    await this.#replay(Math.max(from, log.start));
    this.#applied = log.committed;
    // A log that lost its end (a power cut without fsync) would give those offsets to other entries.
    if (from > log.committed) await this.#snapshot();
  }

  async #replay(from: number): Promise<void> {
    for (let at = from; at < this.#log.committed; ) {
      try {
        const read = await this.#log.read(at, READ_BYTES, true);
        // The first batch may begin before `at`: applying an entry again does no harm.
        for (const { value } of readBuffers(read.buffers)) {
          if (value !== undefined) this.store.apply(decodeEntry(value.toString()));
        }
        this.#bytesSinceSnapshot += read.bytes;
        at = Math.max(read.nextOffset, at + 1);
      } catch (error: unknown) {
        if (!(error instanceof DamagedRangeError)) throw error;
        this.#logger.error(
          { log: LOG_NAME, offset: at, nextOffset: error.nextOffset, error },
          'a range of the journal of consumer groups is damaged: offsets committed there are lost',
        );
        at = Math.max(error.nextOffset, at + 1);
      }
    }
  }

  #snapshotIfDue(): void {
    const due = Math.max(this.#options.snapshotBytes, this.#lastSnapshot?.bytes ?? 0);
    if (this.#bytesSinceSnapshot <= due || this.#snapshotting || this.#closed) return;
    this.#snapshotting = this.#snapshot()
      .catch((error: unknown) => {
        this.#logger.warn(
          { log: LOG_NAME, error },
          'could not write a snapshot of consumer groups; the journal grows until one succeeds',
        );
      })
      .finally(() => {
        this.#snapshotting = undefined;
      });
  }

  async #snapshot(): Promise<void> {
    const { engine, environment } = this.#options;
    const previous = this.#lastSnapshot;
    this.#bytesSinceSnapshot = 0;
    this.#lastSnapshot = await writeSnapshot({
      blobs: engine.blobs,
      timers: environment.timers,
      prefix: LOG_NAME,
      sequence: (previous?.sequence ?? 0) + 1,
      nextOffset: this.#applied,
      entries: this.store.entries(),
    });
    const trimTo = Math.min(previous?.nextOffset ?? 0, this.#log.committed);
    if (trimTo > this.#log.start) await this.#log.trim(trimTo);
  }
}

function storageError(cause: unknown): BrokerError {
  return cause instanceof StorageFullError
    ? new BrokerError('storage-full', 'no room on disk for the journal of consumer groups', {
        cause,
      })
    : new BrokerError('storage-failed', 'the journal of consumer groups has stopped', { cause });
}
