/** Row numbers, one behind the other. */
export class RowList {
  #rows: Int32Array = new Int32Array(64);
  length = 0;

  push(row: number): void {
    if (this.length === this.#rows.length) {
      const larger = new Int32Array(this.length * 2);
      larger.set(this.#rows);
      this.#rows = larger;
    }
    this.#rows[this.length++] = row;
  }

  get(at: number): number {
    return this.#rows[at]!;
  }
}
