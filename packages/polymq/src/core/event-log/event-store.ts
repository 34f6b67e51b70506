/**
 * One store: a stream of records whose partitions hold streams of events.
 *
 * A stream of events lies in the partition that its id hashes to, of as many as there were when the store was first used: that number is kept
 * in a document, so a stream that grows later loses nothing. Appends are decided by the one owner of the partition (`partition-events.ts`); reading a stream
 * of events reads only the batches that hold its events.
 */
import type { Environment } from '../../lib/environment/environment.ts';
import { partitionOfKey } from '../crossing/key-partition.ts';
import { BrokerError } from '../errors.ts';
import type { Stream } from '../stream/streams.ts';
import {
  EVENTS_PER_APPEND_MAX,
  EVENTS_PER_READ_MAX,
  type EventAppendOutcome,
  type EventLogLimits,
  type EventToAppend,
  type LoggedEvent,
  READ_BODY_BYTES_MAX,
} from './event-log.ts';
import { eventsAt, eventsFrom } from './event-reading.ts';
import { checkStreamId, eventId, writeEvents } from './event-record.ts';
import { PartitionEvents } from './partition-events.ts';
import { readPosition, writePosition } from './position.ts';
import type { IndexBudget } from './store-index.ts';

export interface EventStoreOptions {
  stream: Stream;
  /** How many of the stream's partitions are used. */
  partitionCount: number;
  budget: IndexBudget;
  limits: EventLogLimits;
  environment: Pick<Environment, 'clock' | 'timers'>;
}

/** So often an append at any version tries again when foreign producers are faster. */
const ATTEMPTS_MAX = 16;

export class EventStore {
  readonly #options: EventStoreOptions;
  readonly #partitions: PartitionEvents[];
  readonly #waiting = new Set<() => void>();
  #inFlightBytes = 0;
  readonly #roomWaiting: (() => void)[] = [];

  constructor(options: EventStoreOptions) {
    this.#options = options;
    const { stream, partitionCount, budget, environment } = options;
    const wake = (): void => this.#wake();
    this.#partitions = stream.partitions
      .slice(0, partitionCount)
      .map((partition) => new PartitionEvents(partition, budget, environment, wake));
  }

  get stream(): Stream {
    return this.#options.stream;
  }

