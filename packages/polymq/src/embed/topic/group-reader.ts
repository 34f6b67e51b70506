/**
 * A member of a group that reads one topic: membership, readers of what it was given, and commits. The commits of one turn
 * are written together; before partitions are given up, what is done of them is committed.
 */
import {
  type GroupSink,
  type GroupSubscription,
  PolymqError,
  type Position,
} from '@polymq/client/driver';
import type { OffsetToCommit } from '../../core/group/groups.ts';
import type { Stream } from '../../core/stream/streams.ts';
import type { EmbeddedContext } from '../context.ts';
import { clientError } from '../errors.ts';
import { Membership } from './membership.ts';
import { PartitionReader } from './partition-reader.ts';
import { offsetAt } from './positions.ts';

export interface GroupReaderOptions {
  readonly stream: Stream;
  readonly group: string;
  /** Where a partition without commits begins. */
  readonly from: Position;
  readonly sessionMs: number;
}

export class GroupReader implements GroupSubscription {
  readonly #context: EmbeddedContext;
  readonly #options: GroupReaderOptions;
  readonly #sink: GroupSink;
  readonly #onEnd: (reader: GroupReader) => void;
  readonly #membership: Membership;
  readonly #readers = new Map<number, PartitionReader>();
  /** To be committed at the end of the turn, together. */
  #pending = new Map<number, number>();
  #committing: Promise<void> | undefined;
  #letGo: (() => void) | undefined;
  #closed = false;

  constructor(
    context: EmbeddedContext,
    options: GroupReaderOptions,
    sink: GroupSink,
    onEnd: (reader: GroupReader) => void,
  ) {
    const { stream, group, sessionMs } = options;
    this.#context = context;
    this.#options = options;
    this.#sink = sink;
    this.#onEnd = onEnd;
    this.#membership = new Membership(
      context,
      { groupId: group, topic: stream.name, sessionMs },
      {
        assigned: (partitions) => this.#assigned(partitions),
        revoked: () => this.#revoked(),
        ended: (error) => this.#end(error),
      },
    );
  }

  /** Resolves when it has its partitions. */
  async start(): Promise<void> {
    this.#letGo = this.#context.hold();
    await this.#membership.start();
  }

  commit(partition: number, offset: number): Promise<void> {
    if (!this.#readers.has(partition)) return Promise.resolve();
    this.#pending.set(partition, Math.max(offset, this.#pending.get(partition) ?? 0));
    if (this.#committing === undefined) {
      const commit = new Promise<void>((resolve, reject) => {
        this.#context.environment.timers.immediate(() => {
          this.#committing = undefined;
          this.#flush().then(resolve, reject);
        });
      });
      this.#committing = this.#context.track(commit);
    }
    return this.#committing;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#letGo?.();
    this.#stopReading();
    await this.#flush().catch(() => undefined);
    this.#readers.clear();
    await this.#membership.close();
    this.#onEnd(this);
  }

  /** The topic is gone. */
  deleted(): void {
    this.#end(new PolymqError('not-found', `topic "${this.#options.stream.name}" was deleted`));
  }

  async #flush(): Promise<void> {
    const { name, partitions } = this.#options.stream;
    const pending = this.#pending;
    this.#pending = new Map();
    const offsets: OffsetToCommit[] = Array.from(pending, ([partition, offset]) => ({
      stream: name,
      partition,
      offset,
      leaderEpoch: partitions[partition]?.leaderEpoch ?? 0,
      metadata: '',
    }));
    try {
      await this.#membership.commit(offsets);
    } catch (error: unknown) {
      throw clientError(error, `commit for group "${this.#options.group}"`);
    }
  }

  async #assigned(partitions: readonly number[]): Promise<void> {
    const { stream } = this.#options;
    const offsets = await this.#offsets(partitions);
    if (this.#closed) return;
    for (const [index, offset] of offsets) {
      const reader = new PartitionReader(this.#context, stream.partitions[index]!, offset, {
        deliver: (records) => this.#sink.deliver(records),
        failed: (error) => this.#end(error),
      });
      this.#readers.set(index, reader);
      reader.start();
    }
  }

  /** Where each partition goes on. */
  async #offsets(indexes: readonly number[]): Promise<Map<number, number>> {
    const { stream, group, from } = this.#options;
    const wanted = indexes.filter((index) => stream.partitions[index] !== undefined);
    const asked = wanted.map((partition) => ({ stream: stream.name, partition }));
    const committed = await this.#context.core.groups.fetchOffsets(group, asked);
    const known = new Map(committed.map(({ partition, offset }) => [partition, offset]));
    const offsets = new Map<number, number>();
    const begun: OffsetToCommit[] = [];
    for (const index of wanted) {
      const partition = stream.partitions[index]!;
      const stored = known.get(index);
      const offset = stored ?? (await offsetAt(partition, from));
      const { leaderEpoch } = partition;
      if (stored === undefined && from.at === 'new') {
        begun.push({ stream: stream.name, partition: index, offset, leaderEpoch, metadata: '' });
      }
      offsets.set(index, offset > partition.endOffset ? partition.startOffset : offset);
    }
    // Else what is published before the first commit would be skipped after a restart.
    await this.#membership.commit(begun);
    return offsets;
  }

  async #revoked(): Promise<void> {
    const partitions = [...this.#readers.keys()];
    this.#stopReading();
    if (partitions.length > 0) await this.#sink.revoked(partitions);
    await this.#flush().catch(() => undefined);
    this.#readers.clear();
  }

  #stopReading(): void {
    for (const reader of this.#readers.values()) reader.close();
  }

  #end(error: unknown): void {
    if (this.#closed) return;
    const failure = clientError(error, `read topic "${this.#options.stream.name}"`);
    void this.close().then(() => this.#sink.ended(failure));
  }
}
