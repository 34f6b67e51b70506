/**
 * The sparse index beside a closed segment.
 *
 *   0   4   "PMQX"
 *   4   4   version, 1
 *   8   8   bytes of the segment that it covers
 *   16  8   number of entries
 *   24  24  per entry: offset, position, largest timestamp of the stretch
 *   …   4   CRC-32C of all before
 *
 * It can always be made again from the segment, so it is written without sync, and a file that is missing, torn
 * or damaged only costs time.
 */
import { readInt64, writeInt64 } from '../../lib/bytes/int64.ts';
import { crc32c } from '../../lib/crc32c.ts';
import type { Disk } from '../../lib/environment/disk.ts';
import { SegmentIndex } from './segment-index.ts';

const MAGIC = 0x504d5158;
const VERSION = 1;
const HEADER_BYTES = 24;
const ENTRY_BYTES = 24;

export async function writeIndexFile(
  disk: Disk,
  path: string,
  index: SegmentIndex,
  coveredBytes: number,
): Promise<void> {
  const file = await disk.open(path, { create: true });
  try {
    const content = encodeIndex(index, coveredBytes);
    await file.write([content], 0);
    await file.truncate(content.length);
  } finally {
    await file.close();
  }
}

/** The index and how far it reaches, or `undefined` if the file is of no use. */
export async function readIndexFile(
  disk: Disk,
  path: string,
): Promise<{ index: SegmentIndex; coveredBytes: number } | undefined> {
  const content = await disk.readFile(path);
  return content === undefined ? undefined : decodeIndex(content);
}

function encodeIndex(index: SegmentIndex, coveredBytes: number): Buffer {
  const content = Buffer.allocUnsafe(HEADER_BYTES + index.count * ENTRY_BYTES + 4);
  content.writeUInt32BE(MAGIC, 0);
  content.writeUInt32BE(VERSION, 4);
  writeInt64(content, coveredBytes, 8);
  writeInt64(content, index.count, 16);
  for (let entry = 0; entry < index.count; entry++) {
    const at = HEADER_BYTES + entry * ENTRY_BYTES;
    writeInt64(content, index.offsetAt(entry), at);
    writeInt64(content, index.positionAt(entry), at + 8);
    writeInt64(content, index.maxTimestampAt(entry), at + 16);
  }
  content.writeUInt32BE(crc32c(content, 0, content.length - 4), content.length - 4);
  return content;
}

function decodeIndex(content: Buffer): { index: SegmentIndex; coveredBytes: number } | undefined {
  if (content.length < HEADER_BYTES + 4) return undefined;
  if (content.readUInt32BE(0) !== MAGIC || content.readUInt32BE(4) !== VERSION) return undefined;
  const count = readInt64(content, 16);
  if (content.length !== HEADER_BYTES + count * ENTRY_BYTES + 4) return undefined;
  if (crc32c(content, 0, content.length - 4) !== content.readUInt32BE(content.length - 4)) {
    return undefined;
  }
  const index = new SegmentIndex();
  for (let entry = 0; entry < count; entry++) {
    const at = HEADER_BYTES + entry * ENTRY_BYTES;
    index.push(readInt64(content, at), readInt64(content, at + 8), readInt64(content, at + 16));
  }
  return { index, coveredBytes: readInt64(content, 8) };
}
