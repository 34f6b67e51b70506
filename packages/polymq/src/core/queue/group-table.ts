import type { RowTable } from './rows.ts';

/** What every kind of message group has. */
export interface RowGroup {
  readonly id: string;
  /** Messages, in whatever state. */
  members: number;
}

/**
 * The message groups of one queue by id and by number. The column `group` of a row holds the number of its group, from
 * `join` to `leave`; a group without messages is forgotten at once, and its number used again.
 */
export class GroupTable<Group extends RowGroup> {
  readonly #rows: RowTable;
  readonly #make: (id: string) => Group;
  readonly #byId = new Map<string, number>();
  /** Number 0 is no group. */
  readonly #groups: (Group | undefined)[] = [undefined];
  readonly #free: number[] = [];

  constructor(rows: RowTable, make: (id: string) => Group) {
    this.#rows = rows;
    this.#make = make;
  }

  /** Groups with messages. */
  get count(): number {
    return this.#byId.size;
  }

  /** The group of the row, if it has one. The column may be negative: that is up to the kind of group. */
  of(row: number): Group | undefined {
    return this.#groups[Math.abs(this.#rows.page(row).group[this.#rows.index(row)]!)];
  }

  join(row: number, id: string): Group {
    let number = this.#byId.get(id);
    if (number === undefined) {
      number = this.#free.pop() ?? this.#groups.length;
      this.#byId.set(id, number);
      this.#groups[number] = this.#make(id);
    }
    const group = this.#groups[number]!;
    group.members += 1;
    this.#rows.page(row).group[this.#rows.index(row)] = number;
    return group;
  }

  /** The row, which has a group, leaves it. The group has no members then if that was the last one. */
  leave(row: number): Group {
    const page = this.#rows.page(row);
    const index = this.#rows.index(row);
    const number = Math.abs(page.group[index]!);
    const group = this.#groups[number]!;
    page.group[index] = 0;
    group.members -= 1;
    if (group.members > 0) return group;
    this.#byId.delete(group.id);
    this.#groups[number] = undefined;
    this.#free.push(number);
    return group;
  }

  /** All groups that there are now. */
  all(): Group[] {
    return this.#groups.filter((group) => group !== undefined);
  }
}
