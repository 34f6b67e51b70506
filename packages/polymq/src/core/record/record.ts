/** One record, decoded. Buffers are slices of the batch, or of its decompressed form. */
export interface StoredRecord {
  offset: number;
  /** -1 if the producer gave none. */
  timestampMs: number;
  key: Buffer | undefined;
  value: Buffer | undefined;
  headers: RecordHeader[];
}

export interface RecordHeader {
  key: string;
  value: Buffer | undefined;
}
