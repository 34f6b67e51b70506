/**
 * The messages of one partition that are not done with yet, in order, and what may be committed:
 *
 *   offsets   done  done  leased  done  waiting  delayed  leased  waiting │ not fetched
 *                        ▲                                                ▲
 *                        watermark: everything before it is done          end
 *
 * Acknowledgements come in any order; the watermark is the oldest message that is not done. In a fifo lane, of the messages of one key
 * only the first can be taken, and it keeps its place until it is done.
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
}

const PENDING_MAX = 5_000;
const PENDING_BYTES_MAX = 4 * 1024 * 1024;
const COMPACT_AT = 1_024;

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
  /** From the watermark on, done or not. */
  #entries: Entry[] = [];
  #head = 0;
  #end: number;
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
    return this.#entries[this.#head]?.record.offset ?? this.#end;
  }

  /** Messages behind the watermark that are done, and not committed yet because of those before them. */
  get doneAhead(): number {
    return this.#entries.length - this.#head - this.#pending;
  }

  /** Whether somebody has it, or is done with it. */
  isOut(offset: number): boolean {
    if (offset < this.watermark) return true;
    for (let at = this.#head; at < this.#entries.length; at += 1) {
      const { record, state } = this.#entries[at]!;
      if (record.offset === offset) return state === 'leased' || state === 'done';
    }
    return false;
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
      };
      this.#entries.push(entry);
      this.#end = record.offset + 1;
      this.#pending += 1;
      this.#bytes += record.body.length;
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
    this.leased -= 1;
    entry.state = 'done';
    this.#pending -= 1;
    this.#bytes -= entry.record.body.length;
    if (this.#options.fifo) this.#next(entry.record.key);
    if (!this.#full()) this.#makeRoom();
    if (this.#entries[this.#head] !== entry) return false;
    while (this.#entries[this.#head]?.state === 'done') this.#head += 1;
    if (this.#head >= COMPACT_AT && this.#head * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head);
      this.#head = 0;
    }
    return true;
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
    for (const entry of this.#entries) {
      if (entry.state !== 'waiting' && entry.state !== 'delayed') continue;
      entry.timer?.cancel();
      this.leased += 1;
      this.done(entry);
    }
    while (this.#ready.shift() !== undefined);
    this.#behind.clear();
  }

  /** It is not ours any more. */
  drop(): void {
    for (const { timer } of this.#entries) timer?.cancel();
    this.#entries = [];
    this.#head = 0;
    while (this.#ready.shift() !== undefined);
    this.#behind.clear();
    this.#makeRoom();
  }

  #full(): boolean {
    return this.#pending >= PENDING_MAX || this.#bytes >= PENDING_BYTES_MAX;
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
