/**
 * All consumer groups of this broker, and the offsets they have committed.
 *
 * Membership lives in a state machine per group (`group-state.ts`), run by a `GroupRunner`. Offsets live in
 * the journal's store and change only when the journal has made the change durable. A group is
 * there while it has members, offsets, or ids that were given out; the retention sweep removes the others.
 */
import type { Timer } from '../../lib/environment/clock.ts';
import type { Environment } from '../../lib/environment/environment.ts';
import { type Logger, silentLogger } from '../../lib/logger.ts';
import type { Durability, LogEngine } from '../../log/log.ts';
import type { Streams } from '../stream/streams.ts';
import { groupError } from './group-error.ts';
import { GroupJournal } from './group-journal.ts';
import { DEFAULT_GROUP_OPTIONS, type GroupOptions } from './group-options.ts';
import { GroupRunner, type RunnerContext } from './group-runner.ts';
import type { StoredGroup } from './group-store.ts';
import type { SubscribedStreams } from './group-subscription.ts';
import type {
  CommittedOffset,
  GroupDescription,
  GroupErrorCode,
  GroupListing,
  GroupState,
  Groups,
  Joined,
  JoinRequest,
  LeaveOutcome,
  LeavingMember,
  MemberIdentity,
  OffsetOutcome,
  OffsetToCommit,
  StreamPartition,
  Synced,
  SyncRequest,
} from './groups.ts';

export interface GroupsSetup {
  environment: Environment;
  engine: LogEngine;
  /** When a commit of offsets counts as durable. Default `fsync`. */
  durability?: Durability | undefined;
  /**
   * The catalogue: offsets can be committed for what is in it, and go when a stream is deleted. Without it
   * any name is accepted, and `removeStream` must be called.
   */
  streams?: Pick<Streams, 'get' | 'onChange'> | undefined;
  options?: Partial<GroupOptions> | undefined;
  /**
   * The streams that a member's metadata asks for; `undefined` if it is of a kind that does not tell. What the
   * bytes mean is the protocol's business.
   */
  subscribedStreams?: SubscribedStreams | undefined;
  logger?: Logger | undefined;
}

/** Reads the journal back and starts the session timers of the members that were there. */
export async function openGroups(setup: GroupsSetup): Promise<GroupRegistry> {
  const options = { ...DEFAULT_GROUP_OPTIONS, ...setup.options };
  const { environment, engine, logger } = setup;
  const journal = await GroupJournal.open({
    environment,
    engine,
    durability: setup.durability ?? 'fsync',
    snapshotBytes: options.snapshotBytes,
    logger,
  });
  return new GroupRegistry(setup, options, journal);
}

/** A committed offset and the group it belongs to. */
export interface GroupOffset extends StreamPartition {
  groupId: string;
  offset: number;
}

export class GroupRegistry implements Groups {
  readonly #options: GroupOptions;
  readonly #journal: GroupJournal;
  readonly #environment: Environment;
  readonly #streams: GroupsSetup['streams'];
  readonly #logger: Logger;
  readonly #context: RunnerContext;
  readonly #groups = new Map<string, GroupRunner>();
  readonly #listeners = new Map<string, Set<() => void>>();
  readonly #stopListening: (() => void) | undefined;
  #sweepTimer: Timer | undefined;
  #closed = false;

