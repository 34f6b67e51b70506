/**
 * A partition on a log. It adds to the log what a stream promises: limits of size and time,
 * append-time stamps, idempotence, and offsets found by time inside batches.
 *
 * An append is synchronous up to the log's own buffer; only the answer waits, on a promise that all
 * appends of one commit round share. A duplicate waits for the commit of its original, so it is
 * never confirmed earlier.
 */

import { readInt64, writeInt64 } from '../../lib/bytes/int64.ts';
import type { Clock } from '../../lib/environment/clock.ts';
import { AT, LEADER_EPOCH } from '../../log/batch.ts';
import type { Log, LogRead } from '../../log/log.ts';
import { BrokerError } from '../errors.ts';
import { fromLogError } from '../log-errors.ts';
import { ATTRIBUTES } from '../record/attributes.ts';
import { writeBatchCrc } from '../record/record-writer.ts';
import { ProducerJournal } from './producer-journal.ts';
import type { ProducerSnapshot } from './producer-snapshot.ts';
import type { ProducerBatch, ProducerBudget } from './producer-state.ts';
import type { StreamConfig } from './stream-config.ts';
import type { Acknowledge, Appended, Partition, RecordPosition } from './streams.ts';
import { positionAtOrAfter, positionOfMax } from './timestamp-search.ts';

export interface LogPartitionOptions {
  streamName: string;
  index: number;
  log: Log;
  config: StreamConfig;
  clock: Clock;
  budget: ProducerBudget;
  /** Says when the disk is low: producers are refused, everything else goes on. Default: never. */
  space?: { readonly lowSpace?: boolean };
  /** Called with the producers' state now and then, when it is committed. */
  saveProducers: (snapshot: ProducerSnapshot) => Promise<void>;
}

export class LogPartition implements Partition {
  readonly streamName: string;
  readonly index: number;
  readonly leaderEpoch = LEADER_EPOCH;
  readonly log: Log;
  readonly producers: ProducerJournal;
  readonly #clock: Clock;
  readonly #space: { readonly lowSpace?: boolean };
  #config: StreamConfig;
  #deleted = false;

  constructor(options: LogPartitionOptions) {
    this.streamName = options.streamName;
    this.index = options.index;
    this.log = options.log;
    this.#config = options.config;
    this.#clock = options.clock;
    this.#space = options.space ?? {};
    this.producers = new ProducerJournal(options.log, options.budget, options.saveProducers);
  }

  get startOffset(): number {
    return this.log.start;
  }

  get endOffset(): number {
    return this.log.committed;
  }

  get sizeBytes(): number {
    return this.log.sizeBytes;
  }

  get producerCount(): number {
    return this.producers.count;
  }

  get config(): StreamConfig {
    return this.#config;
  }

