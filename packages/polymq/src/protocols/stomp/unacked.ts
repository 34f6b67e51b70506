/**
 * Deliveries of one subscription that await an answer, by number. Numbers are consecutive, so they are positions in a ring,
 * `slot = number & mask`, whose columns grow only when many are open at a time.
 *
 *   ──┬────────┬───────────────────────┬──
 *     │ oldest │ open or answered …    │ next
 */
const CAPACITY_MIN = 16;
const ANSWERED = -1;

export class Unacked {
  /** The first number that may be open. */
  oldest: number;
  /** The number that the next delivery gets. */
  next: number;
  /** Deliveries that await an answer. */
  count = 0;
  #mask = CAPACITY_MIN - 1;
  #rows: Int32Array = new Int32Array(CAPACITY_MIN).fill(ANSWERED);

  constructor(first: number) {
    this.oldest = first;
    this.next = first;
  }

  add(row: number): number {
    const number = this.next;
    if (number - this.oldest > this.#mask) this.#grow();
    this.#rows[number & this.#mask] = row;
    this.next = number + 1;
    this.count += 1;
    return number;
  }

  has(number: number): boolean {
    return (
      number >= this.oldest && number < this.next && this.#rows[number & this.#mask] !== ANSWERED
    );
  }

  /** Takes the row of an open delivery out; -1 if it is not open. */
  take(number: number): number {
    if (number < this.oldest || number >= this.next) return ANSWERED;
    const slot = number & this.#mask;
    const row = this.#rows[slot]!;
    if (row === ANSWERED) return ANSWERED;
    this.#rows[slot] = ANSWERED;
    this.count -= 1;
    if (number === this.oldest) this.#advance();
    return row;
  }

  /** Takes all rows out up to a number, in order. */
  takeUpTo(number: number): number[] {
    const rows: number[] = [];
    while (this.count > 0 && this.oldest <= number) rows.push(this.take(this.oldest));
    return rows;
  }

  #advance(): void {
    let number = this.oldest + 1;
    if (this.count === 0) number = this.next;
    else while (number < this.next && this.#rows[number & this.#mask] === ANSWERED) number += 1;
    this.oldest = number;
  }

  #grow(): void {
    const capacity = (this.#mask + 1) * 2;
    const rows = new Int32Array(capacity).fill(ANSWERED);
    for (let number = this.oldest; number < this.next; number++) {
      rows[number & (capacity - 1)] = this.#rows[number & this.#mask]!;
    }
    this.#rows = rows;
    this.#mask = capacity - 1;
  }
}
