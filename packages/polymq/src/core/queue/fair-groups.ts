/**
 * Message groups that are fair: a group never locks, but one with many messages does not crowd out the others.
 *
 *   ready list   ─► row ─► row                            messages without a group: each is a group of its own
 *   turns        "b" 0 in flight   ─► row ─► row          the group whose turn it is
 *                "c" 0 in flight   ─► row                 served later than "b"
 *                "a" 7 in flight   ─► row ─► … ─► row
 *   expiries     "a" at 12:00, "c" at 12:01, …            by the first row of each
 *
 * The next message comes from the group with the fewest in flight; among equals from the one that was served longest
 * ago. As a moment counts the position in the queue at that time, which messages without a group can be compared with: a
 * group that was served stands behind all that were there then. Within a group the order is that of the queue;
 * priorities only raise messages without a group.
 *
 * Rows of groups are here while they are ready, never in the ready list; a queue without any pays one look at an
 * empty heap. Invariant: a group is in both heaps while it has ready messages.
 */
import { GroupHeap, type Placed } from './group-heap.ts';
import { GroupTable, type RowGroup } from './group-table.ts';
import { ReadyList } from './ready-list.ts';
import type { RowGroups } from './row-groups.ts';
import { NO_ROW, type RowTable } from './rows.ts';

class FairGroup implements RowGroup, Placed {
  readonly id: string;
  readonly places: number[] = [-1, -1];
  members = 0;
  /** Messages in flight: fewest first. */
  leased = 0;
  /** Among equals, the one that was served, or became ready, longest ago: as a position in the queue … */
  sinceSeq = 0;
  /** … and as a moment, where that does not tell them apart. */
  sinceTick = 0;
  /** When its first ready message expires; infinite: never. */
  expiresMs: number = Number.POSITIVE_INFINITY;
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
  readonly #turns = new GroupHeap<FairGroup>(0, isBefore);
  readonly #expiries = new GroupHeap<FairGroup>(1, (a, b) => a.expiresMs < b.expiresMs);
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
    const group = this.#turns.top;
    if (group === undefined || (listed !== NO_ROW && this.#isBefore(listed, group))) return listed;
    return group.ready.peek();
  }

  /** Of the rows that are the first of their group, the one that expires first, or `NO_ROW`. */
  firstToExpire(): number {
    return this.#expiries.top?.ready.peek() ?? NO_ROW;
  }

  /** Takes the first row of its group to limbo. */
  pop(row: number): void {
    const group = this.#groupOf(row);
    group.ready.pop();
    this.#countReady(group, -1);
  }

  /** Leases the row that `first` has just returned. `nextSeq`: how far the queue has come. */
  lease(row: number, nextSeq: number): void {
    const group = this.#groupOf(row);
    group.ready.pop();
    group.leased += 1;
    group.sinceSeq = nextSeq;
    this.#tick += 1;
    group.sinceTick = this.#tick;
    this.#countReady(group, -1);
    this.#turns.moved(group);
  }

  /** Rows expire at other times now. */
  expiriesChanged(): void {
    for (const group of [...this.#expiries.items]) this.#readExpiry(group);
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
    this.#turns.moved(group);
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
    for (const group of this.#turns.items) {
      group.readyCount = 0;
      for (let row = group.ready.peek(); row !== NO_ROW; row = group.ready.peek()) {
        group.ready.pop();
        this.#table.leave(row);
        removed.push(row);
      }
    }
    this.#turns.clear();
    this.#expiries.clear();
    this.#waitingCount = 0;
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
    if (group.readyCount === 0) {
      this.#turns.remove(group);
      this.#expiries.remove(group);
      return;
    }
    if (!this.#turns.has(group)) {
      const first = group.ready.peek();
      const seq = this.#rows.page(first).seq[this.#rows.index(first)]!;
      group.sinceSeq = Math.max(group.sinceSeq, seq);
      this.#turns.add(group);
      this.#expiries.add(group);
    }
    this.#readExpiry(group);
  }

  /** Another row may be the first of the group. */
  #readExpiry(group: FairGroup): void {
    const first = group.ready.peek();
    const expiresMs = this.#rows.page(first).expiresMs[this.#rows.index(first)]!;
    const knownMs = group.expiresMs;
    group.expiresMs = expiresMs === 0 ? Number.POSITIVE_INFINITY : expiresMs;
    if (group.expiresMs !== knownMs) this.#expiries.moved(group);
  }

  #groupOf(row: number): FairGroup {
    return this.#table.of(row)!;
  }
}

function isBefore(a: FairGroup, b: FairGroup): boolean {
  if (a.leased !== b.leased) return a.leased < b.leased;
  if (a.sinceSeq !== b.sinceSeq) return a.sinceSeq < b.sinceSeq;
  return a.sinceTick < b.sinceTick;
}
