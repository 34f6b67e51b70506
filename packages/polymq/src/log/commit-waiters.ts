/**
 * Who waits for an offset to be reached, with one promise per round, made only when somebody waits.
 *
 *        reached        end 1        end 2             (open)
 *   ────────┼─────────────┼────────────┼──────────────────────►
 *           │   group 1   │  group 2   │  appended since the last write began
 *
 * `seal` ends the open group when its batches go to the file; from then on they stand or fall together.
 */
export class CommitWaiters {
  #sealed: { end: number; waiting: Deferred }[] = [];
  #sealedEnd = 0;
  #open: Deferred | undefined;

  /** What was appended up to `end` is one round. */
  seal(end: number): void {
    this.#sealedEnd = end;
    if (this.#open === undefined) return;
    this.#sealed.push({ end, waiting: this.#open });
    this.#open = undefined;
  }

  /** Everything below `offset` is reached. */
  advance(offset: number): void {
    if (this.#sealed.length === 0) return;
    let count = 0;
    while (count < this.#sealed.length && this.#sealed[count]!.end <= offset) {
      this.#sealed[count]!.waiting.resolve();
      count++;
    }
    if (count > 0) this.#sealed.splice(0, count);
  }

  wait(offset: number): Promise<void> {
    if (offset > this.#sealedEnd) {
      this.#open ??= new Deferred();
      return this.#open.promise;
    }
    let group = this.#sealed.find(({ end }) => end >= offset);
    if (group === undefined) {
      group = { end: this.#sealedEnd, waiting: new Deferred() };
      this.#sealed.push(group);
    }
    return group.waiting.promise;
  }

  /** Nothing behind `offset` will be reached: it was taken back. Offsets will be used again. */
  reject(offset: number, error: Error): void {
    const kept = this.#sealed.filter(({ end }) => end <= offset);
    const rejected = this.#sealed.filter(({ end }) => end > offset).map(({ waiting }) => waiting);
    if (this.#open !== undefined) rejected.push(this.#open);
    this.#sealed = kept;
    this.#open = undefined;
    this.#sealedEnd = Math.min(this.#sealedEnd, offset);
    for (const waiting of rejected) waiting.reject(error);
  }
}

class Deferred {
  readonly promise: Promise<void>;
  resolve: () => void = () => undefined;
  reject: (error: Error) => void = () => undefined;

  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    // A waiter that went away (a closed connection) must not end the process.
    this.promise.catch(() => undefined);
  }
}
