/**
 * Streams as targets of bindings: messages become records.
 *
 *   appendToStream ──► batch of this turn, per partition ──► Partition.append ──► committed: all its promises resolve
 *
 * All messages of one turn of the event loop to one partition are one batch, and share one promise. A batch that
 * would grow beyond what the stream takes is sent, and the next one begun. Messages with a key go where Kafka's
 * producers send them; the others go, a batch at a time, to one partition after the other.
 */
import type { Timers } from '../../lib/environment/clock.ts';
import { BrokerError } from '../errors.ts';
import type { MessageDraft } from '../message/message-draft.ts';
import type { MessageFormats } from '../message/message-formats.ts';
import type { Partition, Stream, Streams } from '../stream/streams.ts';
import { BatchBuilder } from './batch-builder.ts';
import { partitionOfKey } from './key-partition.ts';
import { recordFields, type TimeRules, type WholeMessage } from './record-message.ts';

export interface StreamTargetOptions {
  streams: Pick<Streams, 'get'>;
  formats: MessageFormats;
  timers: Timers;
}

/** A batch is sent when it has reached this, also within a turn. */
const BATCH_BYTES = 1024 * 1024;
/** Frames of the batch and the record around a message. */
const OVERHEAD_BYTES = 128;

interface PendingBatch {
  stream: Stream;
  partition: Partition;
  builder: BatchBuilder;
  committed: Promise<void>;
  settle(append: Promise<unknown>): void;
}

export class StreamTarget {
  readonly #options: StreamTargetOptions;
  /** Batches that are being filled in this turn. */
  readonly #pending = new Map<Partition, PendingBatch>();
  /** Where messages without a key of this turn go, by stream name. */
  readonly #sticky = new Map<string, number>();
  #turns = 0;
  #scheduled = false;
  #uncommittedBytes = 0;

  constructor(options: StreamTargetOptions) {
    this.#options = options;
  }

  /** Bytes appended that are not committed yet: publishers should pause above some mebibytes. */
  get uncommittedBytes(): number {
    return this.#uncommittedBytes;
  }

  /**
   * Appends the message to the stream. Resolves when it is committed; rejects with what `Partition.append` rejects
   * with, `unknown-stream` or `message-too-large`. Copies the draft before it returns.
   */
  appendToStream(name: string, draft: MessageDraft): Promise<void> {
    try {
      return this.appendWhole(name, wholeDraft(draft, this.#options.formats), draft);
    } catch (error: unknown) {
      return Promise.reject(error);
    }
  }

  /** The same with the draft's properties, names and history read already. */
  appendWhole(name: string, whole: WholeMessage, draft: MessageDraft): Promise<void> {
    const stream = this.#options.streams.get(name);
    if (stream === undefined) {
      throw new BrokerError('unknown-stream', `stream "${name}" is gone; nothing was appended`);
    }
    const bodyBytes = draft.bodyBytes;
    const fields = recordFields(whole, bodyBytes, timeRules(stream, draft.publishedMs));
    const record = { ...fields, value: fields.nullValue ? undefined : bodyOf(draft) };
    const partition = this.#partitionFor(stream, fields.key);
    const bytesMax = Math.min(stream.config.batchBytesMax, BATCH_BYTES);
    const pending = this.#pending.get(partition);
    if (pending?.builder.add(record, bytesMax)) return pending.committed;
    if (pending !== undefined) this.#send(pending);
    // A large message is a batch of its own.
    const next = this.#begin(stream, partition, bodyBytes);
    if (!next.builder.add(record, stream.config.batchBytesMax)) {
      this.#pending.delete(partition);
      throw new BrokerError(
        'message-too-large',
        `a message of ${bodyBytes} bytes does not fit a batch of stream "${name}", ` +
          `which takes ${stream.config.batchBytesMax}`,
      );
    }
    return next.committed;
  }

  /** Sends what was gathered without waiting for the end of the turn. */
  flush(): void {
    this.#sticky.clear();
    for (const pending of [...this.#pending.values()]) this.#send(pending);
  }

  #partitionFor(stream: Stream, key: Buffer | undefined): Partition {
    const { partitions, name } = stream;
    if (partitions.length === 1) return partitions[0]!;
    if (key !== undefined) return partitions[partitionOfKey(key, partitions.length)]!;
    return partitions[this.#stickyIndex(name, partitions.length)]!;
  }

  /** The same partition for all of one turn, so that they are one batch; then the next one. */
  #stickyIndex(name: string, count: number): number {
    const known = this.#sticky.get(name);
    if (known !== undefined && known < count) return known;
    this.#turns += 1;
    const index = this.#turns % count;
    this.#sticky.set(name, index);
    return index;
  }

  #begin(stream: Stream, partition: Partition, bodyBytes: number): PendingBatch {
    let settle: PendingBatch['settle'] = () => undefined;
    const committed = new Promise<void>((resolve, reject) => {
      settle = (append) => void append.then(() => resolve(), reject);
    });
    const builder = new BatchBuilder(bodyBytes + OVERHEAD_BYTES);
    const pending = { stream, partition, builder, committed, settle };
    this.#pending.set(partition, pending);
    if (!this.#scheduled) {
      this.#scheduled = true;
      this.#options.timers.immediate(() => {
        this.#scheduled = false;
        this.flush();
      });
    }
    return pending;
  }

  #send({ partition, builder, settle }: PendingBatch): void {
    this.#pending.delete(partition);
    const batch = builder.finish();
    const bytes = batch.length;
    this.#uncommittedBytes += bytes;
    settle(
      partition.append(batch, 'committed').finally(() => {
        this.#uncommittedBytes -= bytes;
      }),
    );
  }
}

function bodyOf(draft: MessageDraft): Buffer[] {
  const start = draft.contentStart + draft.propertiesBytes;
  if (start === draft.contentEnd) return [...draft.more];
  return [draft.content.subarray(start, draft.contentEnd), ...draft.more];
}

/** The message of a draft, its properties read by whoever has written them. */
export function wholeDraft(draft: MessageDraft, formats: MessageFormats): WholeMessage {
  const { names, namesStart, content, contentStart, propertiesBytes, history } = draft;
  const exchangeEnd = namesStart + 1 + names[namesStart]!;
  const properties = content.subarray(contentStart, contentStart + propertiesBytes);
  return {
    exchange: names.toString('utf8', namesStart + 1, exchangeEnd),
    routingKey: names.toString('utf8', exchangeEnd + 1, draft.namesEnd),
    message: formats.get(draft.format).toNeutral(properties),
    history,
  };
}

function timeRules(stream: Stream, publishedMs: number): TimeRules {
  const { timestampType, timestampAheadMsMax, timestampBehindMsMax } = stream.config;
  return {
    publishedMs,
    accepts: (timestampMs) =>
      timestampType === 'create' &&
      timestampMs - publishedMs <= timestampAheadMsMax &&
      publishedMs - timestampMs <= timestampBehindMsMax,
  };
}
