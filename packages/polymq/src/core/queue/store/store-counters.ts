/** What the message store has done, for metrics. */
export interface StoreCounters {
  journaledMessages: number;
  journaledBytes: number;
  /** Rows whose message was moved to the end of the journal, to free its beginning. */
  relocatedRows: number;
  /** Rows of messages that were moved to the journal because memory was short. */
  spilledRows: number;
  evictedExtents: number;
  loads: number;
  snapshots: number;
  trims: number;
  /** Rows whose message was damaged on disk. */
  lostRows: number;
}

export function newCounters(): StoreCounters {
  return {
    journaledMessages: 0,
    journaledBytes: 0,
    relocatedRows: 0,
    spilledRows: 0,
    evictedExtents: 0,
    loads: 0,
    snapshots: 0,
    trims: 0,
    lostRows: 0,
  };
}
