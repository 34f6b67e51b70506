/**
 * Frames of the shared commit log.
 *
 *   0   4   payload length         0 means: nothing was written here
 *   4   4   CRC-32C                of everything from byte 8 to the end of the payload
 *   8   8   sequence               one more than that of the frame before
 *   16  …   payload: entries
 *
 * An entry holds the batches of one log, as they will stand in its segment:
 *
 *   0   8   id of the log (8 bytes of the 16 digits)
 *   8   8   base offset of the segment
 *   16  8   position in the segment
 *   24  4   length of the batches
 *   28  2   length of the name
 *   30  …   name (UTF-8), batches
 *
 * A file of the commit log is used again and again, so behind the last frame stand older ones, whole and with
 * good checksums. The sequence tells them apart: a frame counts only if its sequence follows.
 */
import { readInt64, writeInt64 } from '../../lib/bytes/int64.ts';
import { crc32c } from '../../lib/crc32c.ts';

export const FRAME_HEADER_BYTES = 16;
const ENTRY_HEADER_BYTES = 30;

export interface CommitEntry {
  logId: string;
  name: string;
  segmentBase: number;
  position: number;
  batches: Buffer;
}

/** What an entry costs beside its batches. */
export function entryOverheadBytes(name: Buffer): number {
  return ENTRY_HEADER_BYTES + name.length;
}

/** Writes the head of an entry; the batches follow at the returned position. */
export function writeEntryHead(
  frame: Buffer,
  at: number,
  entry: { id: Buffer; name: Buffer; segmentBase: number; position: number; bytes: number },
): number {
  frame.set(entry.id, at);
  writeInt64(frame, entry.segmentBase, at + 8);
  writeInt64(frame, entry.position, at + 16);
  frame.writeUInt32BE(entry.bytes, at + 24);
  frame.writeUInt16BE(entry.name.length, at + 28);
  frame.set(entry.name, at + ENTRY_HEADER_BYTES);
  return at + ENTRY_HEADER_BYTES + entry.name.length;
}

/** Completes a frame whose payload stands in `frame[16, end)`. */
export function sealFrame(frame: Buffer, end: number, sequence: number): void {
  frame.writeUInt32BE(end - FRAME_HEADER_BYTES, 0);
  writeInt64(frame, sequence, 8);
  frame.writeUInt32BE(crc32c(frame, 8, end), 4);
}

export interface Frame {
  sequence: number;
  /** Where the next frame would begin. */
  end: number;
  entries: CommitEntry[];
}

/** The frame at `at`, or `undefined` if there is no whole one. */
export function readFrame(file: Buffer, at: number): Frame | undefined {
  if (file.length - at < FRAME_HEADER_BYTES) return undefined;
  const length = file.readUInt32BE(at);
  const end = at + FRAME_HEADER_BYTES + length;
  if (length === 0 || end > file.length) return undefined;
  if (crc32c(file, at + 8, end) !== file.readUInt32BE(at + 4)) return undefined;
  const entries = readEntries(file, at + FRAME_HEADER_BYTES, end);
  return entries && { sequence: readInt64(file, at + 8), end, entries };
}

function readEntries(file: Buffer, start: number, end: number): CommitEntry[] | undefined {
  const entries: CommitEntry[] = [];
  let at = start;
  while (at < end) {
    if (end - at < ENTRY_HEADER_BYTES) return undefined;
    const nameStart = at + ENTRY_HEADER_BYTES;
    const batchesStart = nameStart + file.readUInt16BE(at + 28);
    const batchesEnd = batchesStart + file.readUInt32BE(at + 24);
    if (batchesEnd > end) return undefined;
    entries.push({
      logId: file.toString('hex', at, at + 8),
      name: file.toString('utf8', nameStart, batchesStart),
      segmentBase: readInt64(file, at + 8),
      position: readInt64(file, at + 16),
      batches: file.subarray(batchesStart, batchesEnd),
    });
    at = batchesEnd;
  }
  return entries;
}
