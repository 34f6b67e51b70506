/**
 * What waits for a free handler, in the order of arrival; and where order per key is kept here, one of a key at a time:
 *
 *   ready   a1  b1  c1          handed out by `next`
 *   lanes   a ─ a2 ─ a3         wait until `done(a1)`, then a2 becomes ready
 *           b
 *           c ─ c2
 */
import { Deque } from './deque.ts';

interface Keyed {
  readonly key: string | undefined;
}

export interface WorkList<T extends Keyed> {
  push(work: T): void;
  next(): T | undefined;
  /** What `next` would give. */
  first(): T | undefined;
  /** Work that `next` gave is over: the next of its key may go. */
  done(work: T): void;
  /** Work that `next` gave is to be done once more, before anything else; its key waits for it. */
  again(work: T): void;
  /** Takes out what is not to be done any more. */
  prune(drop: (work: T) => boolean): void;
}

/** No order among keys: the engine keeps it, or nobody asked for it. */
export class PlainWork<T extends Keyed> implements WorkList<T> {
  readonly #ready = new Deque<T>();

  push(work: T): void {
    this.#ready.push(work);
  }

  next(): T | undefined {
    return this.#ready.shift();
  }

  first(): T | undefined {
    return this.#ready.first();
  }

  done(_work: T): void {}

  again(work: T): void {
    this.#ready.unshift(work);
  }

  prune(drop: (work: T) => boolean): void {
    this.#ready.removeWhere(drop);
  }
}

/** One of a key at a time, in order of arrival. What has no key waits for nothing. */
export class KeyedWork<T extends Keyed> implements WorkList<T> {
  readonly #ready = new Deque<T>();
  /** Of each key that is ready or under way: what comes behind it. */
  readonly #lanes = new Map<string, Deque<T> | undefined>();

  push(work: T): void {
    const { key } = work;
    if (key !== undefined && this.#lanes.has(key)) {
      this.#behind(key, work);
      return;
    }
    if (key !== undefined) this.#lanes.set(key, undefined);
    this.#ready.push(work);
  }

  #behind(key: string, work: T): void {
    let lane = this.#lanes.get(key);
    if (lane === undefined) {
      lane = new Deque();
      this.#lanes.set(key, lane);
    }
    lane.push(work);
  }

  next(): T | undefined {
    return this.#ready.shift();
  }

  first(): T | undefined {
    return this.#ready.first();
  }

  done({ key }: T): void {
    if (key === undefined) return;
    const following = this.#lanes.get(key)?.shift();
    if (following === undefined) this.#lanes.delete(key);
    else this.#ready.push(following);
  }

  again(work: T): void {
    this.#ready.unshift(work);
  }

  prune(drop: (work: T) => boolean): void {
    for (const lane of this.#lanes.values()) lane?.removeWhere(drop);
    const dropped: T[] = [];
    this.#ready.removeWhere((work) => {
      if (!drop(work)) return false;
      dropped.push(work);
      return true;
    });
    for (const work of dropped) this.done(work);
  }
}
