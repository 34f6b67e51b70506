import type { OutboxRow } from './outbox-row.ts';
import type { Verdict } from './outbox-table.ts';

/** How relays share the rows of an outbox: one implementation per dialect. */
export interface Batches {
  /**
   * Hands the oldest rows that may be sent now to `work`, and writes down its verdicts; rows without one stay as they are. Until that is
   * done no other relay gets a row with the same key. `'held'`: there may be more in a moment (rows behind a transaction
   * that is open, or another relay is at work). What `work` rejects with is passed on.
   */
  next(request: BatchRequest): Promise<number | 'held'>;
  /** Lets another relay take over at once. */
  release(): Promise<void>;
}

export interface BatchRequest {
  readonly max: number;
  /** `queue orders`: places that are left alone for now. */
  readonly without: readonly string[];
  readonly work: (rows: readonly OutboxRow[]) => Promise<readonly Verdict[]>;
}

export interface BatchOptions {
  readonly nowMs: () => number;
  /** Sent rows stay in the table for a while. */
  readonly keep: boolean;
  /** A relay that has not answered for so long is taken for dead. Longer than any send takes. */
  readonly leaseMs: number;
}
