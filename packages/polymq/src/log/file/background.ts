/**
 * Work of the file engine that nobody waits for: safe batches go to their segments, logs that do not wait
 * for syncs are synced, checkpoints are taken. In small portions, so the loop is never kept busy.
 */
import type { Timer, Timers } from '../../lib/environment/clock.ts';
import type { LogWriter } from './log-writer.ts';

/** How long a batch that is safe in the commit log may wait for its segment. */
const FLUSH_DELAY_MS = 200;
/** Within 100 ms everything written in `os` mode is on its way to the disk. */
const SYNC_DELAY_MS = 50;
const CHECKPOINT_INTERVAL_MS = 10_000;
/** Writers flushed in one turn: about half a millisecond. */
const FLUSH_PORTION = 64;

export class Background {
  readonly #timers: Timers;
  readonly #checkpoint: () => Promise<void>;
  #toFlush = new Set<LogWriter>();
  #toSync = new Set<LogWriter>();
  #flushTimer: Timer | undefined;
  #syncTimer: Timer | undefined;
  #checkpointTimer: Timer | undefined;
  #running: Promise<void> | undefined;
  #again = false;
  #stopped = false;

  constructor(timers: Timers, checkpoint: () => Promise<void>) {
    this.#timers = timers;
    this.#checkpoint = checkpoint;
    this.#armCheckpoint();
  }

  flushLater(writer: LogWriter): void {
    this.#toFlush.add(writer);
    if (this.#flushTimer !== undefined || this.#stopped) return;
    this.#flushTimer = this.#after(FLUSH_DELAY_MS, () => {
      this.#flushTimer = undefined;
      const writers = [...this.#toFlush];
      this.#toFlush.clear();
      this.#flush(writers, 0);
    });
  }

  syncLater(writer: LogWriter): void {
    this.#toSync.add(writer);
    if (this.#syncTimer !== undefined || this.#stopped) return;
    this.#syncTimer = this.#after(SYNC_DELAY_MS, () => {
      this.#syncTimer = undefined;
      const writers = [...this.#toSync];
      this.#toSync.clear();
      for (const writer of writers) writer.syncInBackground();
    });
  }

  /** Takes a checkpoint now, or once more after the one that is running. */
  checkpoint(): void {
    if (this.#stopped) return;
    if (this.#running !== undefined) {
      this.#again = true;
      return;
    }
    this.#running = this.#checkpoint()
      // No room, or a log that has stopped: the next one will show.
      .catch(() => undefined)
      .then(() => {
        this.#running = undefined;
        if (!this.#again) return;
        this.#again = false;
        this.checkpoint();
      });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    for (const timer of [this.#flushTimer, this.#syncTimer, this.#checkpointTimer]) {
      this.#timers.clear(timer);
    }
    while (this.#running !== undefined) await this.#running;
  }

  #flush(writers: readonly LogWriter[], start: number): void {
    if (this.#stopped) return;
    for (const writer of writers.slice(start, start + FLUSH_PORTION)) {
      writer.flush();
      // It was busy: try again.
      if (writer.safeBytes > 0) this.flushLater(writer);
    }
    const next = start + FLUSH_PORTION;
    if (next < writers.length) this.#timers.immediate(() => this.#flush(writers, next));
  }

  #armCheckpoint(): void {
    this.#checkpointTimer = this.#after(CHECKPOINT_INTERVAL_MS, () => {
      this.checkpoint();
      this.#armCheckpoint();
    });
  }

  #after(delayMs: number, callback: () => void): Timer {
    const timer = this.#timers.after(delayMs, callback);
    timer.unref();
    return timer;
  }
}
