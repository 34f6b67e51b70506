/**
 * Groups in some order, the first on top: a binary heap in which each item knows its place, so that one whose order has changed is
 * moved, and one that is gone taken out, without a search. An item may be in several heaps.
 */

/** Knows where it is in heaps: -1 where it is not. */
export interface Placed {
  /** By heap. */
  readonly places: number[];
}

export class GroupHeap<Group extends Placed> {
  readonly #place: number;
  readonly #isBefore: (a: Group, b: Group) => boolean;
  readonly #items: Group[] = [];

  /** `place`: the index of this heap in `places`. */
  constructor(place: number, isBefore: (a: Group, b: Group) => boolean) {
    this.#place = place;
    this.#isBefore = isBefore;
  }

  get top(): Group | undefined {
    return this.#items[0];
  }

  /** All of them, in no order. */
  get items(): readonly Group[] {
    return this.#items;
  }

  has(group: Group): boolean {
    return this.#at(group) >= 0;
  }

  add(group: Group): void {
    this.#items.push(group);
    this.#put(group, this.#items.length - 1);
    this.#rise(group);
  }

  remove(group: Group): void {
    const at = this.#at(group);
    const last = this.#items.pop()!;
    group.places[this.#place] = -1;
    if (last === group) return;
    this.#put(last, at);
    this.moved(last);
  }

  clear(): void {
    for (const group of this.#items) group.places[this.#place] = -1;
    this.#items.length = 0;
  }

  /** What its order depends on has changed. Does nothing to one that is not in here. */
  moved(group: Group): void {
    if (!this.has(group)) return;
    this.#rise(group);
    this.#sink(group);
  }

  #rise(group: Group): void {
    for (let at = this.#at(group); at > 0; at = this.#at(group)) {
      const parent = this.#items[(at - 1) >> 1]!;
      if (!this.#isBefore(group, parent)) return;
      this.#put(group, (at - 1) >> 1);
      this.#put(parent, at);
    }
  }

  #sink(group: Group): void {
    const items = this.#items;
    for (;;) {
      const at = this.#at(group);
      let next = 2 * at + 1;
      if (next >= items.length) return;
      if (next + 1 < items.length && this.#isBefore(items[next + 1]!, items[next]!)) next += 1;
      const child = items[next]!;
      if (!this.#isBefore(child, group)) return;
      this.#put(group, next);
      this.#put(child, at);
    }
  }

  #at(group: Group): number {
    return group.places[this.#place]!;
  }

  #put(group: Group, at: number): void {
    this.#items[at] = group;
    group.places[this.#place] = at;
  }
}
