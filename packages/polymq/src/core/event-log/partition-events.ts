/**
 * The events of one partition: decides appends and follows the log.
 *
 *   append ──► decided at once, against what is applied and what is in flight ──► batch into the log
 *                                                                                     │ committed
 *   caller ◄── counted, or conflict ◄── applied in the order of offsets ◄─────────────┘
 *                                            ▲
 *   foreign records between our own ─────────┘ read from the log
 *
 * The first decision only predicts: it refuses what cannot succeed and lets many appends of one stream be on their way in one commit. What
 * an append has become is decided when it is applied, by the same rule that rebuilds the index from the log. So a foreign producer that was
 * faster, or a batch that the log had to take back, never makes an acknowledged event disappear.
 */
import { release } from '../../lib/arena.ts';
import type { Environment } from '../../lib/environment/environment.ts';
import { batchBytes, batchNextOffset } from '../../log/batch.ts';
import { BrokerError } from '../errors.ts';
import type { Partition } from '../stream/streams.ts';
import { eventClaim } from './event-record.ts';
import { readableRecords } from './readable-records.ts';
import { type IndexBudget, StoreIndex } from './store-index.ts';

const READ_BYTES = 256 * 1024;

interface OwnAppend {
  readonly stream: string;
  readonly firstVersion: number;
  readonly count: number;
  /** -1 until the log has committed it. */
  baseOffset: number;
  readonly settle: (counted: boolean) => void;
  readonly fail: (error: unknown) => void;
}

/** Appends of one stream that are on their way. */
interface Prediction {
  version: number;
  count: number;
  /** Settles with the newest of them, and never rejects. */
  last: Promise<unknown>;
}

export class PartitionEvents {
  readonly partition: Partition;
  readonly index: StoreIndex;
  readonly #environment: Pick<Environment, 'timers'>;
  readonly #inFlight: OwnAppend[] = [];
  readonly #predictions = new Map<string, Prediction>();
  readonly #onApplied: () => void;
  readonly #stop: () => void;
  #applied = 0;
  #following: Promise<void> | undefined;
  #again = false;
  #failure: unknown;
  #closed = false;

  constructor(
    partition: Partition,
    budget: IndexBudget,
    environment: Pick<Environment, 'timers'>,
    onApplied: () => void,
  ) {
    this.partition = partition;
    this.index = new StoreIndex(budget);
    this.#environment = environment;
    this.#onApplied = onApplied;
    this.#stop = partition.onAdvance(() => this.#advanced());
  }

  /** Everything below is in the index. */
  get applied(): number {
    return this.#applied;
  }

  /** Why the index does not follow the log any more. */
  get failure(): unknown {
    return this.#failure;
  }

  /** The version as it will be when everything on its way has arrived. */
  predictedVersion(stream: string): number {
    return this.#predictions.get(stream)?.version ?? this.index.version(stream);
  }

  /** Resolves when no append to the stream is on its way that was when this was called; undefined: none is. */
  whenIdle(stream: string): Promise<unknown> | undefined {
    return this.#predictions.get(stream)?.last;
  }

  /** Reads the log up to where it ends now. Rejects if it cannot be read. */
  async open(): Promise<void> {
    await this.#follow();
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** True if the batch counts; false if it lost against another. */
  append(batch: Buffer, stream: string, firstVersion: number, count: number): Promise<boolean> {
    const done = new Promise<boolean>((settle, fail) => {
      const own = { stream, firstVersion, count, baseOffset: -1, settle, fail };
      this.#inFlight.push(own);
      this.#send(batch, own);
    });
    this.#predict(stream, firstVersion + count - 1, done);
    return done;
  }

  #send(batch: Buffer, own: OwnAppend): void {
    this.partition.append(batch, 'committed').then(
      ({ baseOffset }) => {
        own.baseOffset = baseOffset;
        this.#advanced();
      },
      (error: unknown) => {
        const at = this.#inFlight.indexOf(own);
        if (at >= 0) this.#inFlight.splice(at, 1);
        own.fail(error);
        this.#advanced();
      },
    );
  }

