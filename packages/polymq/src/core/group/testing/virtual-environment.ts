import type { Timer } from '../../../lib/environment/clock.ts';
import type { Environment } from '../../../lib/environment/environment.ts';

interface VirtualTimer extends Timer {
  atMs: number;
  callback: () => void;
}

/** Where virtual time starts, by the wall clock. */
const WALL_START_MS = 1_700_000_000_000;

/** Time that stands still until it is moved, and ids that count up. Disk and network are not there. */
export class VirtualEnvironment implements Environment {
  #nowMs = 0;
  #nextUuid = 1;
  readonly #timers = new Set<VirtualTimer>();
  #immediates: (() => void)[] = [];

  readonly clock: Environment['clock'] = {
    nowMs: () => WALL_START_MS + this.#nowMs,
    monotonicMs: () => this.#nowMs,
  };

  readonly timers: Environment['timers'] = {
    after: (delayMs, callback) => {
      const timer = { atMs: this.#nowMs + delayMs, callback, unref() {} };
      this.#timers.add(timer);
      return timer;
    },
    clear: (timer) => {
      if (timer !== undefined) this.#timers.delete(timer as VirtualTimer);
    },
    immediate: (callback) => {
      this.#immediates.push(callback);
    },
  };

  readonly random: Environment['random'] = {
    bytes: (count) => Buffer.alloc(count),
    integer: () => 0,
    uuid: () => String(this.#nextUuid++),
  };

  get disk(): never {
    throw new Error('there is no disk here');
  }

  get network(): never {
    throw new Error('there is no network here');
  }

  get outbound(): never {
    throw new Error('there is no network here');
  }

  get timerCount(): number {
    return this.#timers.size;
  }

  /** Forgets all that was to be run: the process is gone. */
  crash(): void {
    this.#timers.clear();
    this.#immediates = [];
  }

  /** Runs what is due now, and what comes of it, until nothing moves any more. */
  async settle(): Promise<void> {
    for (let quietRounds = 0; quietRounds < 3; ) {
      const due = this.#immediates;
      this.#immediates = [];
      for (const callback of due) callback();
      // Promises of the code under test settle before the real event loop comes round.
      await new Promise<void>((resolve) => setImmediate(resolve));
      quietRounds = due.length + this.#immediates.length === 0 ? quietRounds + 1 : 0;
    }
  }

  /** Moves time on, running timers in their order. */
  async advance(durationMs: number): Promise<void> {
    const endMs = this.#nowMs + durationMs;
    await this.settle();
    for (;;) {
      let next: VirtualTimer | undefined;
      for (const timer of this.#timers) {
        if (timer.atMs <= endMs && (next === undefined || timer.atMs < next.atMs)) next = timer;
      }
      if (next === undefined) break;
      this.#timers.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.callback();
      await this.settle();
    }
    this.#nowMs = endMs;
  }
}
