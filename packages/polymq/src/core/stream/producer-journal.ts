/**
 * Keeps a partition's producer state in step with its log: rebuilds it at start, undoes what the
 * log lost, and saves a snapshot every so often, so that a start after a crash scans little.
 */

import { readInt64 } from '../../lib/bytes/int64.ts';
import { AT, batchBaseOffset } from '../../log/batch.ts';
import type { Log } from '../../log/log.ts';
import type { ProducerSnapshot } from './producer-snapshot.ts';
import {
  type ProducerBatch,
  type ProducerBudget,
  ProducerTable,
  type RememberedBatch,
} from './producer-state.ts';

/** A snapshot is written after so much was appended: it bounds the scan after a crash. */
const SNAPSHOT_BYTES = 128 * 1024 * 1024;
const SNAPSHOT_BATCHES = 100_000;

export class ProducerJournal {
  readonly #log: Log;
  readonly #table: ProducerTable;
  readonly #save: (snapshot: ProducerSnapshot) => Promise<void>;
  /** The tail as the last append left it; the real one is lower only if the log lost batches. */
  #tailSeen: number;
  #savedOffset = 0;
  #bytesSince = 0;
  #batchesSince = 0;
  #saving = false;

  constructor(
    log: Log,
    budget: ProducerBudget,
    save: (snapshot: ProducerSnapshot) => Promise<void>,
  ) {
    this.#log = log;
    this.#table = new ProducerTable(budget);
    this.#save = save;
    this.#tailSeen = log.tail;
  }

  get count(): number {
    return this.#table.count;
  }

  /** Whether a snapshot of now would say more than the last one. */
  get unsaved(): boolean {
    return this.#log.committed !== this.#savedOffset;
  }

  /** Loads a snapshot and scans the headers of all batches after it. */
  async rebuild(snapshot: ProducerSnapshot | undefined, nowMs: number): Promise<void> {
    const known = snapshot?.offset ?? 0;
    for (const [id, state] of snapshot?.producers ?? []) this.#table.set(id, state);
    this.#savedOffset = known;
    if (known < this.#log.committed) {
      await this.#log.scanHeaders(Math.max(known, this.#log.start), (header, at) => {
        if (batchBaseOffset(header, at) >= known) this.#restore(header, at, nowMs);
      });
    }
    this.#tailSeen = this.#log.tail;
  }

  /** See `ProducerTable.check`. */
  check(batch: ProducerBatch): RememberedBatch | undefined {
    return this.#table.check(batch);
  }

  /** To be called before each append: the log may have lost what it had no room for. */
  noticeLoss(): void {
    const { tail } = this.#log;
    if (tail < this.#tailSeen) this.#table.rollBack(tail);
    this.#tailSeen = tail;
  }

  /** The log has taken a batch. */
  appended(
    batch: ProducerBatch | undefined,
    baseOffset: number,
    bytes: number,
    nowMs: number,
  ): void {
    this.#tailSeen = this.#log.tail;
    this.#bytesSince += bytes;
    this.#batchesSince++;
    if (batch !== undefined) {
      this.#table.settle(this.#log.committed);
      this.#table.record(batch, baseOffset, nowMs);
    }
    if (this.#bytesSince >= SNAPSHOT_BYTES || this.#batchesSince >= SNAPSHOT_BATCHES) {
      void this.saveSoon();
    }
  }

  /**
   * Saves what is there now, once it is committed. A failure only means a longer scan after a
   * crash.
   */
  async saveSoon(): Promise<void> {
    if (this.#saving) return;
    this.#saving = true;
    this.#bytesSince = 0;
    this.#batchesSince = 0;
    const snapshot = this.snapshot();
    try {
      await this.#log.whenCommitted(snapshot.offset);
      await this.#save(snapshot);
      this.#savedOffset = Math.max(this.#savedOffset, snapshot.offset);
    } catch {
      // The log tells its own callers what is wrong with it.
    } finally {
      this.#saving = false;
    }
  }

  /** The state after everything that is appended now. */
  snapshot(): ProducerSnapshot {
    this.noticeLoss();
    return {
      log: this.#log.name,
      offset: this.#log.tail,
      producers: new Map(this.#table.entries()),
    };
  }

  expire(seenMs: number): void {
    this.#table.expire(seenMs);
  }

  clear(): void {
    this.#table.clear();
  }

  #restore(header: Buffer, at: number, nowMs: number): void {
    const producerId = readInt64(header, at + AT.producerId);
    if (producerId < 0) return;
    const batch: ProducerBatch = {
      producerId,
      epoch: header.readInt16BE(at + AT.producerEpoch),
      firstSequence: header.readInt32BE(at + AT.baseSequence),
      recordCount: header.readInt32BE(at + AT.recordCount),
    };
    const timestampMs = readInt64(header, at + AT.maxTimestamp);
    // The log does not say when a batch came, only how its records are dated.
    const seenMs = timestampMs < 0 ? nowMs : Math.min(timestampMs, nowMs);
    this.#table.restore(batch, batchBaseOffset(header, at), seenMs);
  }
}
