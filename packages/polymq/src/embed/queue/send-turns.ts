/**
 * Gives the large batches that come in one turn of the event loop a turn each, in their order. So the first is on its way to the disk
 * while the next is encoded; at once, all of them would be encoded before the disk hears of any, and wait for it together.
 *
 *   turn 1   batch 1                       small ones share a turn
 *   turn 2   batch 2   │ batch 1 is synced
 *   turn 3   batch 3   │ batches 1 and 2 …
 */
import type { EmbeddedContext } from '../context.ts';

/** About what takes as long to put as to sync. */
const TURN_MESSAGES = 1_000;

interface Waiting {
  readonly count: number;
  readonly go: () => void;
}

export class SendTurns {
  readonly #context: EmbeddedContext;
  /** Put in this turn. */
  #count = 0;
  #scheduled = false;
  #line: Waiting[] = [];

  constructor(context: EmbeddedContext) {
    this.#context = context;
  }

  /** Resolves when it is the turn of so many messages; `undefined`: now. */
  enter(count: number): Promise<void> | undefined {
    if (this.#line.length === 0 && this.#fits(count)) {
      this.#take(count);
      return undefined;
    }
    const turn = new Promise<void>((go) => this.#line.push({ count, go }));
    return this.#context.track(turn);
  }

  #fits(count: number): boolean {
    return this.#count === 0 || this.#count + count <= TURN_MESSAGES;
  }

  #take(count: number): void {
    this.#count += count;
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#context.environment.timers.immediate(this.#next);
  }

  readonly #next = (): void => {
    this.#scheduled = false;
    this.#count = 0;
    let taken = 0;
    for (const { count, go } of this.#line) {
      if (!this.#fits(count)) break;
      this.#take(count);
      taken += 1;
      go();
    }
    this.#line = this.#line.slice(taken);
  };
}
