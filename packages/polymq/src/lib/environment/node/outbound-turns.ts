import { OutboundError } from '../outbound.ts';

export interface TurnLimits {
  /** Requests at once. */
  readonly runningMax: number;
  /** Requests at once to one target, so that a slow one does not hold up all others. */
  readonly runningPerTargetMax: number;
  readonly waitingMax: number;
}

interface Waiting {
  readonly target: string;
  start(): void;
}

/** Who may run now, and who waits for his turn: in order, but past those whose own target is busy. */
export class OutboundTurns {
  readonly #limits: TurnLimits;
  readonly #runningByTarget = new Map<string, number>();
  readonly #waiting = new Set<Waiting>();
  #running = 0;

  constructor(limits: TurnLimits) {
    this.#limits = limits;
  }

  /** Resolves when it is the caller's turn; he calls `leave` afterwards. */
  enter(target: string, signal: AbortSignal | undefined): Promise<void> {
    if (this.#hasRoom(target)) {
      this.#start(target);
      return Promise.resolve();
    }
    if (this.#waiting.size >= this.#limits.waitingMax) {
      const text = `${this.#waiting.size} requests wait already; try again later`;
      return Promise.reject(new OutboundError('busy', text));
    }
    return new Promise((resolve, reject) => {
      const abort = (): void => {
        this.#waiting.delete(waiting);
        reject(new OutboundError('aborted', 'given up before its turn came'));
      };
      const waiting = {
        target,
        start: () => {
          signal?.removeEventListener('abort', abort);
          resolve();
        },
      };
      this.#waiting.add(waiting);
      signal?.addEventListener('abort', abort, { once: true });
    });
  }

  leave(target: string): void {
    this.#running -= 1;
    const running = this.#runningByTarget.get(target)! - 1;
    if (running === 0) this.#runningByTarget.delete(target);
    else this.#runningByTarget.set(target, running);
    for (const waiting of this.#waiting) {
      if (!this.#hasRoom(waiting.target)) continue;
      this.#waiting.delete(waiting);
      this.#start(waiting.target);
      waiting.start();
      return;
    }
  }

  #hasRoom(target: string): boolean {
    const { runningMax, runningPerTargetMax } = this.#limits;
    const running = this.#runningByTarget.get(target) ?? 0;
    return this.#running < runningMax && running < runningPerTargetMax;
  }

  #start(target: string): void {
    this.#running += 1;
    this.#runningByTarget.set(target, (this.#runningByTarget.get(target) ?? 0) + 1);
  }
}
