/** What recovery builds: rows, what few of them have beside, and marks. */
import { NO_ROW, ROW_STATE, RowTable } from '../rows.ts';
import { GroupIds } from './group-ids.ts';
import { RowIndex } from './row-index.ts';
import { SparseColumn } from './sparse-column.ts';

export interface Mark {
  value: number;
  /** Its entry in the journal. */
  offset: number;
}

export class Restoring {
  readonly rows: RowTable = new RowTable();
  readonly due: SparseColumn = new SparseColumn();
  readonly groups: GroupIds = new GroupIds();
  readonly marks: Map<string, Mark> = new Map();
  readonly index: RowIndex = new RowIndex();
  readonly #knowsQueue: (id: number) => boolean;
  #lastQueue = -1;
  #lastKnown = false;

  constructor(knowsQueue: (id: number) => boolean) {
    this.#knowsQueue = knowsQueue;
  }

  /** The row of a queue's message, now at `offset`. `NO_ROW` if it is not wanted, or known from further on. */
  place(queue: number, seq: number, offset: number): number {
    if (queue !== this.#lastQueue) {
      this.#lastQueue = queue;
      this.#lastKnown = this.#knowsQueue(queue);
    }
    if (!this.#lastKnown) return NO_ROW;
    const { rows } = this;
    let row = this.index.get(queue, seq);
    if (row === NO_ROW) {
      row = rows.allocate();
      this.index.set(queue, seq, row);
    } else if (rows.page(row).offset[rows.index(row)]! > offset) return NO_ROW;
    const page = rows.page(row);
    const index = rows.index(row);
    page.queue[index] = queue;
    page.seq[index] = seq;
    page.offset[index] = offset;
    page.state[index] = ROW_STATE.ready;
    return row;
  }

  find(queue: number, seq: number): number {
    return this.index.get(queue, seq);
  }

  remove(queue: number, seq: number): void {
    const row = this.index.get(queue, seq);
    if (row === NO_ROW) return;
    this.index.set(queue, seq, NO_ROW);
    this.setRare(row, 0, undefined);
    this.rows.free(row);
  }

  setRare(row: number, dueMs: number, groupId: string | undefined): void {
    if (dueMs !== 0 || this.due.count > 0) this.due.set(row, dueMs);
    if (groupId !== undefined || this.groups.count > 0) this.groups.set(row, groupId);
  }
}
