/**
 * Finds records by time. The log finds the batch by its header; the record is found by looking
 * inside.
 *
 * Producers write the headers, so they may lie, and the content of a compressed batch was never
 * checked. A batch that cannot be read, or does not hold what its header says, answers with its
 * first readable offset.
 */
import { AT, batchBaseOffset, batchMaxTimestamp, batchNextOffset } from '../../log/batch.ts';
import type { Log } from '../../log/log.ts';
import { BrokerError } from '../errors.ts';
import { ATTRIBUTES } from '../record/attributes.ts';
import type { BatchLimits } from '../record/check-batch.ts';
import type { StoredRecord } from '../record/record.ts';
import { readRecords } from '../record/record-reader.ts';
import type { RecordPosition } from './streams.ts';

/** Decompression holds up everybody else, so it ends where it would be felt: some 20 ms. */
const SEARCH_LIMITS: BatchLimits = {
  expandedBytesMax: 8 * 1024 * 1024,
  expandedBytesFree: 8 * 1024 * 1024,
  expansionMax: 100,
};

/** The first readable record dated at or after `timestampMs`. */
export async function positionAtOrAfter(
  log: Log,
  timestampMs: number,
): Promise<RecordPosition | undefined> {
  const baseOffset = await log.findTimestamp(timestampMs);
  if (baseOffset === undefined) return undefined;
  const matches = (record: StoredRecord): boolean => record.timestampMs >= timestampMs;
  for (let offset = Math.max(baseOffset, log.start); offset < log.committed; ) {
    const batch = await readBatch(log, offset);
    if (batch === undefined) return undefined;
    if (batchMaxTimestamp(batch, 0) >= timestampMs) {
      const position = search(batch, offset, matches);
      if (position !== undefined) return position;
      // Only where the head of the batch was deleted may the match be gone with it: go on behind
      // it.
      if (batchBaseOffset(batch, 0) >= log.start) return firstOf(batch, offset);
    }
    offset = batchNextOffset(batch, 0);
  }
  return undefined;
}

/** The first readable record with the largest time. */
export async function positionOfMax(log: Log): Promise<RecordPosition | undefined> {
  const found = await log.findMaxTimestamp();
  if (found === undefined) return undefined;
  const offset = Math.max(found.baseOffset, log.start);
  if (offset >= log.committed) return undefined;
  const batch = await readBatch(log, offset);
  if (batch === undefined) return undefined;
  const matches = (record: StoredRecord): boolean => record.timestampMs >= found.timestampMs;
  return search(batch, offset, matches) ?? firstOf(batch, offset);
}

async function readBatch(log: Log, offset: number): Promise<Buffer | undefined> {
  const { buffers } = await log.read(offset, 1, true);
  return buffers[0];
}

function firstOf(batch: Buffer, offset: number): RecordPosition {
  return { offset, timestampMs: batchMaxTimestamp(batch, 0) };
}

function search(
  batch: Buffer,
  from: number,
  matches: (record: StoredRecord) => boolean,
): RecordPosition | undefined {
  const stamped = (batch.readUInt16BE(AT.attributes) & ATTRIBUTES.appendTime) !== 0;
  if (stamped) return firstOf(batch, from);
  try {
    for (const record of readRecords(batch, 0, SEARCH_LIMITS)) {
      if (record.offset >= from && matches(record)) {
        return { offset: record.offset, timestampMs: record.timestampMs };
      }
    }
    return undefined;
  } catch (error: unknown) {
    if (error instanceof BrokerError) return firstOf(batch, from);
    throw error;
  }
}
