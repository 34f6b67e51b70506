/**
 * A hierarchical timing wheel: timers by the million, of any length, driven by one timer of the environment.
 *
 *   level 0   256 slots of 1 ms            a timer lies on the lowest level on which its slot differs from
 *   level 1   256 slots of 256 ms          that of now; when its slot comes up it is moved further down
 *   …         …
 *   level 5   256 slots of 35 years
 *
 * Timers are numbers, kept in pages of typed arrays and linked into their slot both ways, so that adding and
 * cancelling cost some nanoseconds and nothing for the garbage collector. A bitmap per level finds the next slot
 * in use, so that quiet times cost nothing.
 *
 * Invariant: on every level, slots in use lie behind that of `#now`, except the one that is being drained. A slot on a
 * lower level is always earlier than any on a higher one.
 */
import type { Clock, Timer, Timers } from './environment/clock.ts';

const LEVELS = 6;
const SLOTS = 256;
const WORDS_PER_LEVEL: number = SLOTS / 32;
/** What the low three levels cover; dues are split there because bit operations take 32 bits. */
const LOW_SPAN: number = 2 ** 24;
const DUE_MAX: number = 2 ** 48 - 1;

const PAGE_BITS = 12;
const PAGE_TIMERS: number = 1 << PAGE_BITS;
const PAGE_MASK: number = PAGE_TIMERS - 1;

/** An id is `generation << 26 | index`: a stale one is told from the timer that has its place now. */
const INDEX_BITS = 26;
const INDEX_MASK: number = 2 ** INDEX_BITS - 1;
const GENERATION_MAX = 63;

/** Timers fired or moved in one turn of the event loop. */
const TURN_MAX = 4096;
/** The longest the environment's timer is asked to wait. */
const SLEEP_MS_MAX: number = 24 * 60 * 60 * 1000;

const NONE = -1;

/** No timer. */
export const NO_TIMER = 0;

class TimerPage {
  readonly dueMs: Float64Array = new Float64Array(PAGE_TIMERS);
  readonly key: Int32Array = new Int32Array(PAGE_TIMERS);
  /** The timer behind this one; for the last of a slot, the complement of the slot. */
  readonly next: Int32Array = new Int32Array(PAGE_TIMERS);
  /** The timer before this one; for the first of a slot, the complement of the slot. */
  readonly previous: Int32Array = new Int32Array(PAGE_TIMERS);
  /** Raised when a timer is freed: ids of before are stale then. */
  readonly generation: Uint8Array = new Uint8Array(PAGE_TIMERS).fill(1);
  /** 1 while it is to fire. */
  readonly live: Uint8Array = new Uint8Array(PAGE_TIMERS);
}

export interface TimerWheelOptions {
  clock: Clock;
  timers: Timers;
  /** Called with the key of each timer that is due; never from within `add`. */
  onDue: (key: number) => void;
}

export class TimerWheel {
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #onDue: (key: number) => void;
  readonly #startMs: number;
  readonly #pages: TimerPage[] = [];
  /** The first and the last timer of each slot of each level. */
  readonly #heads: Int32Array = new Int32Array(LEVELS * SLOTS).fill(NONE);
  readonly #tails: Int32Array = new Int32Array(LEVELS * SLOTS).fill(NONE);
  readonly #used: Int32Array = new Int32Array(LEVELS * WORDS_PER_LEVEL);
  /** Free timers, taken in the order in which they were freed, so that ids come back late. */
  #freeHead = NONE;
  #freeTail = NONE;
  #count = 0;
  /** All up to this tick has fired. Ticks are milliseconds since the wheel was made. */
  #now = 0;
  #nowHigh = 0;
  #nowLow = 0;
  /** The slot whose timers are being fired or moved. */
  #draining = NONE;
  #running = false;
  #stopped = false;
  #timer: Timer | undefined;
  #timerTick: number = Number.POSITIVE_INFINITY;

  constructor(options: TimerWheelOptions) {
    this.#clock = options.clock;
    this.#timers = options.timers;
    this.#onDue = options.onDue;
    this.#startMs = options.clock.monotonicMs();
  }

  /** Timers that have not fired. */
  get count(): number {
    return this.#count;
  }

