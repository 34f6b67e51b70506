/**
 * What was published in the last five minutes, over the marks of the message store: remembering an id is a mark that is
 * journaled in the batch of its message. Nothing is journaled when it is over; the mark is only dropped from memory.
 *
 *   remember ─► mark `dedup/<hash of scope and id>` = number ─► first in, first out by time ─► 5 min ─► forgetMark
 *   start    ─► marks of the store, sorted by number; what is over is dropped
 *
 * Time never goes back here: it is the wall clock, or if that was put back, the last time known and what has passed since by the
 * monotonic clock. So numbers grow, also over restarts, and the window is five minutes long whatever the wall clock does. The
 * last number given out is a mark too, since ids that are over leave no trace.
 *
 * An id is known by the first 16 bytes of a SHA-256, so that all take the same room whatever their length.
 */
import { hash } from 'node:crypto';
import type { Clock, Timer, Timers } from '../../lib/environment/clock.ts';
import { Fifo } from '../../lib/fifo.ts';
import { BrokerError } from '../errors.ts';
import type { Dedup } from './dedup.ts';
import type { MessageStore } from './message-store.ts';

const WINDOW_MS = 5 * 60_000;
const IDS_MAX = 1_000_000;
/** Of a scope, and of an id. */
const TEXT_LENGTH_MAX = 1024;
const PREFIX = 'dedup/';
const LAST_NUMBER = 'dedup-number';
const HASH_BYTES = 16;
const NAME_BYTES = PREFIX.length + 22;
/** A wall clock beyond this is wrong, and must not use up the numbers. */
const TIME_MS_MAX = Math.floor(Number.MAX_SAFE_INTEGER / 1000) - 1_000_000_000;
/** So many are forgotten for one that is remembered, and in one turn of the sweep. */
const FORGET_PER_CALL = 8;
const FORGET_PER_TURN = 5000;
const SWEEP_MS = 1000;
const SWEEP_SOON_MS = 10;

export interface DedupOptions {
  store: Pick<MessageStore, 'mark' | 'setMark' | 'together' | 'forgetMark' | 'marks'>;
  clock: Clock;
  timers: Timers;
  /** How long an id is remembered. Default five minutes, which is what SQS and SNS promise. */
  windowMs?: number;
  idsMax?: number;
}

export class DedupWindow implements Dedup {
  readonly #store: DedupOptions['store'];
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #windowMs: number;
  readonly #idsMax: number;
  /** Names of marks, oldest first. One that was remembered anew before it was forgotten is in it again. */
  readonly #names = new Fifo<string>();
  readonly #nameBytes = Buffer.alloc(NAME_BYTES, PREFIX, 'latin1');
  /** Names that are in it more than once, and how often more. */
  readonly #again = new Map<string, number>();
  #last: number;
  /** The time that was known last, and when that was by the monotonic clock. */
  #anchorMs: number;
  #anchoredAtMs: number;
  #timer: Timer | undefined;
  #closed = false;

