/**
 * Message groups that are fair: a group never locks, but one with many messages does not crowd out the others.
 *
 *   ready list   ─► row ─► row                            messages without a group: each is a group of its own
 *   order        "b" 0 in flight   ─► row ─► row          the group whose turn it is
 *                "c" 0 in flight   ─► row                 served later than "b"
 *                "a" 7 in flight   ─► row ─► … ─► row
 *
 * The next message comes from the group with the fewest in flight; among equals from the one that was served longest
 * ago. As a moment counts the position in the queue at that time, which messages without a group can be compared with: a
 * group that was served stands behind all that were there then. Within a group the order is that of the queue;
 * priorities only raise messages without a group.
 *
 * Rows of groups are here while they are ready, never in the ready list; a queue without any pays one look at an
 * empty order. Invariant: a group is in the order while it has ready messages.
 */
import { FairOrder, type OrderedGroup } from './fair-order.ts';
import { GroupTable, type RowGroup } from './group-table.ts';
import { ReadyList } from './ready-list.ts';
import type { RowGroups } from './row-groups.ts';
import { NO_ROW, type RowTable } from './rows.ts';

class FairGroup implements RowGroup, OrderedGroup {
  readonly id: string;
  members = 0;
  leased = 0;
  sinceSeq = 0;
  sinceTick = 0;
  at = -1;
  readonly ready: ReadyList;
  readyCount = 0;

  constructor(id: string, rows: RowTable) {
    this.id = id;
    this.ready = new ReadyList(rows);
  }
}

export class FairGroups implements RowGroups {
  readonly #rows: RowTable;
  readonly #table: GroupTable<FairGroup>;
  readonly #order = new FairOrder<FairGroup>();
  #waitingCount = 0;
  #tick = 0;

  constructor(rows: RowTable) {
    this.#rows = rows;
    this.#table = new GroupTable(rows, (id) => new FairGroup(id, rows));
  }

  get count(): number {
    return this.#table.count;
  }

  /** Ready messages that have a group. */
  get waitingCount(): number {
    return this.#waitingCount;
  }

  idOf(row: number): string | undefined {
    return this.#table.of(row)?.id;
  }

  /** Which is next, given the first row of the ready list or `NO_ROW`. */
  first(listed: number): number {
    const group = this.#order.top;
    if (group === undefined || (listed !== NO_ROW && this.#isBefore(listed, group))) return listed;
    return group.ready.peek();
  }

  /** The first row of the group whose turn it is, or `NO_ROW`. */
  peek(): number {
    return this.#order.top?.ready.peek() ?? NO_ROW;
  }

  /** Takes the row that `peek` or `first` has just returned to limbo. */
  pop(): number {
    const group = this.#order.top!;
    const row = group.ready.pop();
    this.#countReady(group, -1);
    return row;
  }

  /** Leases the row that `peek` or `first` has just returned. `nextSeq`: how far the queue has come. */
  lease(nextSeq: number): void {
    const group = this.#order.top!;
    group.ready.pop();
    group.leased += 1;
    group.sinceSeq = nextSeq;
    this.#tick += 1;
    group.sinceTick = this.#tick;
    this.#countReady(group, -1);
    this.#order.moved(group);
  }

  join(row: number, id: string): void {
    this.#table.join(row, id);
  }

  offer(row: number): number {
    const group = this.#groupOf(row);
    group.ready.insert(row);
    this.#countReady(group, 1);
    return NO_ROW;
  }

  delay(_row: number, _blocks: boolean): number {
    return NO_ROW;
  }

  due(_row: number): void {}

  restoreLease(row: number): void {
    this.#groupOf(row).leased += 1;
  }

  endLease(row: number): void {
    const group = this.#groupOf(row);
    group.leased -= 1;
    this.#order.moved(group);
  }

  leave(row: number): number {
    const group = this.#table.leave(row);
    // The list of a group that ends here may have rows to free still.
    if (group.members === 0) group.ready.peek();
    return NO_ROW;
  }

  isListed(_row: number): boolean {
    return false;
  }

  discard(row: number): number {
    const group = this.#groupOf(row);
    group.ready.discard();
    this.#countReady(group, -1);
    return this.leave(row);
  }

  waiting(countMax: number): number[] {
    return this.#table.all().flatMap((group) => group.ready.first(countMax));
  }

  removeWaiting(): number[] {
    const removed: number[] = [];
    while (this.#order.top !== undefined) {
      const row = this.pop();
      removed.push(row);
      this.leave(row);
    }
    return removed;
  }

  /** Whether the turn of a message without a group comes before that of the group. */
  #isBefore(listed: number, group: FairGroup): boolean {
    const page = this.#rows.page(listed);
    const index = this.#rows.index(listed);
    return group.leased > 0 || page.priority[index]! > 0 || page.seq[index]! < group.sinceSeq;
  }

  /** One more is ready, or one less. */
  #countReady(group: FairGroup, change: 1 | -1): void {
    this.#waitingCount += change;
    group.readyCount += change;
    if (group.readyCount === 0) this.#order.remove(group);
    else if (group.at < 0) this.#enter(group);
  }

  #enter(group: FairGroup): void {
    const first = group.ready.peek();
    const seq = this.#rows.page(first).seq[this.#rows.index(first)]!;
    group.sinceSeq = Math.max(group.sinceSeq, seq);
    this.#order.add(group);
  }

  #groupOf(row: number): FairGroup {
    return this.#table.of(row)!;
  }
}
