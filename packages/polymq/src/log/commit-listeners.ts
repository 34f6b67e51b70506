/** Those who want to know that `committed` has advanced. A listener may add and remove listeners. */
export class CommitListeners {
  #listeners: readonly (() => void)[] = [];

  add(listener: () => void): () => void {
    const entry = (): void => listener();
    this.#listeners = [...this.#listeners, entry];
    return () => {
      this.#listeners = this.#listeners.filter((other) => other !== entry);
    };
  }

  notify(): void {
    for (const listener of this.#listeners) listener();
  }
}
