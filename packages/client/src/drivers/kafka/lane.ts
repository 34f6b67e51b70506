/**
 * The messages of one partition that are not done with yet, in order, and what may be committed:
 *
 *   offsets   done  done  leased  done  waiting  delayed  leased  waiting │ not fetched
 *                        ▲                                                ▲
 *                        watermark: everything before it is done          end
 *
 * Acknowledgements come in any order; the watermark is the oldest message that is not done. In a fifo lane, of the messages of one key
 * only the first can be taken, and it keeps its place until it is done.
 *
 * Only what is not done is kept, linked in its order; the others are counted. A message that takes long costs no memory, then, but
 * all that are done behind it come again after a crash: beyond `DONE_AHEAD_MAX` of them nothing is fetched until it is done.
 */
import type { Clock, ClockTimer } from '../../lib/clock.ts';
import { Deque } from '../../lib/deque.ts';
import { HEADER } from '../../message/headers.ts';
import type { TopicRecord } from '../../message/wire-message.ts';

export interface Entry {
  readonly lane: Lane;
  readonly record: TopicRecord;
  redeliveries: number;
  state: 'waiting' | 'delayed' | 'leased' | 'done';
  timer: ClockTimer | undefined;
  /** How many messages of the lane came before it. */
  readonly at: number;
  /** Its neighbours among those that are not done. */
  before: Entry | undefined;
  after: Entry | undefined;
}

const PENDING_MAX = 5_000;
const PENDING_BYTES_MAX = 4 * 1024 * 1024;
const DONE_AHEAD_MAX = 100_000;

export interface LaneOptions {
  readonly topic: string;
  readonly partition: number;
  readonly position: number;
  readonly fifo: boolean;
  readonly clock: Clock;
  /** A message can be taken that could not before. */
  readonly onReady: () => void;
}

export class Lane {
  readonly topic: string;
  readonly partition: number;
  /** Nothing new is taken from it: it is to be given up. */
  draining = false;
  leased = 0;
  readonly #options: LaneOptions;
  /** Of those that are not done. */
  #first: Entry | undefined;
  #last: Entry | undefined;
  #end: number;
  #added = 0;
  #pending = 0;
  #bytes = 0;
  readonly #ready = new Deque<Entry>();
  /** Fifo: messages behind the one of their key that is first. */
  readonly #behind = new Map<string, Deque<Entry>>();
  #room: (() => void)[] = [];

  constructor(options: LaneOptions) {
    this.#options = options;
    this.topic = options.topic;
    this.partition = options.partition;
    this.#end = options.position;
  }

  /** Everything before this offset is done. */
  get watermark(): number {
    return this.#first?.record.offset ?? this.#end;
  }

  /** Messages behind the watermark that are done, and not committed yet because of those before them. */
  get doneAhead(): number {
    return this.#first === undefined ? 0 : this.#added - this.#first.at - this.#pending;
  }

