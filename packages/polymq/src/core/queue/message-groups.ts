/**
 * Message groups that lock: while a message of a group is leased, the others of the group wait.
 *
 *   group "a"   leased: 1        waiting: ─► row ─► row        nothing of it is in the ready list
 *   group "b"   listed: row      waiting: ─► row               its first message is in the ready list
 *
 * A row in limbo counts as leased: nothing may overtake it. While it is delayed it does not, unless it came back and
 * keeps the others waiting: then its column `group` is negative.
 */
import { GroupTable, type RowGroup } from './group-table.ts';
import { ReadyList } from './ready-list.ts';
import type { RowGroups } from './row-groups.ts';
import { NO_ROW, type RowTable } from './rows.ts';

class MessageGroup implements RowGroup {
  readonly id: string;
  members = 0;
  /** Messages that keep the others waiting. */
  leased = 0;
  /** Its first message, if that is in the ready list. */
  listed: number = NO_ROW;
  readonly waiting: ReadyList;

  constructor(id: string, rows: RowTable) {
    this.id = id;
    this.waiting = new ReadyList(rows);
  }
}

export class MessageGroups implements RowGroups {
  readonly #rows: RowTable;
  readonly #table: GroupTable<MessageGroup>;
  #waitingCount = 0;
  /** Messages of before the restart come in: those that keep others waiting may not be here yet. */
  #restoring = false;

  constructor(rows: RowTable) {
    this.#rows = rows;
    this.#table = new GroupTable(rows, (id) => new MessageGroup(id, rows));
  }

  get count(): number {
    return this.#table.count;
  }

  /** Ready messages that wait for another one of their group. */
  get waitingCount(): number {
    return this.#waitingCount;
  }

  idOf(row: number): string | undefined {
    return this.#table.of(row)?.id;
  }

  join(row: number, id: string): void {
    this.#table.join(row, id).leased += 1;
  }

  offer(row: number): number {
    const group = this.#groupOf(row);
    group.leased -= 1;
    group.waiting.insert(row);
    this.#waitingCount += 1;
    return this.#next(group);
  }

  delay(row: number, blocks: boolean): number {
    if (blocks) {
      this.#rows.page(row).group[this.#rows.index(row)]! *= -1;
      return NO_ROW;
    }
    const group = this.#groupOf(row);
    group.leased -= 1;
    return this.#next(group);
  }

  due(row: number): void {
    const page = this.#rows.page(row);
    const index = this.#rows.index(row);
    if (page.group[index]! < 0) page.group[index]! *= -1;
    else this.#groupOf(row).leased += 1;
  }

  /** Nothing goes to the ready list until `restored`. */
  restoring(): void {
    this.#restoring = true;
  }

  /** All are here. Returns the rows that the ready list gets. */
  restored(): number[] {
    this.#restoring = false;
    const groups = this.#table.all();
    return groups.map((group) => this.#next(group)).filter((row) => row !== NO_ROW);
  }

  restoreLease(_row: number): void {}

  endLease(_row: number): void {}

  leave(row: number): number {
    this.#groupOf(row).leased -= 1;
    return this.#leave(row);
  }

  /** The row was taken from the ready list, to be leased or to limbo. */
  takeListed(row: number): void {
    const group = this.#groupOf(row);
    group.listed = NO_ROW;
    group.leased += 1;
  }

  /** The next waiting row of the group of a leased row, or none. */
  peekWaiting(row: number): number {
    return this.#table.of(row)?.waiting.peek() ?? NO_ROW;
  }

  /** Takes the row that `peekWaiting` has just returned, to be leased beside the others or to limbo. */
  takeWaiting(row: number): void {
    const group = this.#groupOf(row);
    group.waiting.pop();
    this.#waitingCount -= 1;
    group.leased += 1;
  }

  isListed(row: number): boolean {
    return this.#table.of(row)?.listed === row;
  }

  discard(row: number): number {
    const group = this.#groupOf(row);
    if (group.listed === row) group.listed = NO_ROW;
    else {
      group.waiting.discard();
      this.#waitingCount -= 1;
    }
    return this.#leave(row);
  }

  waiting(countMax: number): number[] {
    return this.#table.all().flatMap((group) => group.waiting.first(countMax));
  }

  removeWaiting(): number[] {
    const removed: number[] = [];
    for (const { waiting } of this.#table.all()) {
      while (waiting.peek() !== NO_ROW) {
        const row = waiting.pop();
        this.#waitingCount -= 1;
        removed.push(row);
        this.#leave(row);
      }
    }
    return removed;
  }

  #leave(row: number): number {
    const group = this.#table.leave(row);
    // The list of a group that ends here may have rows to free still.
    if (group.members === 0) group.waiting.peek();
    return group.members === 0 ? NO_ROW : this.#next(group);
  }

  #next(group: MessageGroup): number {
    if (group.leased > 0 || group.listed !== NO_ROW || this.#restoring) return NO_ROW;
    if (group.waiting.peek() === NO_ROW) return NO_ROW;
    group.listed = group.waiting.pop();
    this.#waitingCount -= 1;
    return group.listed;
  }

  #groupOf(row: number): MessageGroup {
    return this.#table.of(row)!;
  }
}
