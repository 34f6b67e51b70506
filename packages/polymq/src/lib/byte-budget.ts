/**
 * A limit on bytes that many parts hold together, such as all requests that wait for the disk. It does not
 * block: who holds bytes charges them, and stops asking for more while there is no room.
 */
export class ByteBudget {
  readonly bytesMax: number;
  readonly #waiting = new Set<() => void>();
  #used = 0;

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }

  get used(): number {
    return this.#used;
  }

  /** Bytes that may still be charged; 0 when the limit is reached or exceeded. */
  get room(): number {
    return Math.max(0, this.bytesMax - this.#used);
  }

  charge(bytes: number): void {
    this.#used += bytes;
  }

  /** The counterpart of `charge`. Calls back, once each, those who wait for room. */
  release(bytes: number): void {
    this.#used -= bytes;
    if (this.#waiting.size === 0 || this.#used >= this.bytesMax) return;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const callback of waiting) callback();
  }

  /** Calls back once when there is room again. The same function waits only once. */
  onRoom(callback: () => void): void {
    this.#waiting.add(callback);
  }

  forget(callback: () => void): void {
    this.#waiting.delete(callback);
  }
}
