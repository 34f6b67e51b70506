/** What the broker is short of: while anything is, publishers wait and consumers go on. */
export type Resource = 'memory' | 'disk';

export const RESOURCES: readonly Resource[] = ['memory', 'disk'];

export class Alarms {
  readonly #on = new Set<Resource>();
  readonly #listeners = new Set<() => void>();

  /** What is short, in words; undefined if nothing is. */
  get reason(): string | undefined {
    if (this.#on.size === 0) return undefined;
    return `low on ${[...this.#on].sort().join(' and ')}`;
  }

  isOn(resource: Resource): boolean {
    return this.#on.has(resource);
  }

  set(resource: Resource, on: boolean): void {
    if (this.#on.has(resource) === on) return;
    if (on) this.#on.add(resource);
    else this.#on.delete(resource);
    for (const listener of [...this.#listeners]) listener();
  }

  /** Calls `listener` after every change. Returns a function that stops it. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
