/**
 * Reads a partition for a consumer that acknowledges nothing durable: a window of records at a time, decoded only as
 * far as the consumer looks.
 */
import type { StoredRecord } from '../record/record.ts';
import type { Partition } from '../stream/streams.ts';
import { READ_BYTES, RecordCursor, type StreamStart, startPosition } from './record-cursor.ts';
import { type WholeMessage, wholeMessage } from './record-message.ts';

/** Which records a reader wants, by one header that their producers set for this purpose. */
export interface StreamFilter {
  header: string;
  values: readonly string[];
  /** Whether records without the header pass too. */
  matchUnfiltered: boolean;
}

export interface StreamReaderOptions {
  filter?: StreamFilter;
  /** Called after every commit to the partition, from inside it: take note and return. */
  onMore?: () => void;
}

/** One record of a stream, and what it is as a message. */
export class StreamMessage {
  readonly record: StoredRecord;
  #whole: WholeMessage | undefined;

  constructor(record: StoredRecord) {
    this.record = record;
  }

  get offset(): number {
    return this.record.offset;
  }

  get timestampMs(): number {
    return this.record.timestampMs;
  }

  /** Decoded when it is asked for first. */
  get whole(): WholeMessage {
    this.#whole ??= wholeMessage(this.record);
    return this.#whole;
  }

  /** A slice of the stream's memory: not to be changed. */
  get body(): Buffer {
    return this.record.value ?? EMPTY;
  }
}

const EMPTY: Buffer = Buffer.alloc(0);
/** So many records that the filter refuses are looked at before others get a turn. */
const LOOK_MAX = 4096;

export class StreamReader {
  readonly #cursor: RecordCursor;
  readonly #filter: StreamFilter | undefined;
  readonly #values: ReadonlySet<string>;
  readonly #stop: () => void;
  #closed = false;

  constructor(partition: Partition, position: number, options: StreamReaderOptions = {}) {
    this.#cursor = new RecordCursor(partition, position);
    this.#filter = options.filter;
    this.#values = new Set(options.filter?.values);
    this.#stop =
      options.onMore === undefined ? () => undefined : partition.onAdvance(options.onMore);
  }

  get partition(): Partition {
    return this.#cursor.partition;
  }

  /** The offset from which the next call goes on. */
  get position(): number {
    return this.#cursor.position;
  }

  /** Offsets that were stepped over because their records are gone, damaged or unreadable. */
  get skipped(): number {
    return this.#cursor.skipped;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Whether a call of `next` may return something. */
  get more(): boolean {
    return this.#cursor.position < this.#cursor.partition.endOffset;
  }

  /**
   * Committed records, at most `countMax`, and of `bytesMax` bytes of bodies in all unless the first is larger. None:
   * look at `more`, and if that is false wait for `onMore`; a filter may have refused all that were looked at. Throws
   * or rejects when the partition is gone (`unknown-partition`) or broken (`storage-failed`).
   */
  next(
    countMax: number,
    bytesMax: number = READ_BYTES,
  ): StreamMessage[] | Promise<StreamMessage[]> {
    const messages: StreamMessage[] = [];
    if (this.#take(messages, countMax, bytesMax)) return messages;
    const loaded = this.#cursor.load();
    if (loaded instanceof Promise)
      return loaded.then(() => this.#rest(messages, countMax, bytesMax));
    return this.#rest(messages, countMax, bytesMax);
  }

  close(): void {
    this.#closed = true;
    this.#stop();
  }

  #rest(messages: StreamMessage[], countMax: number, bytesMax: number): StreamMessage[] {
    if (!this.#closed) this.#take(messages, countMax, bytesMax);
    return messages;
  }

  /** Takes what is in memory. True if the caller has enough. */
  #take(messages: StreamMessage[], countMax: number, bytesMax: number): boolean {
    let bytes = 0;
    for (let looked = 0; looked < LOOK_MAX; looked++) {
      if (messages.length >= countMax || bytes >= bytesMax) return true;
      const record = this.#cursor.next();
      if (record === undefined) return messages.length > 0;
      if (!this.#passes(record)) continue;
      bytes += record.value?.length ?? 0;
      messages.push(new StreamMessage(record));
    }
    return true;
  }

  #passes(record: StoredRecord): boolean {
    const filter = this.#filter;
    if (filter === undefined) return true;
    const header = record.headers.find(({ key }) => key === filter.header);
    if (header === undefined) return filter.matchUnfiltered;
    return header.value !== undefined && this.#values.has(header.value.toString('utf8'));
  }
}

/** Starts reading a partition. Reject as `StreamReader.next` does. */
export async function openStreamReader(
  partition: Partition,
  start: StreamStart,
  options: StreamReaderOptions = {},
): Promise<StreamReader> {
  return new StreamReader(partition, await startPosition(partition, start), options);
}
