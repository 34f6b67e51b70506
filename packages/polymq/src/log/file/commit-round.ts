/**
 * Group commit for all logs of an engine: what was appended in one turn of the event loop is written
 * at its end.
 */
import type { Timers } from '../../lib/environment/clock.ts';
import type { LogWriter } from './log-writer.ts';

export class CommitRounds {
  readonly #timers: Timers;
  #dirty: LogWriter[] = [];
  #scheduled = false;

  constructor(timers: Timers) {
    this.#timers = timers;
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

  readonly #turn = (): void => {
    this.#scheduled = false;
    const dirty = this.#dirty;
    this.#dirty = [];
    for (const writer of dirty) {
      writer.queued = false;
      writer.write();
    }
  };
}
