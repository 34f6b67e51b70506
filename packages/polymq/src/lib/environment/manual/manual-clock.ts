/**
 * A clock that moves only when it is told to, over the real event loop and the real disk: what tests of programs use. Hours pass
 * in the time that their consequences take.
 *
 *   advance ─► next timer that is due ─► its callback ─► what comes of it, until all is quiet ─► next timer … ─► the end
 *
 * Turns of the event loop go on while time stands still, so what only waits for its turn or for the disk makes progress.
 * A timer without delay waits for a turn, not for time.
 */
import type { Clock, Timer, Timers } from '../clock.ts';

class ManualTimer implements Timer {
  readonly dueMs: number;
  readonly order: number;
  /** Undefined: it has fired, or was cleared. */
  callback: (() => void) | undefined;

  constructor(dueMs: number, order: number, callback: () => void) {
    this.dueMs = dueMs;
    this.order = order;
    this.callback = callback;
  }

  unref(): void {}
}

/** So many turns without anything new, and nothing moves any more. */
const QUIET_TURNS = 3;
/** While the disk works, turns are this far apart. */
const BUSY_WAIT_MS = 1;
/** What has not come to rest by then waits for something else than time and the disk. */
const BUSY_WAITS_MAX = 5_000;
/** Cleared timers stay in the heap until they come up, or are so many. */
const CLEARED_MIN = 1_024;

export class ManualClock implements Clock, Timers {
  /** Whether something is under way that ends by itself, such as a write to the disk. */
  busy: () => boolean = () => false;
  readonly #startMs: number;
  #elapsedMs = 0;
  #order = 0;
  /** A binary heap: the earliest first, and among equals the one that was made first. */
  #heap: ManualTimer[] = [];
  #cleared = 0;
  /** Turns that were asked for, ever. */
  #turnsAsked = 0;
  #turnsPending = 0;

  constructor(startMs: number = Date.now()) {
    this.#startMs = startMs;
  }

  nowMs(): number {
    return this.#startMs + this.#elapsedMs;
  }

  monotonicMs(): number {
    return this.#elapsedMs;
  }

  after(delayMs: number, callback: () => void): Timer {
    const timer = new ManualTimer(this.#elapsedMs + delayMs, this.#order++, callback);
    if (delayMs <= 0) this.immediate(() => fire(timer));
    else this.#push(timer);
    return timer;
  }

  clear(timer: Timer | undefined): void {
    if (!(timer instanceof ManualTimer) || timer.callback === undefined) return;
    timer.callback = undefined;
    this.#cleared += 1;
    if (this.#cleared > CLEARED_MIN && this.#cleared > this.#heap.length / 2) this.#sweep();
  }

  immediate(callback: () => void): void {
    this.#turnsAsked += 1;
    this.#turnsPending += 1;
    setImmediate(() => {
      this.#turnsPending -= 1;
      callback();
    });
  }

  /** Moves time on. Resolves when what became due, and what came of it, has happened. */
  async advance(durationMs: number): Promise<void> {
    const endMs = this.#elapsedMs + durationMs;
    await this.settle();
    for (let timer = this.#next(endMs); timer !== undefined; timer = this.#next(endMs)) {
      this.#elapsedMs = Math.max(this.#elapsedMs, timer.dueMs);
      const asked = this.#turnsAsked;
      fire(timer);
      // Most timers of days that pass only look whether there is something to do: one turn shows that nothing came of it.
      await turn();
      if (asked !== this.#turnsAsked || this.busy()) await this.settle();
    }
    this.#elapsedMs = Math.max(this.#elapsedMs, endMs);
    await this.settle();
  }

  /** Resolves when nothing moves any more while time stands still. */
  async settle(): Promise<void> {
    let quiet = 0;
    for (let waits = 0; quiet < QUIET_TURNS && waits < BUSY_WAITS_MAX; ) {
      const asked = this.#turnsAsked;
      if (this.busy()) {
        waits += 1;
        await new Promise<void>((resolve) => setTimeout(resolve, BUSY_WAIT_MS));
      }
      await turn();
      const still = asked === this.#turnsAsked && this.#turnsPending === 0 && !this.busy();
      quiet = still ? quiet + 1 : 0;
    }
  }

  /** Takes out the next timer that is due by then. */
  #next(endMs: number): ManualTimer | undefined {
    for (;;) {
      const first = this.#heap[0];
      if (first === undefined) return undefined;
      if (first.callback !== undefined) {
        if (first.dueMs > endMs) return undefined;
        this.#pop();
        return first;
      }
      this.#pop();
      this.#cleared -= 1;
    }
  }

  #sweep(): void {
    const live = this.#heap.filter(({ callback }) => callback !== undefined);
    // A sorted list is a heap.
    this.#heap = live.sort((a, b) => (isBefore(a, b) ? -1 : 1));
    this.#cleared = 0;
  }

  #push(timer: ManualTimer): void {
    const heap = this.#heap;
    let at = heap.length;
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (!isBefore(timer, heap[above]!)) break;
      heap[at] = heap[above]!;
      at = above;
    }
    heap[at] = timer;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= heap.length) break;
      if (below + 1 < heap.length && isBefore(heap[below + 1]!, heap[below]!)) below += 1;
      if (!isBefore(heap[below]!, last)) break;
      heap[at] = heap[below]!;
      at = below;
    }
    heap[at] = last;
  }
}

/** One turn of the event loop: everything that only waited for its turn has had it. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function isBefore(a: ManualTimer, b: ManualTimer): boolean {
  return a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.order < b.order);
}

function fire(timer: ManualTimer): void {
  const { callback } = timer;
  timer.callback = undefined;
  callback?.();
}