  /** Whether somebody has it, or is done with it. */
  isOut(offset: number): boolean {
    if (offset >= this.#end) return false;
    for (let entry = this.#first; entry !== undefined; entry = entry.after) {
      if (entry.record.offset === offset) return entry.state === 'leased';
      if (entry.record.offset > offset) return true;
    }
    return true;
  }

  get ready(): number {
    return this.#ready.size;
  }

  get pending(): number {
    return this.#pending;
  }

  /** Resolves when there is room for more. */
  add(records: readonly TopicRecord[]): Promise<void> | undefined {
    const { clock, onReady, fifo } = this.#options;
    for (const record of records) {
      const entry: Entry = {
        lane: this,
        record,
        redeliveries: 0,
        state: 'waiting',
        timer: undefined,
        at: this.#added,
        before: undefined,
        after: undefined,
      };
      this.#append(entry);
      this.#end = record.offset + 1;
      const due = Number(record.headers[HEADER.due] ?? 0);
      const delayMs = due - clock.nowMs();
      if (delayMs > 0) this.#delay(entry, delayMs);
      else if (fifo) this.#line(entry);
      else this.#ready.push(entry);
    }
    if (this.#ready.size > 0) onReady();
    return this.#full() ? new Promise((resolve) => this.#room.push(resolve)) : undefined;
  }

  /** When the message that would be taken next was sent; infinity if there is none. */
  get headMs(): number {
    if (this.draining) return Number.POSITIVE_INFINITY;
    return this.#ready.first()?.record.timestampMs ?? Number.POSITIVE_INFINITY;
  }

  take(): Entry | undefined {
    const entry = this.draining ? undefined : this.#ready.shift();
    if (entry === undefined) return undefined;
    entry.state = 'leased';
    this.leased += 1;
    return entry;
  }

  /** Whether the watermark has moved. */
  done(entry: Entry): boolean {
    const isFirst = entry === this.#first;
    this.leased -= 1;
    entry.state = 'done';
    this.#unlink(entry);
    if (this.#options.fifo) this.#next(entry.record.key);
    if (!this.#full()) this.#makeRoom();
    return isFirst;
  }

  /** To be taken again: next, or after the delay. */
  giveBack(entry: Entry, delayMs: number, untouched: boolean): void {
    this.leased -= 1;
    if (!untouched) entry.redeliveries += 1;
    if (delayMs > 0) {
      this.#delay(entry, delayMs);
      return;
    }
    entry.state = 'waiting';
    this.#ready.unshift(entry);
    this.#options.onReady();
  }

  /** Forgets what nobody has taken. */
  purge(): void {
    while (this.#ready.shift() !== undefined);
    this.#behind.clear();
    for (let entry = this.#first; entry !== undefined; ) {
      const { after, state, record } = entry;
      if (state === 'leased') {
        // What comes for its key from now on waits for it.
        if (this.#options.fifo && record.key !== undefined) {
          this.#behind.set(record.key, new Deque());
        }
      } else {
        entry.timer?.cancel();
        entry.state = 'done';
        this.#unlink(entry);
      }
      entry = after;
    }
    if (!this.#full()) this.#makeRoom();
  }

  /** It is not ours any more. */
  drop(): void {
    for (let entry = this.#first; entry !== undefined; entry = entry.after) entry.timer?.cancel();
    this.#first = undefined;
    this.#last = undefined;
    while (this.#ready.shift() !== undefined);
    this.#behind.clear();
    this.#makeRoom();
  }

  #append(entry: Entry): void {
    entry.before = this.#last;
    if (this.#last === undefined) this.#first = entry;
    else this.#last.after = entry;
    this.#last = entry;
    this.#added += 1;
    this.#pending += 1;
    this.#bytes += entry.record.body.length;
  }

  /** Its neighbours are forgotten, so that whoever still has it does not keep them too. */
  #unlink(entry: Entry): void {
    const { before, after } = entry;
    if (before === undefined) this.#first = after;
    else before.after = after;
    if (after === undefined) this.#last = before;
    else after.before = before;
    entry.before = undefined;
    entry.after = undefined;
    this.#pending -= 1;
    this.#bytes -= entry.record.body.length;
  }

  #full(): boolean {
    return (
      this.#pending >= PENDING_MAX ||
      this.#bytes >= PENDING_BYTES_MAX ||
      this.doneAhead >= DONE_AHEAD_MAX
    );
  }

  #makeRoom(): void {
    const waiting = this.#room;
    if (waiting.length === 0) return;
    this.#room = [];
    for (const resolve of waiting) resolve();
  }

  #delay(entry: Entry, delayMs: number): void {
    entry.state = 'delayed';
    entry.timer = this.#options.clock.after(delayMs, () => {
      entry.timer = undefined;
      if (entry.state !== 'delayed') return;
      entry.state = 'waiting';
      this.#ready.push(entry);
      this.#options.onReady();
    });
  }

  #line(entry: Entry): void {
    const { key } = entry.record;
    const behind = key === undefined ? undefined : this.#behind.get(key);
    if (behind !== undefined) behind.push(entry);
    else {
      if (key !== undefined) this.#behind.set(key, new Deque());
      this.#ready.push(entry);
    }
  }

  /** The first of the key is done: the one behind it can be taken. */
  #next(key: string | undefined): void {
    if (key === undefined) return;
    const behind = this.#behind.get(key);
    const entry = behind?.shift();
    if (entry === undefined) this.#behind.delete(key);
    else {
      this.#ready.push(entry);
      this.#options.onReady();
    }
  }
}
