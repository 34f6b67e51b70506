/**
 * Makes batch requests of what comes one by one: sends, deletions, changes of visibility.
 *
 *   add ─▶ waiting ─▶ [≤ 10 entries, ≤ 256 KiB] ─▶ request ─▶ done(outcome) per entry
 *
 * Adaptive, without a delay to choose: what is added in one turn of the event loop goes together, and while requests are under way, an incomplete
 * batch waits for the first of them to return. So a lone send travels at once, and many at a time fill batches.
 *
 * Invariants: at most `inFlightMax` requests are under way; entries leave in the order in which they were added; every entry is
 * done exactly once; at most `WAITING_BYTES_MAX` wait.
 */
import { PolymqError } from '../../errors.ts';
import { BATCH_BYTES_MAX, BATCH_ENTRIES_MAX } from './limits.ts';

/** Incomplete batches travel as long as fewer requests than this are under way. */
const HASTE = 2;
const WAITING_BYTES_MAX: number = 64 * 1024 * 1024;

export interface Gathered<Outcome> {
  /** As the limit of a batch counts them. */
  readonly bytes: number;
  done(outcome: Outcome | PolymqError): void;
}

export class Gatherer<Outcome, Entry extends Gathered<Outcome>> {
  readonly #inFlightMax: number;
  readonly #request: (entries: readonly Entry[]) => Promise<readonly (Outcome | PolymqError)[]>;
  #waiting: Entry[] = [];
  #waitingBytes = 0;
  #inFlight = 0;
  #scheduled = false;

  constructor(
    inFlightMax: number,
    request: (entries: readonly Entry[]) => Promise<readonly (Outcome | PolymqError)[]>,
  ) {
    this.#inFlightMax = inFlightMax;
    this.#request = request;
  }

  /** Nothing waits and nothing is under way. */
  get idle(): boolean {
    return this.#waiting.length === 0 && this.#inFlight === 0;
  }

  add(entry: Entry): void {
    if (this.#waitingBytes + entry.bytes > WAITING_BYTES_MAX) {
      entry.done(
        new PolymqError(
          'queue-full',
          `${this.#waitingBytes} bytes wait in this process to be sent to SQS; wait for sends to resolve before making more`,
        ),
      );
      return;
    }
    this.#waiting.push(entry);
    this.#waitingBytes += entry.bytes;
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#dispatch(false);
    });
  }

  #dispatch(incomplete: boolean): void {
    let mayGo = incomplete;
    while (this.#waiting.length > 0 && this.#inFlight < this.#inFlightMax) {
      const count = this.#batchCount();
      const complete = count < this.#waiting.length || count === BATCH_ENTRIES_MAX;
      if (!complete && !mayGo && this.#inFlight >= HASTE) return;
      mayGo = false;
      this.#send(this.#waiting.splice(0, count));
    }
  }

  /** How many of those that wait make the next batch: at least one. */
  #batchCount(): number {
    let bytes = 0;
    let count = 0;
    for (const entry of this.#waiting) {
      bytes += entry.bytes;
      if (count === BATCH_ENTRIES_MAX || (count > 0 && bytes > BATCH_BYTES_MAX)) break;
      count++;
    }
    return count;
  }

  #send(entries: readonly Entry[]): void {
    for (const { bytes } of entries) this.#waitingBytes -= bytes;
    this.#inFlight++;
    this.#request(entries).then(
      (outcomes) => {
        this.#inFlight--;
        entries.forEach((entry, index) => {
          entry.done(outcomes[index]!);
        });
        this.#dispatch(true);
      },
      (error: PolymqError) => {
        this.#inFlight--;
        for (const entry of entries) entry.done(error);
        this.#dispatch(true);
      },
    );
  }
}