  constructor({ store, clock, timers, windowMs, idsMax }: DedupOptions) {
    this.#store = store;
    this.#clock = clock;
    this.#timers = timers;
    this.#windowMs = windowMs ?? WINDOW_MS;
    this.#idsMax = idsMax ?? IDS_MAX;
    const known = store.marks(PREFIX).sort(([, a], [, b]) => a - b);
    this.#last = Math.max(0, store.mark(LAST_NUMBER) ?? 0, known.at(-1)?.[1] ?? 0);
    this.#anchorMs = Math.floor(this.#last / 1000);
    this.#anchoredAtMs = clock.monotonicMs();
    const nowMs = this.#nowMs();
    for (const [name, number] of known) {
      if (this.#isOver(number, nowMs)) store.forgetMark(name);
      else this.#names.push(name);
    }
    this.#arm(SWEEP_MS);
  }

  /** Ids in memory. */
  get count(): number {
    return this.#names.length;
  }

  nextNumber(): number {
    this.#store.together();
    this.#last = Math.max(this.#last + 1, this.#nowMs() * 1000);
    this.#store.setMark(LAST_NUMBER, this.#last);
    return this.#last;
  }

  find(scope: string, id: string): number | undefined {
    const number = this.#store.mark(this.#nameOf(scope, id));
    if (number !== undefined && !this.#isOver(number, this.#nowMs())) return number;
    if (this.#names.length >= this.#idsMax) this.#makeRoom();
    return undefined;
  }

  remember(scope: string, id: string, number: number): void {
    this.#forget(FORGET_PER_CALL);
    const name = this.#nameOf(scope, id);
    if (this.#store.mark(name) !== undefined) {
      this.#again.set(name, (this.#again.get(name) ?? 0) + 1);
    }
    this.#store.setMark(name, number);
    this.#names.push(name);
    this.#arm(SWEEP_MS);
  }

  /** Stops the sweep. */
  close(): void {
    this.#closed = true;
    this.#timers.clear(this.#timer);
  }

  #nowMs(): number {
    const monotonicMs = this.#clock.monotonicMs();
    const passedMs = this.#anchorMs + Math.floor(monotonicMs - this.#anchoredAtMs);
    const wallMs = Math.min(this.#clock.nowMs(), TIME_MS_MAX);
    if (wallMs < passedMs) return passedMs;
    this.#anchorMs = wallMs;
    this.#anchoredAtMs = monotonicMs;
    return wallMs;
  }

  #isOver(number: number, nowMs: number): boolean {
    return Math.floor(number / 1000) + this.#windowMs <= nowMs;
  }

  #makeRoom(): void {
    this.#forget(FORGET_PER_CALL);
    if (this.#names.length < this.#idsMax) return;
    throw new BrokerError(
      'limit-reached',
      `${this.#idsMax} deduplication ids are remembered, of all messages published in the last ` +
        `${this.#windowMs / 1000} s; publish more slowly, or raise the limit (setting queues.deduplicationIdsMax)`,
    );
  }

  /** Forgets what is over, at most so many. Returns whether there may be more. */
  #forget(countMax: number): boolean {
    const nowMs = this.#nowMs();
    for (let count = 0; count < countMax; count++) {
      const name = this.#names.peek();
      if (name === undefined) return false;
      if (!this.#comesAgain(name)) {
        const number = this.#store.mark(name);
        if (number !== undefined && !this.#isOver(number, nowMs)) return false;
        this.#store.forgetMark(name);
      }
      this.#names.take();
    }
    return true;
  }

  /** Whether the name is further back too. */
  #comesAgain(name: string): boolean {
    const count = this.#again.get(name);
    if (count === undefined) return false;
    if (count === 1) this.#again.delete(name);
    else this.#again.set(name, count - 1);
    return true;
  }

  /** Frees memory also while nobody publishes. */
  #arm(delayMs: number): void {
    if (this.#timer !== undefined || this.#closed || this.#names.length === 0) return;
    this.#timer = this.#timers.after(delayMs, () => {
      this.#timer = undefined;
      this.#arm(this.#forget(FORGET_PER_TURN) ? SWEEP_SOON_MS : SWEEP_MS);
    });
    this.#timer.unref();
  }

  #nameOf(scope: string, id: string): string {
    if (scope.length > TEXT_LENGTH_MAX || id.length > TEXT_LENGTH_MAX) {
      throw new BrokerError(
        'limit-reached',
        `a deduplication id has ${id.length} characters in a scope of ${scope.length}; ${TEXT_LENGTH_MAX} are allowed each`,
      );
    }
    const bytes = hash('sha256', `${scope}\0${id}`, 'buffer');
    // Written in place: a text that was put together from parts would keep them all in memory.
    const name = this.#nameBytes;
    name.write(bytes.toString('base64url', 0, HASH_BYTES), PREFIX.length, 'latin1');
    return name.toString('latin1');
  }
}
