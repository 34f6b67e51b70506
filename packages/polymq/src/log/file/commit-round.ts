/**
 * Group commit for all logs of an engine. What was appended in one turn of the event loop is moved on at its
 * end, log by log (see `log-writer.ts` for the two lanes), then a round of the commit log is started.
 *
 * Writing to the page cache synchronously costs 1 to 25 µs, a trip to the thread pool 20 to 30 µs. But
 * it blocks the loop when the kernel holds writers back or the disk is slow. So: synchronously while a turn's total is
 * small and the last ones were fast, else on the thread pool.
 */
import type { Clock, Timers } from '../../lib/environment/clock.ts';
import type { CommitLog } from './commit-log.ts';
import type { LogWriter } from './log-writer.ts';

/** In one turn; about 0.25 ms at page cache speed. */
const SYNC_BYTES_PER_TURN_MAX = 1024 * 1024;
const SLOW_WRITE_MS = 1;
/** After a slow write, how long to write asynchronously. */
const SLOW_PAUSE_MS = 100;

export class CommitRounds {
  readonly #timers: Timers;
  readonly #clock: Clock;
  readonly #commitLog: CommitLog;
  #dirty: LogWriter[] = [];
  #scheduled = false;
  #syncBytesLeft = SYNC_BYTES_PER_TURN_MAX;
  #slowUntilMs = Number.NEGATIVE_INFINITY;

  constructor(environment: { timers: Timers; clock: Clock }, commitLog: CommitLog) {
    this.#timers = environment.timers;
    this.#clock = environment.clock;
    this.#commitLog = commitLog;
  }

  /** The log has something to write. */
  mark(writer: LogWriter): void {
    if (writer.queued) return;
    writer.queued = true;
    this.#dirty.push(writer);
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#timers.immediate(this.#turn);
  }

  /** Whether this many bytes may be written synchronously now. */
  mayWriteSync(bytes: number): boolean {
    if (bytes > this.#syncBytesLeft) return false;
    if (this.#clock.monotonicMs() < this.#slowUntilMs) return false;
    this.#syncBytesLeft -= bytes;
    return true;
  }

  /** A synchronous write took this long. */
  wroteSync(durationMs: number): void {
    if (durationMs > SLOW_WRITE_MS) this.#slowUntilMs = this.#clock.monotonicMs() + SLOW_PAUSE_MS;
  }

  readonly #turn = (): void => {
    this.#scheduled = false;
    this.#syncBytesLeft = SYNC_BYTES_PER_TURN_MAX;
    const dirty = this.#dirty;
    this.#dirty = [];
    for (const writer of dirty) {
      writer.queued = false;
      writer.write(dirty.length);
    }
    this.#commitLog.start();
  };
}
