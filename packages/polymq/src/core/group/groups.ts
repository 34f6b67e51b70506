/**
 * Consumer groups as protocols see them: members that share work in generations, and the offsets that the
 * group has committed. A group may one day be owned by another node: everything is asynchronous, and every
 * method rejects with `BrokerError`.
 */
export interface Groups {
  /** Resolves when the generation that this join belongs to has formed (KIP-62, 345, 394, 814). */
  join(request: JoinRequest): Promise<Joined>;
  /** Resolves with the member's assignment once the leader has handed it in. */
  sync(request: SyncRequest): Promise<Synced>;
  /** Resolves if the member is in good standing; `rebalancing` tells it to join again. */
  heartbeat(member: MemberIdentity): Promise<void>;
  /** Removes members, each with its own outcome (KIP-345 batches them). */
  leave(groupId: string, members: readonly LeavingMember[]): Promise<LeaveOutcome[]>;
  /** Durable when the promise resolves. `member` undefined: a commit without membership ("simple"). */
  commitOffsets(
    groupId: string,
    member: Omit<MemberIdentity, 'groupId'> | undefined,
    offsets: readonly OffsetToCommit[],
  ): Promise<OffsetOutcome[]>;
  /** Committed offsets: of the partitions named, or of all when `undefined`. */
  fetchOffsets(
    groupId: string,
    partitions?: readonly StreamPartition[],
  ): Promise<CommittedOffset[]>;
  deleteOffsets(groupId: string, partitions: readonly StreamPartition[]): Promise<OffsetOutcome[]>;
  describe(groupId: string): Promise<GroupDescription>;
  list(): Promise<GroupListing[]>;
  /**
   * Calls the listener when the group begins a rebalance, so that a member in this process need not ask by heartbeats. It takes
   * note and returns. Returns a function that stops it.
   */
  onRebalance(groupId: string, listener: () => void): () => void;
  /** Deletes a group without members and its offsets. `group-not-empty`, `unknown-group`. */
  delete(groupId: string): Promise<void>;
}

export interface MemberIdentity {
  groupId: string;
  memberId: string;
  generation: number;
  instanceId?: string | undefined;
}

export interface JoinRequest {
  groupId: string;
  /** Empty for a member that joins for the first time. */
  memberId: string;
  instanceId?: string | undefined;
  /** Kind of group, such as `consumer` or `connect`; all members must agree. */
  protocolType: string;
  /** Assignment protocols the member speaks, preferred first, with its metadata for each. */
  protocols: readonly { name: string; metadata: Buffer }[];
  sessionTimeoutMs: number;
  rebalanceTimeoutMs: number;
  /** Whether a first join must be repeated with an assigned id (KIP-394; JoinGroup v4 and later). */
  memberIdRequired: boolean;
  clientId: string;
  clientHost: string;
  /** Why it joins, for logs (KIP-800). */
  reason?: string | undefined;
  /** Whether the client understands `skipAssignment` (KIP-814; JoinGroup v9 and later). */
  canSkipAssignment?: boolean | undefined;
  /** Aborts the wait, with the error that the join then rejects with. Set when the connection has gone. */
  signal?: AbortSignal | undefined;
}

/** Thrown as `BrokerError` code `member-id-required`: carries the id to join with. */
export interface MemberIdRequired {
  memberId: string;
}

export interface Joined {
  generation: number;
  protocolType: string;
  protocolName: string;
  leaderId: string;
  memberId: string;
  /** True if the leader need not assign again (KIP-814). */
  skipAssignment: boolean;
  /** All members with their metadata: filled for the leader only. */
  members: { memberId: string; instanceId: string | undefined; metadata: Buffer }[];
}

export interface SyncRequest extends MemberIdentity {
  protocolType?: string | undefined;
  protocolName?: string | undefined;
  /** Filled by the leader. */
  assignments: readonly { memberId: string; assignment: Buffer }[];
  /** As for a join. */
  signal?: AbortSignal | undefined;
}

export interface Synced {
  protocolType: string;
  protocolName: string;
  assignment: Buffer;
}

export interface LeavingMember {
  memberId: string;
  instanceId?: string | undefined;
  reason?: string | undefined;
}

export interface LeaveOutcome extends LeavingMember {
  error: GroupErrorCode | undefined;
}

export interface StreamPartition {
  stream: string;
  partition: number;
}

export interface OffsetToCommit extends StreamPartition {
  offset: number;
  leaderEpoch: number;
  metadata: string;
}

export interface CommittedOffset extends OffsetToCommit {
  committedAtMs: number;
}

export interface OffsetOutcome extends StreamPartition {
  error: GroupErrorCode | undefined;
}

export type GroupState =
  | 'empty'
  | 'preparing-rebalance'
  | 'completing-rebalance'
  | 'stable'
  | 'dead';

export interface GroupListing {
  groupId: string;
  protocolType: string;
  state: GroupState;
}

export interface GroupDescription extends GroupListing {
  generation: number;
  protocolName: string;
  members: {
    memberId: string;
    instanceId: string | undefined;
    clientId: string;
    clientHost: string;
    metadata: Buffer;
    assignment: Buffer;
  }[];
}

/** The subset of broker errors that a group answers per item. */
export type GroupErrorCode = import('../errors.ts').BrokerErrorCode;
