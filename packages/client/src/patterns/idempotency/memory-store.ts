import { PolymqError } from '../../errors.ts';
import { type Clock, systemClock } from '../../lib/clock.ts';
import type { Begun, IdempotencyStore } from './store.ts';

interface Entry {
  token: string;
  /** Of the lease or of the result. */
  untilMs: number;
  result: string | undefined;
}

const MAX = 100_000;

export interface MemoryStoreOptions {
  /** Keys that it remembers. Beyond that, the oldest results are forgotten before their time. Missing: 100,000. */
  readonly max?: number;
  /** Missing: the clock of the machine. `mq.clock` for a clock that tests move. */
  readonly clock?: Clock;
}

/** For one process: forgets everything with it. */
export function memoryStore(options: MemoryStoreOptions = {}): IdempotencyStore {
  return new MemoryStore(options);
}

class MemoryStore implements IdempotencyStore {
  readonly #max: number;
  readonly #clock: Clock;
  /** In the order in which they began or got their result: the oldest come first. */
  readonly #entries = new Map<string, Entry>();

  constructor({ max = MAX, clock = systemClock }: MemoryStoreOptions) {
    this.#max = max;
    this.#clock = clock;
  }

  async begin(key: string, token: string, leaseMs: number): Promise<Begun> {
    const nowMs = this.#clock.nowMs();
    const known = this.#entries.get(key);
    if (known !== undefined && known.untilMs > nowMs) {
      const { result, untilMs } = known;
      if (result !== undefined) return { state: 'done', result };
      return { state: 'running', leaseMs: untilMs - nowMs };
    }
    if (known === undefined) this.#makeRoom(nowMs);
    this.#put(key, { token, untilMs: nowMs + leaseMs, result: undefined });
    return { state: 'started' };
  }

  async renew(key: string, token: string, leaseMs: number): Promise<boolean> {
    const entry = this.#running(key, token);
    if (entry !== undefined) entry.untilMs = this.#clock.nowMs() + leaseMs;
    return entry !== undefined;
  }

  async complete(key: string, token: string, result: string, keepMs: number): Promise<boolean> {
    const entry = this.#running(key, token);
    if (entry === undefined) return false;
    this.#put(key, { token, untilMs: this.#clock.nowMs() + keepMs, result });
    return true;
  }

  async release(key: string, token: string): Promise<void> {
    if (this.#running(key, token) !== undefined) this.#entries.delete(key);
  }

  #running(key: string, token: string): Entry | undefined {
    const entry = this.#entries.get(key);
    return entry?.token === token && entry.result === undefined ? entry : undefined;
  }

  #put(key: string, entry: Entry): void {
    this.#entries.delete(key);
    this.#entries.set(key, entry);
  }

  /** One more key than it drops, so the cost of a call does not grow. */
  #makeRoom(nowMs: number): void {
    let looked = 0;
    for (const [key, { untilMs, result }] of this.#entries) {
      const full = this.#entries.size >= this.#max;
      if (untilMs <= nowMs || (full && result !== undefined)) this.#entries.delete(key);
      looked += 1;
      if (looked >= 2 && this.#entries.size < this.#max) return;
    }
    if (this.#entries.size < this.#max) return;
    throw new PolymqError(
      'storage-full',
      `${this.#max} runs with idempotency keys are under way, as many as this memory store remembers; start fewer at a time, or give it a higher max`,
    );
  }
}
