/**
 * Message groups of one queue: while a message of a group is leased, the others of the group wait.
 *
 *   group "a"   leased: 1        waiting: ─► row ─► row        nothing of it is in the ready list
 *   group "b"   queued           waiting: ─► row               its first message is in the ready list
 *
 * A row belongs to its group from `join` to `leave`; its column `group` holds the group's number meanwhile
 * (negative while the row is delayed and keeps the others waiting). A group
 * without messages is forgotten at once.
 */
import { ReadyList } from './ready-list.ts';
import { NO_ROW, type RowTable } from './rows.ts';

class MessageGroup {
  readonly id: string;
  /** Messages, in whatever state. */
  members = 0;
  /** Messages that keep the others waiting. */
  leased = 0;
  /** Whether its first message is in the ready list. */
  queued = false;
  readonly waiting: ReadyList;

  constructor(id: string, rows: RowTable) {
    this.id = id;
    this.waiting = new ReadyList(rows);
  }
}

export class MessageGroups {
  readonly #rows: RowTable;
  readonly #byId = new Map<string, number>();
  /** Number 0 is no group. */
  readonly #groups: (MessageGroup | undefined)[] = [undefined];
  readonly #free: number[] = [];
  #waitingCount = 0;

  constructor(rows: RowTable) {
    this.#rows = rows;
  }

  /** Groups with messages. */
  get count(): number {
    return this.#byId.size;
  }

  /** Ready messages that wait for another one of their group. */
  get waitingCount(): number {
    return this.#waitingCount;
  }

  /** The id of the row's group, if it has one. */
  idOf(row: number): string | undefined {
    return this.#groupOf(row)?.id;
  }

  join(row: number, id: string): void {
    let number = this.#byId.get(id);
    if (number === undefined) {
      number = this.#free.pop() ?? this.#groups.length;
      this.#byId.set(id, number);
      this.#groups[number] = new MessageGroup(id, this.#rows);
    }
    this.#groups[number]!.members += 1;
    this.#rows.page(row).group[this.#rows.index(row)] = number;
  }

  /** The row could be delivered. Returns the row that the ready list gets for it: this one, another, or none. */
  offer(row: number): number {
    const group = this.#groupOf(row)!;
    group.waiting.insert(row);
    this.#waitingCount += 1;
    return this.#next(group);
  }

  /** A row that is nowhere keeps the others waiting. */
  lease(row: number): void {
    this.#groupOf(row)!.leased += 1;
  }

  /** The row was taken from the ready list, and keeps the others waiting. */
  leaseQueued(row: number): void {
    const group = this.#groupOf(row)!;
    group.queued = false;
    group.leased += 1;
  }

  /** The row does not keep the others waiting any more; it is offered again or leaves now. */
  unlease(row: number): void {
    this.#groupOf(row)!.leased -= 1;
  }

  /** The same for a row that stays in its group, but not ready. Returns the row that the ready list gets, or none. */
  release(row: number): number {
    const group = this.#groupOf(row)!;
    group.leased -= 1;
    return this.#next(group);
  }

  /** The row is gone. Returns the row that the ready list gets instead, or none. */
  leave(row: number): number {
    const group = this.#groupOf(row)!;
    const page = this.#rows.page(row);
    const index = this.#rows.index(row);
    const number = page.group[index]!;
    page.group[index] = 0;
    group.members -= 1;
    if (group.members > 0) return this.#next(group);
    this.#byId.delete(group.id);
    this.#groups[number] = undefined;
    this.#free.push(number);
    return NO_ROW;
  }

  /** The next waiting row of the group of a leased row, or none. */
  peekWaiting(row: number): number {
    return this.#groupOf(row)?.waiting.peek() ?? NO_ROW;
  }

  /** Takes the row that `peekWaiting` has just returned: it is leased beside the others. */
  leaseWaiting(row: number): void {
    const group = this.#groupOf(row)!;
    group.waiting.pop();
    this.#waitingCount -= 1;
    group.leased += 1;
  }

  /** All waiting rows, up to `countMax` per group. */
  waiting(countMax: number): number[] {
    return this.#groups.flatMap((group) => group?.waiting.first(countMax) ?? []);
  }

  /** Takes all waiting rows out of their groups. */
  removeWaiting(): number[] {
    const removed: number[] = [];
    for (const group of [...this.#groups]) {
      if (group === undefined) continue;
      while (group.waiting.peek() !== NO_ROW) {
        const row = group.waiting.pop();
        this.#waitingCount -= 1;
        removed.push(row);
        this.leave(row);
      }
    }
    return removed;
  }

  #next(group: MessageGroup): number {
    if (group.leased > 0 || group.queued || group.waiting.peek() === NO_ROW) return NO_ROW;
    group.queued = true;
    this.#waitingCount -= 1;
    return group.waiting.pop();
  }

  #groupOf(row: number): MessageGroup | undefined {
    return this.#groups[Math.abs(this.#rows.page(row).group[this.#rows.index(row)]!)];
  }
}
