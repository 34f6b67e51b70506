import type { GroupRecord } from './group-events.ts';
import type { CommittedOffset } from './groups.ts';
import type { JournalEntry } from './journal-entry.ts';

/** What is durable about one group. */
export interface StoredGroup {
  record: GroupRecord | undefined;
  /** When the record was written, by the wall clock. */
  recordAtMs: number;
  /** By stream, then by partition. */
  readonly offsets: Map<string, Map<number, CommittedOffset>>;
}

/** Offsets in one entry of a snapshot, so that no line of it becomes long. */
const OFFSETS_PER_ENTRY = 1_000;

/**
 * The durable state of all groups: a function of the journal's entries and of nothing else. Replaying
 * the journal at start and applying entries as they become durable are the same thing.
 */
export class GroupStore {
  readonly #groups = new Map<string, StoredGroup>();
  #offsetCount = 0;

  /** Committed offsets of all groups together. */
  get offsetCount(): number {
    return this.#offsetCount;
  }

  get(group: string): StoredGroup | undefined {
    return this.#groups.get(group);
  }

  groups(): IterableIterator<[string, StoredGroup]> {
    return this.#groups.entries();
  }

  apply(entry: JournalEntry): void {
    switch (entry.kind) {
      case 'commit':
        for (const offset of entry.offsets) this.#set(this.#obtain(entry.group), offset);
        break;
      case 'forget':
        for (const { stream, partition } of entry.partitions) {
          this.#forget(this.#groups.get(entry.group), stream, partition);
        }
        break;
      case 'members': {
        const group = this.#obtain(entry.group);
        group.record = entry.record;
        group.recordAtMs = entry.atMs;
        break;
      }
      case 'delete':
        this.#delete(entry.group);
        break;
      case 'remove-stream':
        for (const group of this.#groups.values()) this.#removeStream(group, entry.stream);
        break;
    }
  }

  /** Entries that build up the state as it is; it may change while they are taken. */
  *entries(): Generator<JournalEntry> {
    for (const [group, stored] of this.#groups) {
      const { record, recordAtMs } = stored;
      if (record !== undefined) yield { kind: 'members', group, atMs: recordAtMs, record };
      for (const partitions of stored.offsets.values()) {
        for (const offsets of byCommitTime(partitions.values())) {
          yield { kind: 'commit', group, offsets };
        }
      }
    }
  }

  #obtain(name: string): StoredGroup {
    let group = this.#groups.get(name);
    if (group === undefined) {
      group = { record: undefined, recordAtMs: 0, offsets: new Map() };
      this.#groups.set(name, group);
    }
    return group;
  }

  #set(group: StoredGroup, offset: CommittedOffset): void {
    let partitions = group.offsets.get(offset.stream);
    if (partitions === undefined) {
      partitions = new Map();
      group.offsets.set(offset.stream, partitions);
    }
    if (!partitions.has(offset.partition)) this.#offsetCount++;
    partitions.set(offset.partition, offset);
  }

  #forget(group: StoredGroup | undefined, stream: string, partition: number): void {
    const partitions = group?.offsets.get(stream);
    if (!partitions?.delete(partition)) return;
    this.#offsetCount--;
    if (partitions.size === 0) group?.offsets.delete(stream);
  }

  #removeStream(group: StoredGroup, stream: string): void {
    this.#offsetCount -= group.offsets.get(stream)?.size ?? 0;
    group.offsets.delete(stream);
  }

  #delete(name: string): void {
    const group = this.#groups.get(name);
    if (group === undefined) return;
    for (const stream of group.offsets.keys()) this.#removeStream(group, stream);
    this.#groups.delete(name);
  }
}

/** Runs of offsets that were committed at the same time, as an entry can hold them. */
function* byCommitTime(offsets: Iterable<CommittedOffset>): Generator<CommittedOffset[]> {
  let run: CommittedOffset[] = [];
  for (const offset of offsets) {
    const last = run.at(-1);
    const fits = last?.committedAtMs === offset.committedAtMs && run.length < OFFSETS_PER_ENTRY;
    if (run.length > 0 && !fits) {
      yield run;
      run = [];
    }
    run.push(offset);
  }
  if (run.length > 0) yield run;
}
