/** What the order of fair groups knows of each. */
export interface OrderedGroup {
  /** Messages in flight: fewest first. */
  leased: number;
  /** Among equals, the one that was served, or became ready, longest ago: as a position in the queue … */
  sinceSeq: number;
  /** … and as a moment, where that does not tell them apart. */
  sinceTick: number;
  /** Where it is in the order; -1: not in it. */
  at: number;
}

/** Groups that have something ready, the one whose turn it is on top: a binary heap that knows where each is. */
export class FairOrder<Group extends OrderedGroup> {
  readonly #items: Group[] = [];

  /** The group whose turn it is. */
  get top(): Group | undefined {
    return this.#items[0];
  }

  add(group: Group): void {
    group.at = this.#items.length;
    this.#items.push(group);
    this.#rise(group);
  }

  remove(group: Group): void {
    const { at } = group;
    const last = this.#items.pop()!;
    group.at = -1;
    if (last === group) return;
    this.#put(last, at);
    this.moved(last);
  }

  /** What the order of a group depends on has changed. */
  moved(group: Group): void {
    if (group.at < 0) return;
    this.#rise(group);
    this.#sink(group);
  }

  #rise(group: Group): void {
    while (group.at > 0) {
      const at = (group.at - 1) >> 1;
      const parent = this.#items[at]!;
      if (isBefore(parent, group)) return;
      this.#put(parent, group.at);
      this.#put(group, at);
    }
  }

  #sink(group: Group): void {
    const items = this.#items;
    for (;;) {
      let at = 2 * group.at + 1;
      if (at >= items.length) return;
      if (at + 1 < items.length && isBefore(items[at + 1]!, items[at]!)) at += 1;
      const child = items[at]!;
      if (isBefore(group, child)) return;
      this.#put(child, group.at);
      this.#put(group, at);
    }
  }

  #put(group: Group, at: number): void {
    this.#items[at] = group;
    group.at = at;
  }
}

function isBefore(a: OrderedGroup, b: OrderedGroup): boolean {
  if (a.leased !== b.leased) return a.leased < b.leased;
  if (a.sinceSeq !== b.sinceSeq) return a.sinceSeq < b.sinceSeq;
  return a.sinceTick < b.sinceTick;
}