  /** Reads all logs up to their ends. */
  async open(): Promise<void> {
    this.#check();
    await Promise.all(this.#partitions.map((partition) => partition.open()));
  }

  /** Records that are in the index, and that there are. */
  get progress(): { readonly applied: number; readonly records: number } {
    let applied = 0;
    let records = 0;
    for (const partition of this.#partitions) {
      applied += partition.applied;
      records += partition.partition.endOffset;
    }
    return { applied, records };
  }

  version(stream: string): number {
    checkStreamId(stream);
    this.#check();
    return this.#partitionOf(stream).index.version(stream);
  }

  async append(
    stream: string,
    events: readonly EventToAppend[],
    expected: number | undefined,
  ): Promise<EventAppendOutcome> {
    checkAppend(stream, events, expected);
    if (this.#inFlightBytes >= this.#options.limits.inFlightBytesMax) await this.#room();
    const partition = this.#partitionOf(stream);
    for (let attempt = 1; ; attempt++) {
      this.#check();
      const version = partition.predictedVersion(stream);
      if (expected !== undefined && expected !== version) {
        return this.#conflict(partition, stream, events, expected);
      }
      if (await this.#tryAppend(partition, stream, events, version)) {
        return this.#stored(partition, stream, version + events.length, false);
      }
      if (expected !== undefined) return this.#conflict(partition, stream, events, expected);
      if (attempt === ATTEMPTS_MAX) {
        return { conflict: true, version: partition.index.version(stream) };
      }
      await partition.whenIdle(stream);
    }
  }

  async readStream(stream: string, fromVersion: number, max: number): Promise<LoggedEvent[]> {
    checkStreamId(stream);
    checkCount('max', max);
    checkCount('fromVersion', fromVersion);
    this.#check();
    const partition = this.#partitionOf(stream);
    const from = Math.max(1, fromVersion) - 1;
    const count = Math.min(max, EVENTS_PER_READ_MAX);
    const offsets = partition.index.offsets(stream).slice(from, from + count);
    return eventsAt(partition, offsets, {
      stream,
      fromVersion: from + 1,
      bytesMax: READ_BODY_BYTES_MAX,
      positionOf: (offset) => this.#positionIn(partition, offset, () => 0),
    });
  }

  /** What is there behind `after`, without waiting. */
  async readNow(after: string | undefined, max: number): Promise<LoggedEvent[]> {
    checkCount('max', max);
    this.#check();
    const offsets = readPosition(after, this.#partitions.length);
    const behind: PartitionEvents[] = [];
    for (const [at, partition] of this.#partitions.entries()) {
      const { endOffset } = partition.partition;
      if (offsets[at]! > endOffset) throw neverThere(this.stream.name, offsets[at]!, endOffset);
      if (offsets[at]! <= partition.index.lastOffset) behind.push(partition);
    }
    if (behind.length === 0) return [];
    const share = Math.max(1, Math.floor(Math.min(max, EVENTS_PER_READ_MAX) / behind.length));
    const bytesMax = READ_BODY_BYTES_MAX / behind.length;
    const found = await Promise.all(
      behind.map((partition) => {
        const from = offsets[this.#partitions.indexOf(partition)]!;
        return eventsFrom(partition, from, { max: share, bytesMax });
      }),
    );
    return this.#merge(behind, found, offsets).slice(0, max);
  }

  /** Whether `readNow` would find something. */
  hasMore(after: string | undefined): boolean {
    const offsets = readPosition(after, this.#partitions.length);
    return this.#partitions.some(({ index }, at) => offsets[at]! <= index.lastOffset);
  }

  /** Calls back once when events may have come. Returns a function that stops it. */
  onceMore(listener: () => void): () => void {
    this.#waiting.add(listener);
    return () => this.#waiting.delete(listener);
  }

  close(error: unknown): void {
    for (const partition of this.#partitions) partition.close(error);
    this.#wake();
    for (const go of this.#roomWaiting.splice(0)) go();
  }

  /** By time, so that what happened in one partition after something in another tends to come after it. */
  #merge(
    behind: readonly PartitionEvents[],
    found: readonly { offset: number; event: LoggedEvent }[][],
    offsets: number[],
  ): LoggedEvent[] {
    const events: LoggedEvent[] = [];
    const next = new Array<number>(found.length).fill(0);
    for (;;) {
      let first = -1;
      for (let at = 0; at < found.length; at++) {
        const candidate = found[at]![next[at]!]?.event;
        if (candidate === undefined) continue;
        const best = first < 0 ? undefined : found[first]![next[first]!]!.event;
        if (best === undefined || candidate.timestampMs < best.timestampMs) first = at;
      }
      if (first < 0) return events;
      const { offset, event } = found[first]![next[first]!]!;
      next[first]! += 1;
      offsets[this.#partitions.indexOf(behind[first]!)] = offset + 1;
      events.push({ ...event, position: writePosition(offsets) });
    }
  }

  async #tryAppend(
    partition: PartitionEvents,
    stream: string,
    events: readonly EventToAppend[],
    version: number,
  ): Promise<boolean> {
    partition.index.checkRoom(stream, events.length);
    const { config } = this.stream;
    const nowMs = this.#options.environment.clock.nowMs();
    const batch = writeEvents(stream, events, version + 1, { config, nowMs });
    const { length } = batch;
    this.#inFlightBytes += length;
    try {
      return await partition.append(batch, stream, version + 1, events.length);
    } finally {
      this.#inFlightBytes -= length;
      if (this.#inFlightBytes < this.#options.limits.inFlightBytesMax)
        this.#roomWaiting.shift()?.();
    }
  }

  async #room(): Promise<void> {
    while (this.#inFlightBytes >= this.#options.limits.inFlightBytesMax) {
      await new Promise<void>((resolve) => this.#roomWaiting.push(resolve));
    }
  }

  /** An append that was sent again finds its own events where it wanted to put them. */
  async #conflict(
    partition: PartitionEvents,
    stream: string,
    events: readonly EventToAppend[],
    expected: number,
  ): Promise<EventAppendOutcome> {
    await partition.whenIdle(stream);
    this.#check();
    const version = partition.index.version(stream);
    const last = expected + events.length;
    if (expected > version || last > version) return { conflict: true, version };
    const offsets = partition.index.offsets(stream).slice(expected, last);
    let at = 0;
    const there = await eventsAt(partition, offsets, {
      stream,
      fromVersion: expected + 1,
      bytesMax: Number.POSITIVE_INFINITY,
      positionOf: () => '',
      until: (record) => eventId(record.headers) !== events[at++]?.id,
    });
    if (there.length < events.length) return { conflict: true, version };
    return this.#stored(partition, stream, last, true);
  }

  #stored(
    partition: PartitionEvents,
    stream: string,
    version: number,
    duplicate: boolean,
  ): EventAppendOutcome {
    const offset = partition.index.offsets(stream)[version - 1]!;
    const position = this.#positionIn(partition, offset, (other) => other.applied);
    return { conflict: false, version, position, duplicate };
  }

  #positionIn(
    partition: PartitionEvents,
    offset: number,
    ofOther: (other: PartitionEvents) => number,
  ): string {
    return writePosition(
      this.#partitions.map((one) => (one === partition ? offset + 1 : ofOther(one))),
    );
  }

  #partitionOf(stream: string): PartitionEvents {
    const count = this.#partitions.length;
    return this.#partitions[count === 1 ? 0 : partitionOfKey(Buffer.from(stream, 'utf8'), count)]!;
  }

  /** A store must keep all its events, or versions would mean nothing. */
  #check(): void {
    const { name, config } = this.stream;
    if (config.retentionMs !== -1 || config.retentionBytes !== -1) {
      throw new BrokerError(
        'invalid-config',
        `"${name}" removes old records, so it can be no event store: set its retentionMs and retentionBytes to -1`,
      );
    }
    for (const { partition, failure } of this.#partitions) {
      if (failure !== undefined) throw failure;
      if (partition.startOffset > 0) {
        throw new BrokerError(
          'invalid-config',
          `"${name}" has lost its records below ${partition.startOffset}, so it can be no event store: use another name`,
        );
      }
    }
  }

  #wake(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const listener of waiting) listener();
  }
}

function checkAppend(
  stream: string,
  events: readonly EventToAppend[],
  expected: number | undefined,
): void {
  checkStreamId(stream);
  if (expected !== undefined) checkCount('expected', expected);
  if (events.length >= 1 && events.length <= EVENTS_PER_APPEND_MAX) return;
  throw new BrokerError(
    'invalid-request',
    `an append takes 1 to ${EVENTS_PER_APPEND_MAX} events, not ${events.length}`,
  );
}

function checkCount(what: string, count: number): void {
  if (Number.isSafeInteger(count) && count >= 0) return;
  throw new BrokerError(
    'invalid-request',
    `${what} must be a whole number from 0 on, not ${count}`,
  );
}

function neverThere(store: string, offset: number, endOffset: number): BrokerError {
  return new BrokerError(
    'offset-out-of-range',
    `position ${offset} lies behind the end ${endOffset} of store "${store}": it was deleted and made again; read it from the beginning`,
  );
}
