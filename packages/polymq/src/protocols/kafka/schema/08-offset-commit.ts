/**
 * OffsetCommit: stores what a group has read. v5 dropped the retention time · v6 leader epochs
 * (KIP-320) · v7 static members (KIP-345) · v9 member epochs (KIP-848).
 */
export const offsetCommit = {
  key: 8,
  name: 'OffsetCommit',
  versions: [2, 9],
  flexible: 8,
  request: {
    groupId: 'string',
    generationIdOrMemberEpoch: 'int32 = -1',
    memberId: 'string',
    groupInstanceId: 'string? 7+ = null',
    retentionTimeMs: 'int64 2-4 = -1',
    topics: {
      $: 'array',
      name: 'string',
      partitions: {
        $: 'array',
        partitionIndex: 'int32',
        committedOffset: 'int64',
        committedLeaderEpoch: 'int32 6+ = -1',
        committedMetadata: 'string?',
      },
    },
  },
  response: {
    throttleTimeMs: 'int32 3+',
    topics: {
      $: 'array',
      name: 'string',
      partitions: {
        $: 'array',
        partitionIndex: 'int32',
        errorCode: 'int16',
      },
    },
  },
} as const;
