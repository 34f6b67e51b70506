/** Lets changes of one thing run one after the other, and those of others beside them. */
export class Turns {
  readonly #last = new Map<string, Promise<void>>();

  /** Runs `change` when all earlier ones of the same key are over, however they ended. */
  run<T>(key: string, change: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key) ?? Promise.resolve();
    const result = before.then(change);
    const over = result.then(
      () => undefined,
      () => undefined,
    );
    this.#last.set(key, over);
    void over.then(() => {
      if (this.#last.get(key) === over) this.#last.delete(key);
    });
    return result;
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    while (this.#last.size > 0) await Promise.all(this.#last.values());
  }
}
