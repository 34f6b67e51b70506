/**
 * Removes what the settings say is old or too much, a whole segment at a time, closes segments by
 * age, and forgets producers that were silent for long. Runs every few minutes, and on demand.
 *
 * By time, a segment goes when its newest record is older than `retentionMs`; also the one that is
 * appended to, which then starts anew. By size, the oldest closed segments go as long as the rest
 * is not below `retentionBytes`. Like Kafka, it trusts the records' own times: one record dated in
 * the future keeps its segment. A segment without any time is kept until its size is too much.
 */
import type { Timer } from '../../lib/environment/clock.ts';
import type { Environment } from '../../lib/environment/environment.ts';
import type { LogSegmentInfo } from '../../log/log.ts';
import type { LogPartition } from './log-partition.ts';
import type { StreamCatalogue } from './stream-catalogue.ts';
import type { StreamConfig } from './stream-config.ts';

export interface RetentionOptions {
  /** Default 5 min. */
  retentionCheckMs: number;
  /** A producer that was silent for so long is forgotten. Default 1 day. */
  producerExpirationMs: number;
  /** Told when a partition's log refuses to be trimmed. */
  onRetentionError: (partition: LogPartition, error: unknown) => void;
}

/** Between so many partitions the event loop gets a turn. */
const PARTITIONS_AT_ONCE = 100;

export class Retention {
  readonly #catalogue: StreamCatalogue;
  readonly #environment: Pick<Environment, 'clock' | 'timers'>;
  readonly #options: RetentionOptions;
  /** Since when the open segment of a log is known to hold records: base offset and time. */
  readonly #openSince = new WeakMap<LogPartition, { baseOffset: number; sinceMs: number }>();
  #timer: Timer | undefined;
  #running: Promise<void> | undefined;
  #stopped = false;

  constructor(
    catalogue: StreamCatalogue,
    environment: Pick<Environment, 'clock' | 'timers'>,
    options: Partial<RetentionOptions> = {},
  ) {
    this.#catalogue = catalogue;
    this.#environment = environment;
    this.#options = {
      retentionCheckMs: options.retentionCheckMs ?? 300_000,
      producerExpirationMs: options.producerExpirationMs ?? 86_400_000,
      onRetentionError: options.onRetentionError ?? (() => undefined),
    };
  }

  start(): void {
    this.#timer = this.#environment.timers.after(this.#options.retentionCheckMs, () => {
      this.#running = this.run().finally(() => {
        this.#running = undefined;
        if (!this.#stopped) this.start();
      });
    });
    this.#timer.unref();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#environment.timers.clear(this.#timer);
    await this.#running;
  }

  /** One round over all partitions, one after the other, so that traffic hardly notices. */
  async run(): Promise<void> {
    let count = 0;
    for (const stream of this.#catalogue.list()) {
      for (const partition of stream.partitions) {
        if (this.#stopped) return;
        if (++count % PARTITIONS_AT_ONCE === 0) await this.#turn();
        try {
          await this.apply(partition);
        } catch (error: unknown) {
          this.#options.onRetentionError(partition, error);
        }
      }
    }
  }

  /** Applies the rules to one partition. Resolves with its start offset. */
  async apply(partition: LogPartition): Promise<number> {
    const { log, config } = partition;
    const nowMs = this.#environment.clock.nowMs();
    partition.producers.expire(nowMs - this.#options.producerExpirationMs);
    const segments = log.segments();
    const byTime = endOfExpired(segments, config, nowMs);
    const byBytes = endOfSurplus(segments, config);
    const before = Math.min(Math.max(byTime, byBytes), log.committed);
    if (before > log.start) await log.trim(before);
    this.#rollOld(partition, nowMs);
    return log.start;
  }

  #turn(): Promise<void> {
    return new Promise((resolve) => this.#environment.timers.immediate(resolve));
  }

  #rollOld(partition: LogPartition, nowMs: number): void {
    const open = partition.log.segments().at(-1);
    if (open === undefined || open.bytes === 0) return;
    const known = this.#openSince.get(partition);
    if (known?.baseOffset !== open.baseOffset) {
      this.#openSince.set(partition, { baseOffset: open.baseOffset, sinceMs: nowMs });
    } else if (nowMs - known.sinceMs >= partition.config.segmentMs) {
      partition.log.rollSegment();
    }
  }
}

/** The offset below which all segments are too old; -1 if none is. */
function endOfExpired(
  segments: readonly LogSegmentInfo[],
  config: StreamConfig,
  nowMs: number,
): number {
  if (config.retentionMs < 0) return -1;
  let end = -1;
  for (const segment of segments) {
    const { maxTimestampMs } = segment;
    if (segment.bytes > 0 && (maxTimestampMs < 0 || nowMs - maxTimestampMs <= config.retentionMs)) {
      break;
    }
    end = segment.endOffset;
  }
  return end;
}

/** The offset below which whole closed segments exceed the size allowed; -1 if none does. */
function endOfSurplus(segments: readonly LogSegmentInfo[], config: StreamConfig): number {
  if (config.retentionBytes < 0) return -1;
  let surplus = -config.retentionBytes;
  for (const segment of segments) surplus += segment.bytes;
  let end = -1;
  for (const segment of segments) {
    if (!segment.closed || surplus < segment.bytes) break;
    surplus -= segment.bytes;
    end = segment.endOffset;
  }
  return end;
}
