import type { Commit } from './membership.ts';

/** Commits of one member: one request at a time; what comes meanwhile goes together into the next. */
export class Committer {
  readonly #write: (offsets: readonly Commit[]) => Promise<void>;
  #waiting = new Map<string, Commit>();
  #next: Promise<void> | undefined;
  #current: Promise<void> = Promise.resolve();

  constructor(write: (offsets: readonly Commit[]) => Promise<void>) {
    this.#write = write;
  }

  /** Resolves when this offset, or a later one of the partition, is durable. */
  commit(topic: string, partition: number, offset: number): Promise<void> {
    this.#waiting.set(`${topic}:${partition}`, [topic, partition, offset]);
    this.#next ??= this.#after(this.#current);
    return this.#next;
  }

  /** Resolves when everything so far is written, or has failed. */
  async flush(): Promise<void> {
    await (this.#next ?? this.#current).catch(() => {});
  }

  async #after(current: Promise<void>): Promise<void> {
    await current.catch(() => {});
    const offsets = [...this.#waiting.values()];
    this.#waiting = new Map();
    this.#current = this.#next!;
    this.#next = undefined;
    await this.#write(offsets);
  }
}
