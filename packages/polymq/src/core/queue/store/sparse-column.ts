/** A column of the row table that few rows use: pages are made where a value other than 0 is set. */
const PAGE_BITS = 14;
const PAGE_ROWS = 1 << PAGE_BITS;
const INDEX_MASK = PAGE_ROWS - 1;

export class SparseColumn {
  readonly #pages: (Float64Array | undefined)[] = [];
  readonly #used: number[] = [];
  /** Of a page that lost its last value; all its values are 0. Where few rows have a value at a time, pages come and go. */
  #spare: Float64Array | undefined;
  /** Rows with a value. */
  count = 0;

  get(row: number): number {
    return this.#pages[row >> PAGE_BITS]?.[row & INDEX_MASK] ?? 0;
  }

  set(row: number, value: number): void {
    const number = row >> PAGE_BITS;
    let page = this.#pages[number];
    if (page === undefined) {
      if (value === 0) return;
      page = this.#spare ?? new Float64Array(PAGE_ROWS);
      this.#spare = undefined;
      this.#pages[number] = page;
      this.#used[number] = 0;
    }
    const index = row & INDEX_MASK;
    const change = (value === 0 ? 0 : 1) - (page[index] === 0 ? 0 : 1);
    page[index] = value;
    if (change === 0) return;
    this.count += change;
    this.#used[number] = this.#used[number]! + change;
    if (this.#used[number] > 0) return;
    this.#pages[number] = undefined;
    this.#spare = page;
  }
}