  append(batch: Buffer, acknowledge: Acknowledge): Promise<Appended> {
    try {
      return this.#append(batch, acknowledge);
    } catch (error: unknown) {
      return Promise.reject(this.#explain(error));
    }
  }

  #append(batch: Buffer, acknowledge: Acknowledge): Promise<Appended> {
    if (this.#deleted) throw this.#unknown();
    this.producers.noticeLoss();
    const nowMs = this.#clock.nowMs();
    const appendTimeMs = this.#checkAndStamp(batch, nowMs);
    const recordCount = batch.readInt32BE(AT.recordCount);
    const producerId = readInt64(batch, AT.producerId);
    let producer: ProducerBatch | undefined;
    if (producerId >= 0) {
      const epoch = batch.readInt16BE(AT.producerEpoch);
      const firstSequence = batch.readInt32BE(AT.baseSequence);
      producer = { producerId, epoch, firstSequence, recordCount };
      const known = this.producers.check(producer);
      if (known !== undefined) {
        return this.#answer(known.baseOffset, known.endOffset, appendTimeMs, acknowledge);
      }
    }
    if (this.#space.lowSpace) throw this.#lowSpace();
    if (appendTimeMs >= 0) stamp(batch, appendTimeMs);
    const baseOffset = this.log.append(batch);
    this.producers.appended(producer, baseOffset, batch.length, nowMs);
    return this.#answer(baseOffset, baseOffset + recordCount, appendTimeMs, acknowledge);
  }

  async settle(): Promise<void> {
    const { log } = this;
    if (log.tail > log.committed) await log.whenCommitted(log.tail).catch(() => undefined);
  }

  read(offset: number, bytesMax: number, oneAtLeast: boolean): LogRead | Promise<LogRead> {
    if (this.#deleted) throw this.#unknown();
    if (offset > this.log.committed && offset <= this.log.tail) {
      return { buffers: [], bytes: 0, nextOffset: offset };
    }
    try {
      const read = this.log.read(offset, bytesMax, oneAtLeast);
      return read instanceof Promise ? read.catch(this.#rethrow) : read;
    } catch (error: unknown) {
      throw this.#explain(error);
    }
  }

  findTimestamp(timestampMs: number): Promise<RecordPosition | undefined> {
    return positionAtOrAfter(this.log, timestampMs).catch(this.#rethrow);
  }

  findMaxTimestamp(): Promise<RecordPosition | undefined> {
    return positionOfMax(this.log).catch(this.#rethrow);
  }

  endOfEpoch(epoch: number): { epoch: number; endOffset: number } {
    // One node, one epoch: what lies above is not known yet (KIP-320 answers -1 for both).
    if (epoch !== LEADER_EPOCH) return { epoch: -1, endOffset: -1 };
    return { epoch, endOffset: this.log.committed };
  }

  async deleteRecords(before: number): Promise<number> {
    await this.settle();
    if (this.#deleted) throw this.#unknown();
    const end = this.log.committed;
    const target = before === -1 ? end : before;
    if (target < 0 || target > end) {
      throw new BrokerError(
        'offset-out-of-range',
        `cannot delete below ${before}: "${this.streamName}" ${this.index} ends at ${end}`,
      );
    }
    if (target > this.log.start) await this.log.trim(target).catch(this.#rethrow);
    return this.log.start;
  }

  onAdvance(listener: () => void): () => void {
    return this.log.onCommitted(listener);
  }

  configure(config: StreamConfig): void {
    this.#config = config;
    this.log.configure({ durability: config.durability, segmentBytes: config.segmentBytes });
  }

  /** The stream was deleted: all that is still waiting or comes later learns so. */
  markDeleted(): void {
    this.#deleted = true;
    this.producers.clear();
  }

  #answer(
    baseOffset: number,
    endOffset: number,
    appendTimeMs: number,
    acknowledge: Acknowledge,
  ): Promise<Appended> {
    const appended = { baseOffset, appendTimeMs, startOffset: this.log.start };
    if (acknowledge === 'none') return Promise.resolve(appended);
    const done =
      acknowledge === 'committed'
        ? this.log.whenCommitted(endOffset)
        : this.log.whenWritten(endOffset);
    return done.then(() => appended, this.#rethrow);
  }

  /** Returns the time to stamp on the batch, or -1 if the producer's own times are kept. */
  #checkAndStamp(batch: Buffer, nowMs: number): number {
    const config = this.#config;
    if (batch.length > config.batchBytesMax) {
      throw new BrokerError(
        'message-too-large',
        `a batch of ${batch.length} bytes was sent; "${this.streamName}" takes ${config.batchBytesMax}`,
      );
    }
    if (config.timestampType === 'append') return nowMs;
    const maxMs = readInt64(batch, AT.maxTimestamp);
    const baseMs = readInt64(batch, AT.baseTimestamp);
    const ahead = maxMs - nowMs > config.timestampAheadMsMax;
    const behind = baseMs !== -1 && nowMs - baseMs > config.timestampBehindMsMax;
    if (ahead || behind) {
      throw new BrokerError(
        'invalid-timestamp',
        `a record dated ${ahead ? maxMs : baseMs} is too far from the broker's time ${nowMs}`,
      );
    }
    return -1;
  }

  readonly #rethrow = (error: unknown): never => {
    throw this.#explain(error);
  };

  #explain(error: unknown): unknown {
    if (this.#deleted && !(error instanceof BrokerError)) return this.#unknown();
    return fromLogError(error);
  }

  #lowSpace(): BrokerError {
    return new BrokerError(
      'storage-full',
      `partition ${this.index} of "${this.streamName}" takes no records: disk space is low; ` +
        'free some, or shorten retention',
    );
  }

  #unknown(): BrokerError {
    return new BrokerError(
      'unknown-partition',
      `partition ${this.index} of stream "${this.streamName}" was deleted`,
    );
  }
}

/** Gives all records of the batch one time (Kafka: LogAppendTime). */
function stamp(batch: Buffer, timeMs: number): void {
  writeInt64(batch, timeMs, AT.maxTimestamp);
  batch.writeUInt16BE(batch.readUInt16BE(AT.attributes) | ATTRIBUTES.appendTime, AT.attributes);
  writeBatchCrc(batch);
}