  close(error: unknown): void {
    this.#closed = true;
    this.#failure ??= error;
    this.#stop();
    for (const own of this.#inFlight.splice(0)) own.fail(error);
    this.index.clear();
  }

  #predict(stream: string, version: number, done: Promise<boolean>): void {
    const prediction = this.#predictions.get(stream) ?? { version, count: 0, last: done };
    prediction.version = version;
    prediction.count += 1;
    const over = (): void => {
      prediction.count -= 1;
      if (prediction.count === 0) this.#predictions.delete(stream);
    };
    prediction.last = done.then(over, over);
    this.#predictions.set(stream, prediction);
  }

  #advanced(): void {
    if (this.#applyPlaced()) this.#onApplied();
    if (this.#closed || this.#failure !== undefined) return;
    if (this.#following !== undefined) this.#again = true;
    else if (this.#limit() > this.#applied) void this.#follow();
  }

  /** Applies our own appends as long as one comes next: nothing needs to be read for that. */
  #applyPlaced(): boolean {
    let any = false;
    if (this.#following !== undefined || this.#failure !== undefined) return any;
    for (;;) {
      const own = this.#inFlight[0];
      if (own === undefined || own.baseOffset !== this.#applied) return any;
      this.#inFlight.shift();
      this.#applyOwn(own);
      any = true;
    }
  }

  #applyOwn(own: OwnAppend): void {
    const { stream, firstVersion, count, baseOffset } = own;
    let counted = true;
    for (let index = 0; index < count && counted; index++) {
      const claim = { version: firstVersion + index, joined: index > 0 };
      counted = this.index.applyOwn(baseOffset + index, stream, claim);
    }
    this.#applied = baseOffset + count;
    own.settle(counted);
  }

  /** How far foreign records can be read: not into our own appends, whose offsets are not known before they are committed. */
  #limit(): number {
    const own = this.#inFlight[0];
    if (own === undefined) return this.partition.endOffset;
    return own.baseOffset < 0 ? this.#applied : own.baseOffset;
  }

  /** One at a time; asked again meanwhile, it goes round again. Never rejects: see `failure`. */
  async #follow(): Promise<void> {
    if (this.#following !== undefined) return this.#following;
    this.#following = this.#readOn();
    await this.#following;
    this.#following = undefined;
    if (this.#failure !== undefined) {
      for (const own of this.#inFlight.splice(0)) own.fail(this.#failure);
    }
    this.#applyPlaced();
    this.#onApplied();
    if (this.#again) {
      this.#again = false;
      this.#advanced();
    }
  }

  async #readOn(): Promise<void> {
    try {
      while (!this.#closed && this.#applied < this.#limit()) {
        const limit = this.#limit();
        const before = this.#applied;
        const { buffers } = await this.partition.read(before, READ_BYTES, true);
        for (const buffer of buffers) {
          this.#applyBuffer(buffer, limit);
          release(buffer);
        }
        if (this.#applied === before) throw this.#stuck();
        // Everybody else gets a turn between two reads, however long the log is.
        await new Promise<void>((resolve) => this.#environment.timers.immediate(resolve));
      }
    } catch (error: unknown) {
      this.#failure ??= error;
    }
  }

  #applyBuffer(buffer: Buffer, limit: number): void {
    for (let at = 0; at < buffer.length && this.#applied < limit; at += batchBytes(buffer, at)) {
      for (const record of readableRecords(buffer, at)) {
        const claim = eventClaim(record);
        if (claim === undefined) continue;
        this.index.apply(record.offset, record.key!.toString('utf8'), claim);
      }
      this.#applied = batchNextOffset(buffer, at);
    }
  }

  #stuck(): BrokerError {
    return new BrokerError(
      'storage-failed',
      `partition ${this.partition.index} of "${this.partition.streamName}" gives nothing at offset ${this.#applied}`,
    );
  }
}
