/**
 * The ready messages of a queue, one list per priority that has any. What is next is the head of the highest list that is
 * not empty; a queue without priorities has one list and pays for one.
 */
import { ReadyList } from './ready-list.ts';
import { NO_ROW, type RowTable } from './rows.ts';

/** The ready messages of a queue: by priority, highest first, and among equals in the order of their `seq`. */
export class ReadyLevels {
  readonly #rows: RowTable;
  /** By priority; made when a message of that priority comes. */
  readonly #levels: (ReadyList | undefined)[] = [];
  /** No level above this one has messages. */
  #top = 0;
  #count = 0;

  constructor(rows: RowTable) {
    this.#rows = rows;
  }

  get count(): number {
    return this.#count;
  }

  /** The row that is next, or `NO_ROW`. */
  peek(): number {
    for (;;) {
      const row = this.#levels[this.#top]?.peek() ?? NO_ROW;
      if (row !== NO_ROW || this.#top === 0) return row;
      this.#top -= 1;
    }
  }

  /** The first row of the lowest priority that has any, or `NO_ROW`. */
  lowest(): number {
    for (let priority = 0; priority <= this.#top; priority++) {
      const row = this.#levels[priority]?.peek() ?? NO_ROW;
      if (row !== NO_ROW) return row;
    }
    return NO_ROW;
  }

  /** Removes the row that `peek` has just returned. */
  pop(): number {
    this.#count -= 1;
    return this.#levels[this.#top]!.pop();
  }

  /** Removes the first row of that priority; there must be one. */
  popLevel(priority: number): number {
    this.#count -= 1;
    return this.#levels[priority]!.pop();
  }

  /** The message of a row of that priority is gone, as its state says: it is not counted or shown any more. */
  discard(priority: number): void {
    this.#count -= 1;
    this.#levels[priority]!.discard();
  }

  /** Adds a row that is newer than all. */
  push(row: number, priority: number): void {
    this.#count += 1;
    this.#level(priority).push(row);
  }

  /** Puts a row to its place in the order. */
  insert(row: number, priority: number): void {
    this.#count += 1;
    this.#level(priority).insert(row);
  }

  /** The first row of each priority that has any. */
  forEachHead(visit: (row: number, priority: number) => void): void {
    for (let priority = 0; priority <= this.#top; priority++) {
      const row = this.#levels[priority]?.peek() ?? NO_ROW;
      if (row !== NO_ROW) visit(row, priority);
    }
  }

  /** The first `countMax` rows in order. */
  first(countMax: number): number[] {
    const rows: number[] = [];
    for (let priority = this.#top; priority >= 0 && rows.length < countMax; priority--) {
      rows.push(...(this.#levels[priority]?.first(countMax - rows.length) ?? []));
    }
    return rows;
  }

  #level(priority: number): ReadyList {
    if (priority > this.#top) this.#top = priority;
    const level = this.#levels[priority];
    if (level !== undefined) return level;
    // A sparse array would be slow to look into.
    while (this.#levels.length <= priority) this.#levels.push(undefined);
    const made = new ReadyList(this.#rows);
    this.#levels[priority] = made;
    return made;
  }
}
