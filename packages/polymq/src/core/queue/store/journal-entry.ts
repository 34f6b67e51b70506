/**
 * Entries of the journal. Each is one record of its batch to the log; behind the batch header they follow one another.
 * All numbers are big-endian.
 *
 *   MESSAGE  u32 length │ u8 1 │ u8 flags │ u16 count │ count × target │ [f64 ttl │ f64 due] │ [group] │ message
 *            target: u32 queue │ u48 seq │ u8 priority │ u8 row flags
 *            It came into its queues at the batch's timestamp.
 *   ROWS     u32 length │ u8 2 │ u8 flags │ u16 count │ count × row │ f64 enqueued │ [group] │ message
 *            row: u32 queue │ u48 seq │ u8 priority │ u8 row flags │ u16 attempts │ f64 expires │ f64 due
 *            A message that was moved here, with all that is known of its rows. Rows without the persistent flag
 *            were only short of memory: they are not restored.
 *   REMOVED  u32 length │ u8 3 │ u8 0 │ u32 queue │ u48 first seq │ (varint gap, varint count) …
 *            Runs of seqs; `gap` is the zigzag distance from the end of the run before.
 *   UPDATED  u32 length │ u8 4 │ u8 row flags │ u32 queue │ u48 seq │ u16 attempts │ f64 due
 *   MARK     u32 length │ u8 5 │ u8 flags │ f64 value │ name
 *
 *   group: u16 length │ UTF-8      `length` counts the bytes behind it
 *
 * Applying an entry twice, or one that is older than what is known, changes nothing.
 */
export const ENTRY_KIND = { message: 1, rows: 2, removed: 3, updated: 4, mark: 5 } as const;

export const ENTRY_FLAG = {
  /** MESSAGE: time to live and due time follow. */
  timed: 1,
  /** MESSAGE, ROWS: a group id follows. */
  grouped: 2,
  /** MARK: the mark is forgotten. */
  forget: 1,
} as const;

/** Length, kind, flags, count. */
export const ENTRY_HEAD_BYTES = 8;
export const TARGET_BYTES = 12;
export const ROW_BYTES = 30;
export const TIMED_BYTES = 16;
export const UPDATED_BYTES = 26;
/** Without runs. */
export const REMOVED_HEAD_BYTES = 16;
/** Without the name. */
export const MARK_HEAD_BYTES = 14;
/** Most rows of one entry. */
export const ENTRY_ROWS_MAX = 0xffff;

export function writeUint32(target: Buffer, value: number, at: number): void {
  target[at] = value >>> 24;
  target[at + 1] = value >>> 16;
  target[at + 2] = value >>> 8;
  target[at + 3] = value;
}

export function writeUint16(target: Buffer, value: number, at: number): void {
  target[at] = value >>> 8;
  target[at + 1] = value;
}

/** A whole number below 2^48. */
export function writeUint48(target: Buffer, value: number, at: number): void {
  const high = value < 0x1_0000_0000 ? 0 : Math.floor(value / 0x1_0000_0000);
  target[at] = high >>> 8;
  target[at + 1] = high;
  writeUint32(target, value >>> 0, at + 2);
}

export function readUint32(source: Buffer, at: number): number {
  return (
    source[at]! * 0x1000000 + ((source[at + 1]! << 16) | (source[at + 2]! << 8) | source[at + 3]!)
  );
}

export function readUint16(source: Buffer, at: number): number {
  return (source[at]! << 8) | source[at + 1]!;
}

export function readUint48(source: Buffer, at: number): number {
  return readUint16(source, at) * 0x1_0000_0000 + readUint32(source, at + 2);
}
