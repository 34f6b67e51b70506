/**
 * The ready messages of one priority, in the order of their `seq`.
 *
 *   head ─► row ─► row ─► … ─► tail          linked through the row table: where messages arrive and leave
 *   returned: a heap                         those that came back and belong somewhere in the middle
 *
 * Most messages that come back are older than all that wait, so they go to the head. The heap, made when one does
 * not, keeps any order of coming back cheap however long the list is.
 *
 * A message that is discarded from the middle leaves its row behind, in the state `gone`: it keeps its place, so that the
 * links hold, and is freed when it comes to the head. Nobody sees it.
 */
import { RowHeap } from './row-heap.ts';
import { NO_ROW, ROW_STATE, type RowTable } from './rows.ts';

export class ReadyList {
  readonly #rows: RowTable;
  #head: number = NO_ROW;
  #tail: number = NO_ROW;
  #returned: RowHeap | undefined;
  /** Rows in here whose message is gone. */
  #goneCount = 0;

  constructor(rows: RowTable) {
    this.#rows = rows;
  }

  /** The first row, or `NO_ROW`. */
  peek(): number {
    if (this.#goneCount > 0) this.#freeGone();
    return this.#first();
  }

  /** Removes the first row; there must be one. */
  pop(): number {
    if (this.#goneCount > 0) this.#freeGone();
    return this.#popFirst();
  }

  /** Adds a row that is newer than all. */
  push(row: number): void {
    const { page, index } = { page: this.#rows.page(row), index: this.#rows.index(row) };
    page.next[index] = NO_ROW;
    if (this.#tail === NO_ROW) this.#head = row;
    else this.#rows.page(this.#tail).next[this.#rows.index(this.#tail)] = row;
    this.#tail = row;
  }

  /** Puts a row to its place in the order. */
  insert(row: number): void {
    if (this.#tail === NO_ROW || this.#seq(row) > this.#seq(this.#tail)) {
      this.push(row);
    } else if (this.#seq(row) < this.#seq(this.#head)) {
      this.#rows.page(row).next[this.#rows.index(row)] = this.#head;
      this.#head = row;
    } else {
      this.#returned ??= new RowHeap(this.#rows);
      this.#returned.push(row);
    }
  }

  /** The message of a row in here is gone, as its state says. The row belongs to the list from now on. */
  discard(): void {
    this.#goneCount += 1;
  }

  /** The first `countMax` rows in order. */
  first(countMax: number): number[] {
    const linked: number[] = [];
    let row = this.#head;
    while (row !== NO_ROW && linked.length < countMax) {
      if (!this.#isGone(row)) linked.push(row);
      row = this.#rows.page(row).next[this.#rows.index(row)]!;
    }
    if (this.#returned === undefined) return linked;
    const all = [...linked, ...this.#returned.items.filter((each) => !this.#isGone(each))];
    return all.sort((a, b) => this.#seq(a) - this.#seq(b)).slice(0, countMax);
  }

  /** The first row, even if its message is gone. */
  #first(): number {
    if (this.#returned === undefined) return this.#head;
    const top = this.#returned.peek();
    return this.#head === NO_ROW || this.#seq(top) < this.#seq(this.#head) ? top : this.#head;
  }

  #popFirst(): number {
    const head = this.#head;
    if (this.#returned !== undefined && this.#first() !== head) return this.#popReturned();
    const next = this.#rows.page(head).next[this.#rows.index(head)]!;
    this.#head = next;
    if (next === NO_ROW) this.#tail = NO_ROW;
    return head;
  }

  #popReturned(): number {
    const row = this.#returned!.pop();
    if (this.#returned!.size === 0) this.#returned = undefined;
    return row;
  }

  /** Lets go of what is gone at the head: each row once, so it costs whoever discarded it nothing more. */
  #freeGone(): void {
    while (this.#goneCount > 0) {
      const row = this.#first();
      if (!this.#isGone(row)) return;
      this.#popFirst();
      this.#goneCount -= 1;
      this.#rows.free(row);
    }
  }

  #isGone(row: number): boolean {
    return this.#rows.page(row).state[this.#rows.index(row)] === ROW_STATE.gone;
  }

  #seq(row: number): number {
    return this.#rows.page(row).seq[this.#rows.index(row)]!;
  }
}
