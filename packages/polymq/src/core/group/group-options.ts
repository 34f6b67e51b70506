/** What may be set about groups. The first block is in the broker's settings, the rest is for tests. */
export interface GroupOptions {
  sessionTimeoutMsMin: number;
  sessionTimeoutMsMax: number;
  /** How long an empty group waits for more members before its first rebalance. */
  initialRebalanceDelayMs: number;
  /** Members of one group. As many more may hold an id that they have not joined with yet. */
  membersMax: number;
  /** How many groups there may be. */
  countMax: number;
  /** Committed offsets of a group without members are removed after this time. */
  offsetsRetentionMs: number;
  /** The text that may stand beside a committed offset. */
  offsetMetadataBytesMax: number;

  /** How long a new member may wait for its first generation; it cannot send heartbeats meanwhile. */
  newMemberTimeoutMs: number;
  /** How often expired offsets and empty groups are swept. */
  retentionCheckMs: number;
  /** Committed offsets of all groups together. */
  offsetsMax: number;
  /** Bytes of a group's name. */
  nameBytesMax: number;
  /** Subscription metadata and assignments that one group may hold: they are kept in memory. */
  memberBytesMax: number;
  /** Bytes appended to the journal before a snapshot lets it be trimmed. */
  snapshotBytes: number;
}

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const DAY_MS = 24 * 60 * MINUTE_MS;
const MIB = 1 << 20;

export const DEFAULT_GROUP_OPTIONS: GroupOptions = {
  sessionTimeoutMsMin: 6 * SECOND_MS,
  sessionTimeoutMsMax: 30 * MINUTE_MS,
  initialRebalanceDelayMs: 0,
  membersMax: 1_000,
  countMax: 10_000,
  offsetsRetentionMs: 7 * DAY_MS,
  offsetMetadataBytesMax: 4_096,
  newMemberTimeoutMs: 5 * MINUTE_MS,
  retentionCheckMs: 10 * MINUTE_MS,
  offsetsMax: 1_000_000,
  nameBytesMax: 255,
  memberBytesMax: 16 * MIB,
  snapshotBytes: 8 * MIB,
};
