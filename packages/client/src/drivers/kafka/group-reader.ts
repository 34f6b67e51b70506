/** A member of a group that reads one topic: membership and reader put together. */
import type { GroupSink, GroupSubscription, Position } from '../../driver/driver.ts';
import type { PolymqError } from '../../errors.ts';
import type { Share } from './assignment.ts';
import { Committer } from './committer.ts';
import { asPolymqError } from './errors.ts';
import { committedOffsets } from './groups.ts';
import { type Commit, Membership } from './membership.ts';
import { endOffsets, resolvePosition, startOffsets } from './offsets.ts';
import { Reader } from './reader.ts';
import type { Wire } from './wire.ts';

export interface GroupPlace {
  readonly topic: string;
  readonly group: string;
  /** Where a partition without commits begins. */
  readonly from: Position;
}

export class GroupReader implements GroupSubscription {
  /** Resolves when it is over. */
  readonly closed: Promise<void>;
  readonly #wire: Wire;
  readonly #place: GroupPlace;
  readonly #sink: GroupSink;
  readonly #reader: Reader;
  readonly #membership: Membership;
  readonly #committer: Committer;
  #mine = new Set<number>();
  #closed!: () => void;
  #closing: Promise<void> | undefined;

  constructor(wire: Wire, place: GroupPlace, sink: GroupSink) {
    this.closed = new Promise((resolve) => {
      this.#closed = resolve;
    });
    this.#wire = wire;
    this.#place = place;
    this.#sink = sink;
    this.#reader = new Reader(wire.another(), {
      deliver: (_, records) => sink.deliver(records),
      failed: (_, error) => this.#end(error),
    });
    this.#membership = new Membership(wire, place.group, [place.topic], {
      assigned: (share) => this.#assigned(share),
      revoked: () => this.#revoked(),
      lost: () => this.#revoked(),
      ended: (error) => this.#end(asPolymqError(error, `read "${place.topic}"`)),
    });
    this.#committer = new Committer((offsets) => this.#membership.commit(offsets));
  }

  /** Resolves when it has its partitions. */
  async start(): Promise<void> {
    await this.#membership.start();
  }

  async commit(partition: number, offset: number): Promise<void> {
    if (!this.#mine.has(partition)) return;
    await this.#committer.commit(this.#place.topic, partition, offset);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#reader.close();
    await this.#committer.flush();
    await this.#membership.close();
    this.#mine.clear();
    this.#closed();
  }

  #end(error: PolymqError): void {
    if (this.#closing !== undefined) return;
    void this.close();
    this.#sink.ended(error);
  }

  async #assigned(share: Share): Promise<void> {
    const { topic } = this.#place;
    const partitions = share.partitions.get(topic) ?? [];
    const positions = await this.#positions(partitions);
    if (this.#closing !== undefined) return;
    this.#mine = new Set(partitions);
    for (const [partition, offset] of positions) this.#reader.add(topic, partition, offset);
  }

  async #positions(partitions: readonly number[]): Promise<Map<number, number>> {
    const { topic, group, from } = this.#place;
    const positions = new Map<number, number>();
    if (partitions.length === 0) return positions;
    const asked = new Map([[topic, partitions]]);
    const committed = (await committedOffsets(this.#wire, group, asked)).get(topic);
    const fresh = partitions.filter((partition) => committed?.get(partition) === undefined);
    for (const [partition, offset] of committed ?? []) positions.set(partition, offset);
    if (fresh.length > 0) {
      const begun = await resolvePosition(this.#wire, topic, from, fresh);
      for (const [partition, offset] of begun) positions.set(partition, offset);
      // Else what is published before the first commit would be skipped after a crash.
      if (from.at === 'new') await this.#membership.commit(asCommits(topic, begun));
    }
    return positions;
  }

  async #revoked(): Promise<void> {
    const partitions = [...this.#mine];
    for (const partition of partitions) this.#reader.remove(this.#place.topic, partition);
    if (partitions.length > 0) await this.#sink.revoked(partitions);
    await this.#committer.flush();
    this.#mine.clear();
  }
}

/**
 * Where a reader of its own partitions goes on: at the commit, or at the start if there is none, or if the commit is of
 * an earlier topic of that name and lies beyond the end.
 */
export async function committedOrStart(
  wire: Wire,
  group: string,
  topic: string,
  partitions: readonly number[],
): Promise<Map<number, number>> {
  const positions = new Map<number, number>();
  if (partitions.length === 0) return positions;
  const asked = new Map([[topic, partitions]]);
  const committed = (await committedOffsets(wire, group, asked)).get(topic);
  const starts = await startOffsets(wire, topic);
  const ends = await endOffsets(wire, topic);
  for (const partition of partitions) {
    const start = starts.get(partition) ?? 0;
    const offset = committed?.get(partition) ?? start;
    const end = ends.get(partition) ?? start;
    positions.set(partition, offset < start || offset > end ? start : offset);
  }
  return positions;
}

function asCommits(topic: string, offsets: ReadonlyMap<number, number>): Commit[] {
  return [...offsets].map(([partition, offset]) => [topic, partition, offset]);
}