  /**
   * Calls `onDue(key)` after at least `delayMs`: in the order of time, and among equals in the order of adding. Returns an
   * id, which is never 0. `key` is a 32-bit integer.
   */
  add(delayMs: number, key: number): number {
    const index = this.#allocate();
    const page = this.#pages[index >> PAGE_BITS]!;
    const at = index & PAGE_MASK;
    const nowMs = this.#clock.monotonicMs() - this.#startMs;
    const due = Math.ceil(nowMs + delayMs);
    // Also what is not a number ends up at the far end.
    const tick = due < DUE_MAX ? Math.max(due, this.#now + 1) : DUE_MAX;
    page.dueMs[at] = tick;
    page.key[at] = key;
    this.#place(index, page, at, tick);
    if (tick < this.#timerTick && !this.#running) this.#arm();
    return (page.generation[at]! << INDEX_BITS) | index;
  }

  /** Whether it was still to fire. Any number may be given. */
  cancel(id: number): boolean {
    const index = id & INDEX_MASK;
    const page = this.#find(id);
    if (page === undefined) return false;
    this.#unlink(page, index & PAGE_MASK);
    this.#free(index, page);
    return true;
  }

  /** When it fires, by the monotonic clock; undefined if it does not. */
  due(id: number): number | undefined {
    const page = this.#find(id);
    return page === undefined ? undefined : this.#startMs + page.dueMs[id & PAGE_MASK]!;
  }

  /** Nothing fires any more. */
  stop(): void {
    this.#stopped = true;
    this.#timers.clear(this.#timer);
    this.#timer = undefined;
  }

  #find(id: number): TimerPage | undefined {
    const page = this.#pages[(id & INDEX_MASK) >> PAGE_BITS];
    const at = id & PAGE_MASK;
    if (page === undefined || page.live[at] === 0) return undefined;
    return page.generation[at] === id >>> INDEX_BITS ? page : undefined;
  }

  #allocate(): number {
    if (this.#freeHead === NONE) this.#addPage();
    const index = this.#freeHead;
    const page = this.#pages[index >> PAGE_BITS]!;
    this.#freeHead = page.next[index & PAGE_MASK]!;
    if (this.#freeHead === NONE) this.#freeTail = NONE;
    page.live[index & PAGE_MASK] = 1;
    this.#count += 1;
    return index;
  }

  #addPage(): void {
    const first = this.#pages.length << PAGE_BITS;
    if (first > INDEX_MASK) throw new RangeError(`a wheel holds at most ${INDEX_MASK + 1} timers`);
    const page = new TimerPage();
    for (let at = 0; at < PAGE_TIMERS; at++) page.next[at] = first + at + 1;
    page.next[PAGE_TIMERS - 1] = NONE;
    this.#pages.push(page);
    this.#freeHead = first;
    this.#freeTail = first + PAGE_TIMERS - 1;
  }

  #free(index: number, page: TimerPage): void {
    const at = index & PAGE_MASK;
    const generation = page.generation[at]!;
    page.generation[at] = generation === GENERATION_MAX ? 1 : generation + 1;
    page.live[at] = 0;
    page.next[at] = NONE;
    if (this.#freeTail === NONE) this.#freeHead = index;
    else this.#pages[this.#freeTail >> PAGE_BITS]!.next[this.#freeTail & PAGE_MASK] = index;
    this.#freeTail = index;
    this.#count -= 1;
  }

  /** Links the timer into its slot. `tick` lies behind now. */
  #place(index: number, page: TimerPage, at: number, tick: number): void {
    const high = Math.floor(tick / LOW_SPAN);
    const low = tick - high * LOW_SPAN;
    let slot: number;
    if (high === this.#nowHigh) {
      const differs = low ^ this.#nowLow;
      if (differs < 0x100) slot = low & 0xff;
      else if (differs < 0x1_0000) slot = SLOTS + ((low >> 8) & 0xff);
      else slot = 2 * SLOTS + (low >> 16);
    } else {
      const differs = high ^ this.#nowHigh;
      if (differs < 0x100) slot = 3 * SLOTS + (high & 0xff);
      else if (differs < 0x1_0000) slot = 4 * SLOTS + ((high >> 8) & 0xff);
      else slot = 5 * SLOTS + (high >> 16);
    }
    this.#link(index, page, at, slot);
  }

