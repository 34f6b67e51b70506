/**
 * Rows by queue and seq, for the time of recovery: seqs of a queue are dense, so they index pages of row numbers. About
 * 5 bytes per row, dropped when the queues have their messages.
 */
import { NO_ROW } from '../rows.ts';

const PAGE_SEQS = 512;

class QueueRows {
  readonly pages = new Map<number, Int32Array>();
  #lastNumber = -1;
  #lastPage: Int32Array | undefined;

  /** Holds row + 1, 0 for none. */
  page(number: number): Int32Array | undefined {
    if (number !== this.#lastNumber) {
      this.#lastNumber = number;
      this.#lastPage = this.pages.get(number);
    }
    return this.#lastPage;
  }

  add(number: number): Int32Array {
    const page = new Int32Array(PAGE_SEQS);
    this.pages.set(number, page);
    this.#lastNumber = number;
    this.#lastPage = page;
    return page;
  }
}

export class RowIndex {
  readonly #queues = new Map<number, QueueRows>();
  #lastQueue = -1;
  #lastRows: QueueRows | undefined;

  get(queue: number, seq: number): number {
    const number = Math.floor(seq / PAGE_SEQS);
    const page = this.#rows(queue)?.page(number);
    return page === undefined ? NO_ROW : page[seq - number * PAGE_SEQS]! - 1;
  }

  /** `NO_ROW` removes it. */
  set(queue: number, seq: number, row: number): void {
    const rows = this.#rows(queue) ?? this.#addQueue(queue);
    const number = Math.floor(seq / PAGE_SEQS);
    const page = rows.page(number) ?? rows.add(number);
    page[seq - number * PAGE_SEQS] = row + 1;
  }

  /** Visits all rows queue by queue, in the order of their seqs. */
  forEach(visit: (row: number) => void): void {
    for (const { pages } of this.#queues.values()) {
      const numbers = Float64Array.from(pages.keys()).sort();
      for (const number of numbers) {
        for (const entry of pages.get(number)!) if (entry !== 0) visit(entry - 1);
      }
    }
  }

  #rows(queue: number): QueueRows | undefined {
    if (queue !== this.#lastQueue) {
      this.#lastQueue = queue;
      this.#lastRows = this.#queues.get(queue);
    }
    return this.#lastRows;
  }

  #addQueue(queue: number): QueueRows {
    const rows = new QueueRows();
    this.#queues.set(queue, rows);
    this.#lastQueue = queue;
    this.#lastRows = rows;
    return rows;
  }
}
