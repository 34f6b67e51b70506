import { SparseColumn } from './sparse-column.ts';

/** The group ids of rows that have one. Each id is kept once, for as long as a row has it. */
export class GroupIds {
  readonly #column: SparseColumn = new SparseColumn();
  readonly #numbers = new Map<string, number>();
  readonly #ids: (string | undefined)[] = [undefined];
  readonly #uses: number[] = [0];
  readonly #free: number[] = [];

  /** Rows with a group id. */
  get count(): number {
    return this.#column.count;
  }

  get(row: number): string | undefined {
    return this.#ids[this.#column.get(row)];
  }

  set(row: number, groupId: string | undefined): void {
    const before = this.#column.get(row);
    const number = groupId === undefined ? 0 : this.#numberOf(groupId);
    this.#uses[number]! += 1;
    this.#column.set(row, number);
    if (before !== 0) this.#unuse(before);
  }

  #numberOf(groupId: string): number {
    let number = this.#numbers.get(groupId);
    if (number !== undefined) return number;
    number = this.#free.pop() ?? this.#ids.length;
    this.#numbers.set(groupId, number);
    this.#ids[number] = groupId;
    this.#uses[number] = 0;
    return number;
  }

  #unuse(number: number): void {
    this.#uses[number]! -= 1;
    if (this.#uses[number] !== 0) return;
    this.#numbers.delete(this.#ids[number]!);
    this.#ids[number] = undefined;
    this.#free.push(number);
  }
}