  constructor(setup: GroupsSetup, options: GroupOptions, journal: GroupJournal) {
    this.#options = options;
    this.#journal = journal;
    this.#environment = setup.environment;
    this.#streams = setup.streams;
    this.#logger = setup.logger ?? silentLogger;
    const subscribedStreams = setup.subscribedStreams ?? (() => undefined);
    const rules = { ...options, subscribedStreams };
    const { environment } = setup;
    const rebalancing = (groupId: string): void => this.#rebalancing(groupId);
    this.#context = { environment, journal, rules, logger: this.#logger, rebalancing };
    for (const [groupId, { record }] of journal.store.groups()) {
      this.#groups.set(groupId, new GroupRunner(groupId, this.#context, record));
    }
    this.#stopListening = setup.streams?.onChange((change) => {
      if (change.kind === 'deleted') this.#streamDeleted(change.stream.name);
    });
    this.#scheduleSweep();
  }

  async join(request: JoinRequest): Promise<Joined> {
    const { groupId, sessionTimeoutMs } = request;
    this.#check(groupId);
    const { sessionTimeoutMsMin, sessionTimeoutMsMax } = this.#options;
    if (sessionTimeoutMs < sessionTimeoutMsMin || sessionTimeoutMs > sessionTimeoutMsMax) {
      throw groupError('invalid-session-timeout', groupId);
    }
    let group = this.#groups.get(groupId);
    if (group === undefined) {
      if (request.memberId !== '') throw groupError('unknown-member', groupId);
      group = this.#create(groupId);
    }
    return group.join(request);
  }

  async sync(request: SyncRequest): Promise<Synced> {
    this.#check(request.groupId);
    const group = this.#groups.get(request.groupId);
    if (group === undefined) throw groupError('unknown-member', request.groupId);
    return group.sync(request);
  }

  async heartbeat(member: MemberIdentity): Promise<void> {
    this.#check(member.groupId);
    const group = this.#groups.get(member.groupId);
    if (group === undefined) throw groupError('unknown-member', member.groupId);
    group.heartbeat(member);
  }

  async leave(groupId: string, members: readonly LeavingMember[]): Promise<LeaveOutcome[]> {
    this.#check(groupId);
    const group = this.#groups.get(groupId);
    if (group === undefined) {
      return members.map((member) => ({ ...member, error: 'unknown-member' }));
    }
    return group.leave(members);
  }

  async commitOffsets(
    groupId: string,
    member: Omit<MemberIdentity, 'groupId'> | undefined,
    offsets: readonly OffsetToCommit[],
  ): Promise<OffsetOutcome[]> {
    this.#check(groupId);
    let group = this.#groups.get(groupId);
    if (group === undefined) {
      if ((member?.generation ?? -1) >= 0) throw groupError('stale-generation', groupId);
      group = this.#create(groupId);
    }
    group.checkCommit(member);
    const committedAtMs = this.#environment.clock.nowMs();
    const accepted: CommittedOffset[] = [];
    const outcomes = offsets.map((one) => {
      const error = this.#commitRefusal(groupId, one);
      const { stream, partition, offset, leaderEpoch, metadata } = one;
      if (error === undefined) {
        accepted.push({ stream, partition, offset, leaderEpoch, metadata, committedAtMs });
      }
      return { stream, partition, error };
    });
    if (accepted.length === 0) return outcomes;
    group.writesUnderWay++;
    try {
      await this.#journal.write({ kind: 'commit', group: groupId, offsets: accepted });
    } finally {
      group.writesUnderWay--;
    }
    return outcomes;
  }

  async fetchOffsets(
    groupId: string,
    partitions?: readonly StreamPartition[],
  ): Promise<CommittedOffset[]> {
    this.#checkOpen(groupId);
    const stored = this.#journal.store.get(groupId);
    if (stored === undefined) return [];
    if (partitions === undefined) return [...offsetsOf(stored)];
    return partitions.flatMap(
      ({ stream, partition }) => stored.offsets.get(stream)?.get(partition) ?? [],
    );
  }

  async deleteOffsets(
    groupId: string,
    partitions: readonly StreamPartition[],
  ): Promise<OffsetOutcome[]> {
    this.#check(groupId);
    const group = this.#groups.get(groupId);
    if (group === undefined) throw groupError('unknown-group', groupId);
    const subscribed = group.machine.subscribedStreams();
    // Of members of another kind it is not known what they use.
    if (subscribed === undefined) throw groupError('group-not-empty', groupId);
    const outcomes = partitions.map(({ stream, partition }) => ({
      stream,
      partition,
      error: subscribed.has(stream) ? ('group-subscribed' as const) : undefined,
    }));
    await this.#forget(
      groupId,
      outcomes.filter((one) => one.error === undefined),
    );
    return outcomes;
  }

  async describe(groupId: string): Promise<GroupDescription> {
    this.#checkOpen(groupId);
    const group = this.#groups.get(groupId);
    if (group !== undefined) return group.machine.describe(groupId);
    return {
      groupId,
      state: 'dead',
      protocolType: '',
      protocolName: '',
      generation: 0,
      members: [],
    };
  }

  async list(): Promise<GroupListing[]> {
    this.#checkOpen('');
    return [...this.#groups.values()].map(({ groupId, machine }) => {
      return { groupId, protocolType: machine.protocolType, state: machine.state };
    });
  }

  onRebalance(groupId: string, listener: () => void): () => void {
    let listeners = this.#listeners.get(groupId);
    if (listeners === undefined) {
      listeners = new Set();
      this.#listeners.set(groupId, listeners);
    }
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.#listeners.get(groupId) === listeners) {
        this.#listeners.delete(groupId);
      }
    };
  }

  async delete(groupId: string): Promise<void> {
    this.#check(groupId);
    const group = this.#groups.get(groupId);
    if (group === undefined) throw groupError('unknown-group', groupId);
    if (group.machine.state !== 'empty') throw groupError('group-not-empty', groupId);
    await this.#remove(group);
  }

  /** Forgets what all groups have committed for a stream that is deleted. */
  async removeStream(stream: string): Promise<void> {
    this.#checkOpen('');
    await this.#journal.write({ kind: 'remove-stream', stream });
  }

  /** How many groups there are in each state. */
  countByState(): Record<GroupState, number> {
    const counts: Record<GroupState, number> = {
      empty: 0,
      'preparing-rebalance': 0,
      'completing-rebalance': 0,
      stable: 0,
      dead: 0,
    };
    for (const group of this.#groups.values()) counts[group.machine.state]++;
    return counts;
  }

  /** Members of all groups together. */
  memberCount(): number {
    let count = 0;
    for (const group of this.#groups.values()) count += group.machine.memberCount;
    return count;
  }

  get offsetCount(): number {
    return this.#journal.store.offsetCount;
  }

  get journalBytes(): number {
    return this.#journal.sizeBytes;
  }

  /** Every committed offset there is, to compute lag from. */
  *committed(): Generator<GroupOffset> {
    for (const [groupId, stored] of this.#journal.store.groups()) {
      for (const { stream, partition, offset } of offsetsOf(stored)) {
        yield { groupId, stream, partition, offset };
      }
    }
  }

  /** Answers all who wait with `stopping` and makes durable what was written. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#stopListening?.();
    this.#environment.timers.clear(this.#sweepTimer);
    for (const group of this.#groups.values()) group.stop('stopping');
    await this.#journal.close();
  }

  #rebalancing(groupId: string): void {
    for (const listener of [...(this.#listeners.get(groupId) ?? [])]) listener();
  }

  #checkOpen(groupId: string): void {
    if (this.#closed) throw groupError('stopping', groupId);
  }

  #check(groupId: string): void {
    this.#checkOpen(groupId);
    if (groupId === '' || Buffer.byteLength(groupId) > this.#options.nameBytesMax) {
      throw groupError('invalid-group', groupId.slice(0, this.#options.nameBytesMax));
    }
  }

  #create(groupId: string): GroupRunner {
    if (this.#groups.size >= this.#options.countMax) {
      // Names that were only tried out should not keep others out until the next sweep.
      for (const group of this.#groups.values()) this.#removeIfUnused(group);
    }
    if (this.#groups.size >= this.#options.countMax) throw groupError('limit-reached', groupId);
    const group = new GroupRunner(groupId, this.#context);
    this.#groups.set(groupId, group);
    return group;
  }

  #commitRefusal(groupId: string, offset: OffsetToCommit): GroupErrorCode | undefined {
    const { offsetMetadataBytesMax, offsetsMax } = this.#options;
    if (this.#streams !== undefined) {
      const stream = this.#streams.get(offset.stream);
      if (stream === undefined) return 'unknown-stream';
      if (stream.partitions[offset.partition] === undefined) return 'unknown-partition';
    }
    if (Buffer.byteLength(offset.metadata) > offsetMetadataBytesMax) {
      return 'offset-metadata-too-large';
    }
    const { store } = this.#journal;
    const known = store.get(groupId)?.offsets.get(offset.stream)?.has(offset.partition) ?? false;
    return !known && store.offsetCount >= offsetsMax ? 'limit-reached' : undefined;
  }

  #streamDeleted(stream: string): void {
    this.removeStream(stream).catch((error: unknown) => {
      this.#logger.error(
        { stream, error },
        'could not remove the offsets that groups have committed for a deleted stream',
      );
    });
  }

  async #forget(group: string, partitions: readonly StreamPartition[]): Promise<void> {
    const stored = this.#journal.store.get(group);
    const known = partitions.filter((one) => stored?.offsets.get(one.stream)?.has(one.partition));
    if (known.length === 0) return;
    await this.#journal.write({ kind: 'forget', group, partitions: known });
  }

  async #remove(group: GroupRunner): Promise<void> {
    group.stop('unknown-member');
    this.#groups.delete(group.groupId);
    // An entry is needed also while a write is under way, which may bring the group back after a restart.
    if (this.#journal.store.get(group.groupId) || group.writesUnderWay > 0) {
      await this.#journal.write({ kind: 'delete', group: group.groupId });
    }
  }

  #removeIfUnused(group: GroupRunner): void {
    const { machine, groupId, writesUnderWay } = group;
    if (machine.state !== 'empty' || machine.pendingCount > 0 || writesUnderWay > 0) return;
    const stored = this.#journal.store.get(groupId);
    if (stored !== undefined && stored.offsets.size > 0) return;
    this.#remove(group).catch((error: unknown) => this.#sweepFailed(error));
  }

  // Retention.

  #scheduleSweep(): void {
    this.#sweepTimer = this.#environment.timers.after(this.#options.retentionCheckMs, () => {
      this.#sweep();
      this.#scheduleSweep();
    });
    this.#sweepTimer.unref();
  }

  #sweep(): void {
    for (const group of this.#groups.values()) {
      const stored = this.#journal.store.get(group.groupId);
      const expired = stored ? this.#expiredOffsets(group, stored) : [];
      if (expired.length > 0) {
        this.#forget(group.groupId, expired).catch((error: unknown) => this.#sweepFailed(error));
      } else {
        this.#removeIfUnused(group);
      }
    }
  }

  #sweepFailed(error: unknown): void {
    if (!this.#closed) this.#logger.warn({ error }, 'could not remove expired consumer group data');
  }

  /**
   * A group that had members keeps all offsets while it has any, and for the retention time after the last has left;
   * one that never had keeps each for that time. What a stable group does not subscribe to any more counts
   * from its commit.
   */
  #expiredOffsets({ machine }: GroupRunner, stored: StoredGroup): CommittedOffset[] {
    const before = this.#environment.clock.nowMs() - this.#options.offsetsRetentionMs;
    const old = (since: (offset: CommittedOffset) => number) =>
      [...offsetsOf(stored)].filter((offset) => since(offset) <= before);
    if (machine.state === 'empty') {
      const emptySinceMs = stored.record?.members.length === 0 ? stored.recordAtMs : 0;
      return old((offset) => Math.max(emptySinceMs, offset.committedAtMs));
    }
    if (machine.state !== 'stable') return [];
    const subscribed = machine.subscribedStreams();
    if (subscribed === undefined) return [];
    return old((offset) => offset.committedAtMs).filter((one) => !subscribed.has(one.stream));
  }
}

function* offsetsOf(stored: StoredGroup): Generator<CommittedOffset> {
  for (const partitions of stored.offsets.values()) yield* partitions.values();
}
