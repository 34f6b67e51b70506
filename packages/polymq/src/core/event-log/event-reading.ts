/**
 * Reads events where the index says they are: those of one stream by their offsets, only the batches that hold them; those of a whole partition
 * in windows. Bodies are copied, so that a small event does not hold on to the window it was read in.
 */
import { release } from '../../lib/arena.ts';
import { batchBytes, batchNextOffset } from '../../log/batch.ts';
import type { LogRead } from '../../log/log.ts';
import type { StoredRecord } from '../record/record.ts';
import type { Partition } from '../stream/streams.ts';
import type { LoggedEvent } from './event-log.ts';
import { eventClaim, readEvent } from './event-record.ts';
import type { PartitionEvents } from './partition-events.ts';
import { readableRecords } from './readable-records.ts';

/** Read at once where events lie close together; where not, one batch each. */
const WINDOW_BYTES = 256 * 1024;
/** Events are close together if the next one is so few records away. */
const CLOSE_OFFSETS = 32;
const READS_AHEAD = 16;

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
  const ahead = new ReadAhead(partition, offsets);
  while (events.length < offsets.length) {
    const offset = offsets[events.length]!;
    const { buffers } = await ahead.read(events.length);
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

/** Reads where events lie apart from each other are begun before it is their turn, so that the disk works side by side. */
class ReadAhead {
  readonly #partition: Partition;
  readonly #offsets: readonly number[];
  /** By the number of the event. */
  readonly #begun = new Map<number, LogRead | Promise<LogRead>>();

  constructor(partition: Partition, offsets: readonly number[]) {
    this.#partition = partition;
    this.#offsets = offsets;
  }

  /** Whole batches from the one that holds the event. */
  read(number: number): LogRead | Promise<LogRead> {
    if (!this.#isApart(number)) {
      return this.#partition.read(this.#offsets[number]!, WINDOW_BYTES, true);
    }
    const end = Math.min(number + READS_AHEAD, this.#offsets.length);
    for (let next = number; next < end && this.#isApart(next); next++) {
      if (!this.#begun.has(next)) this.#begin(next);
    }
    const read = this.#begun.get(number)!;
    this.#begun.delete(number);
    return read;
  }

  #begin(number: number): void {
    const read = this.#partition.read(this.#offsets[number]!, 1, true);
    // Whoever stops before its turn does not want to know.
    if (read instanceof Promise) read.catch(() => undefined);
    this.#begun.set(number, read);
  }

  #isApart(number: number): boolean {
    const next = this.#offsets[number + 1] ?? Number.POSITIVE_INFINITY;
    return next - this.#offsets[number]! > CLOSE_OFFSETS;
  }
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