  #link(index: number, page: TimerPage, at: number, slot: number): void {
    const tail = this.#tails[slot]!;
    page.next[at] = ~slot;
    if (tail === NONE) {
      page.previous[at] = ~slot;
      this.#heads[slot] = index;
      this.#used[slot >> 5]! |= 1 << (slot & 31);
    } else {
      page.previous[at] = tail;
      this.#pages[tail >> PAGE_BITS]!.next[tail & PAGE_MASK] = index;
    }
    this.#tails[slot] = index;
  }

  #unlink(page: TimerPage, at: number): void {
    const next = page.next[at]!;
    const previous = page.previous[at]!;
    if (next >= 0) this.#pages[next >> PAGE_BITS]!.previous[next & PAGE_MASK] = previous;
    else this.#tails[~next] = previous >= 0 ? previous : NONE;
    if (previous >= 0) {
      this.#pages[previous >> PAGE_BITS]!.next[previous & PAGE_MASK] = next;
      return;
    }
    const slot = ~previous;
    this.#heads[slot] = next >= 0 ? next : NONE;
    if (next < 0) this.#used[slot >> 5]! &= ~(1 << (slot & 31));
  }

  #run(): void {
    this.#timer = undefined;
    this.#timerTick = Number.POSITIVE_INFINITY;
    if (this.#stopped) return;
    const target = Math.floor(this.#clock.monotonicMs() - this.#startMs);
    this.#running = true;
    try {
      if (!this.#advance(target)) {
        // Nothing else starts the wheel meanwhile.
        this.#timerTick = 0;
        this.#timers.immediate(() => this.#run());
        return;
      }
    } finally {
      this.#running = false;
    }
    this.#arm();
  }

  /** Fires what is due up to `target`; false if there is more than fits a turn. */
  #advance(target: number): boolean {
    let budget = TURN_MAX;
    for (;;) {
      if (this.#draining === NONE) {
        const slot = this.#nextSlot();
        const tick = slot === NONE ? Number.POSITIVE_INFINITY : this.#tickOf(slot);
        if (tick > target) {
          this.#setNow(Math.max(this.#now, target));
          return true;
        }
        this.#setNow(tick);
        this.#draining = slot;
      }
      while (this.#heads[this.#draining] !== NONE) {
        if (budget-- === 0) return false;
        this.#settle(this.#heads[this.#draining]!);
        if (this.#stopped) return true;
      }
      this.#draining = NONE;
    }
  }

  /** Fires the timer, or moves it to a lower level. */
  #settle(index: number): void {
    const page = this.#pages[index >> PAGE_BITS]!;
    const at = index & PAGE_MASK;
    this.#unlink(page, at);
    const tick = page.dueMs[at]!;
    if (tick > this.#now) {
      this.#place(index, page, at, tick);
      return;
    }
    const key = page.key[at]!;
    this.#free(index, page);
    this.#onDue(key);
  }

  #setNow(tick: number): void {
    this.#now = tick;
    this.#nowHigh = Math.floor(tick / LOW_SPAN);
    this.#nowLow = tick - this.#nowHigh * LOW_SPAN;
  }

  /** The earliest slot in use. */
  #nextSlot(): number {
    for (let word = 0; word < this.#used.length; word++) {
      const bits = this.#used[word]!;
      // The lowest bit that is set.
      if (bits !== 0) return word * 32 + 31 - Math.clz32(bits & -bits);
    }
    return NONE;
  }

  /** When the slot begins. */
  #tickOf(slot: number): number {
    const span = SLOTS ** (slot >> 8);
    const round = span * SLOTS;
    return Math.floor(this.#now / round) * round + (slot & 0xff) * span;
  }

  #arm(): void {
    if (this.#stopped) return;
    const slot = this.#nextSlot();
    const tick = slot === NONE ? Number.POSITIVE_INFINITY : this.#tickOf(slot);
    if (tick >= this.#timerTick) return;
    this.#timers.clear(this.#timer);
    const nowMs = this.#clock.monotonicMs() - this.#startMs;
    const delayMs = Math.min(Math.max(tick - nowMs, 0), SLEEP_MS_MAX);
    this.#timerTick = tick;
    this.#timer = this.#timers.after(delayMs, () => this.#run());
    this.#timer.unref();
  }
}
