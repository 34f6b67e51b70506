/**
 * What a queue asks of its message groups, whether they lock (`message-groups.ts`) or not (`fair-groups.ts`). The
 * methods follow the states that `queue-messages.ts` draws. A row that is returned goes to the ready list of the queue.
 */
export interface RowGroups {
  /** Groups with messages. */
  readonly count: number;
  /** Ready messages that are here instead of in the ready list. */
  readonly waitingCount: number;
  /** The id of the row's group, if it has one. */
  idOf(row: number): string | undefined;
  /** A new row, in limbo. */
  join(row: number, id: string): void;
  /** Limbo ─► ready. Returns the row that the ready list gets for it: this one, another, or none. */
  offer(row: number): number;
  /** Limbo ─► delayed; whether it `blocks` the others of its group. Returns one that is ready therefore, or none. */
  delay(row: number, blocks: boolean): number;
  /** Delayed ─► limbo. */
  due(row: number): void;
  /** Limbo ─► leased: before the restart it was. */
  restoreLease(row: number): void;
  /** Leased ─► limbo. */
  endLease(row: number): void;
  /** Limbo ─► gone. Returns one that is ready therefore, or none. */
  leave(row: number): number;
  /** Whether a ready row is in the ready list, not here. */
  isListed(row: number): boolean;
  /** Ready ─► gone, wherever it is: its state says so already. Returns one that is ready therefore, or none. */
  discard(row: number): number;
  /** The rows that `waitingCount` counts, in no order, up to `countMax` per group. */
  waiting(countMax: number): number[];
  /** Takes those rows out, and out of their groups. */
  removeWaiting(): number[];
}
