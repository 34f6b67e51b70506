import type { RowTable } from './rows.ts';

/** Rows of one queue, the one with the lowest `seq` on top (a binary heap). */
export class RowHeap {
  readonly #rows: RowTable;
  readonly #items: number[] = [];

  constructor(rows: RowTable) {
    this.#rows = rows;
  }

  get size(): number {
    return this.#items.length;
  }

  /** The top; there must be one. */
  peek(): number {
    return this.#items[0]!;
  }

  /** All of them, in no order. */
  get items(): readonly number[] {
    return this.#items;
  }

  push(row: number): void {
    const items = this.#items;
    const seq = this.#seq(row);
    let at = items.length;
    items.push(row);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (this.#seq(items[parent]!) <= seq) break;
      items[at] = items[parent]!;
      at = parent;
    }
    items[at] = row;
  }

  /** Removes the top; there must be one. */
  pop(): number {
    const items = this.#items;
    const top = items[0]!;
    const last = items.pop()!;
    if (items.length > 0) this.#sink(last);
    return top;
  }

  /** Puts the row where the top was, and then as far down as it belongs. */
  #sink(row: number): void {
    const items = this.#items;
    const seq = this.#seq(row);
    const count = items.length;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= count) break;
      if (child + 1 < count && this.#seq(items[child + 1]!) < this.#seq(items[child]!)) child += 1;
      if (this.#seq(items[child]!) >= seq) break;
      items[at] = items[child]!;
      at = child;
    }
    items[at] = row;
  }

  #seq(row: number): number {
    return this.#rows.page(row).seq[this.#rows.index(row)]!;
  }
}
