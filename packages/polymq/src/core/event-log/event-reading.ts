/** Reads events where the index says they are. */
import { release } from '../../lib/arena.ts';
import { batchBytes, batchNextOffset } from '../../log/batch.ts';
import type { StoredRecord } from '../record/record.ts';
import type { LoggedEvent } from './event-log.ts';
import { eventClaim, readEvent } from './event-record.ts';
import type { PartitionEvents } from './partition-events.ts';
import { readableRecords } from './readable-records.ts';

/** Read at once where events lie close together; where not, one batch each. */
const WINDOW_BYTES = 256 * 1024;
/** Events are close together if the next one is so few records away. */
const CLOSE_OFFSETS = 32;

export interface EventsAtOptions {
  stream: string;
  /** Of the event at the first offset. */
  fromVersion: number;
  /** Of bodies, unless the first is larger. */
  bytesMax: number;
  positionOf: (offset: number) => string;
  /** Stops before the first record for which it is true. */
  until?: (record: StoredRecord) => boolean;
}

/** Events of one stream at these offsets, which ascend. Rejects as `Partition.read` does. */
export async function eventsAt(
  { partition }: PartitionEvents,
  offsets: readonly number[],
  options: EventsAtOptions,
): Promise<LoggedEvent[]> {
  const { stream, fromVersion, bytesMax, positionOf, until } = options;
  const events: LoggedEvent[] = [];
  let bytes = 0;
  while (events.length < offsets.length) {
    const offset = offsets[events.length]!;
    const next = offsets[events.length + 1] ?? Number.POSITIVE_INFINITY;
    const window = next - offset <= CLOSE_OFFSETS ? WINDOW_BYTES : 1;
    const { buffers } = await partition.read(offset, window, true);
    const before = events.length;
    for (const record of recordsOf(buffers, offset, offsets.at(-1)!)) {
      if (record.offset !== offsets[events.length]) continue;
      if (until?.(record) === true) return events;
      bytes += record.value?.length ?? 0;
      if (bytes > bytesMax && events.length > 0) return events;
      const version = fromVersion + events.length;
      events.push(readEvent(record, stream, version, positionOf(record.offset)));
    }
    if (events.length === before) throw new Error(`there is no event at offset ${offset}`);
    for (const buffer of buffers) release(buffer);
  }
  return events;
}

/** Events of the partition from the offset on, whatever their streams. Their positions are not set. */
export async function eventsFrom(
  events: PartitionEvents,
  from: number,
  { max, bytesMax }: { max: number; bytesMax: number },
): Promise<{ offset: number; event: LoggedEvent }[]> {
  const { partition, index } = events;
  const found: { offset: number; event: LoggedEvent }[] = [];
  let bytes = 0;
  let at = from;
  while (found.length < max && at <= index.lastOffset) {
    const { applied } = events;
    const { buffers, nextOffset } = await partition.read(at, WINDOW_BYTES, true);
    for (const record of recordsOf(buffers, at, applied - 1)) {
      const claim = eventClaim(record);
      if (claim === undefined) continue;
      const stream = record.key!.toString('utf8');
      if (index.offsets(stream)[claim.version - 1] !== record.offset) continue;
      bytes += record.value?.length ?? 0;
      if (found.length === max || (bytes > bytesMax && found.length > 0)) return found;
      found.push({ offset: record.offset, event: readEvent(record, stream, claim.version, '') });
    }
    for (const buffer of buffers) release(buffer);
    if (nextOffset <= at) break;
    at = Math.min(nextOffset, applied);
  }
  return found;
}

/** The records with offsets from `first` to `last`. */
function* recordsOf(
  buffers: readonly Buffer[],
  first: number,
  last: number,
): Generator<StoredRecord, void> {
  for (const buffer of buffers) {
    for (let at = 0; at < buffer.length; at += batchBytes(buffer, at)) {
      if (batchNextOffset(buffer, at) <= first) continue;
      for (const record of readableRecords(buffer, at)) {
        if (record.offset > last) return;
        if (record.offset >= first) yield record;
      }
    }
  }
}
