/** Below this many taken items the array is left as it is. */
const COMPACT_MIN = 1024;

/** A queue whose `take` costs the same at any length, unlike `Array.shift`. */
export class Fifo<T> {
  #items: (T | undefined)[] = [];
  #head = 0;

  get length(): number {
    return this.#items.length - this.#head;
  }

  push(item: T): void {
    this.#items.push(item);
  }

  /** The oldest item, left in place. */
  peek(): T | undefined {
    return this.#items[this.#head];
  }

  /** Removes and returns the oldest item. */
  take(): T | undefined {
    if (this.#head === this.#items.length) return undefined;
    const item = this.#items[this.#head];
    this.#items[this.#head] = undefined;
    this.#head += 1;
    if (this.#head === this.#items.length) this.clear();
    else if (this.#head >= COMPACT_MIN && this.#head * 2 >= this.#items.length) this.#compact();
    return item;
  }

  clear(): void {
    this.#items = [];
    this.#head = 0;
  }

  /** Moves the rest to the front: each item is moved at most once for every one that was taken. */
  #compact(): void {
    this.#items = this.#items.slice(this.#head);
    this.#head = 0;
  }
}
