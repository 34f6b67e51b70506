/**
 * Who waits for an offset: one promise for all that wait for the round in flight, one for all that
 * wait for the round that gathers. Both are made only when somebody waits.
 */
export class CommitWaiters {
  #inFlight: Deferred | undefined;
  #inFlightEnd = 0;
  #gathering: Deferred | undefined;

  /** A round begins that will reach `end`: who gathered until now waits for it. */
  begin(end: number): void {
    if (this.#inFlight !== undefined) {
      // The round before was not finished (it was merged into this one).
      this.#gathering?.follow(this.#inFlight);
      this.#gathering = this.#inFlight;
    }
    this.#inFlight = this.#gathering;
    this.#gathering = undefined;
    this.#inFlightEnd = end;
  }

  /** The round in flight is done. */
  finish(): void {
    const done = this.#inFlight;
    this.#inFlight = undefined;
    done?.resolve();
  }

  /** Everything was reached, whatever round it was in. */
  finishAll(): void {
    this.finish();
    const done = this.#gathering;
    this.#gathering = undefined;
    done?.resolve();
  }

  wait(offset: number): Promise<void> {
    if (offset <= this.#inFlightEnd) {
      this.#inFlight ??= new Deferred();
      return this.#inFlight.promise;
    }
    this.#gathering ??= new Deferred();
    return this.#gathering.promise;
  }

  /** Nothing of what is waited for will be reached. Later waiters start afresh. */
  rejectAll(error: Error): void {
    const both = [this.#inFlight, this.#gathering];
    this.#inFlight = undefined;
    this.#gathering = undefined;
    this.#inFlightEnd = 0;
    for (const waiters of both) waiters?.reject(error);
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

  /** Ends as `other` ends. */
  follow(other: Deferred): void {
    other.promise.then(this.resolve, this.reject);
  }
}
