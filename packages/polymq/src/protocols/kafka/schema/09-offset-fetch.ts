/**
 * OffsetFetch: what a group has stored. A null list of topics means all. v7 stable offsets
 * (KIP-447) · v8 several groups at once (KIP-709) · v9 member epochs (KIP-848).
 */
export const offsetFetch = {
  key: 9,
  name: 'OffsetFetch',
  versions: [1, 9],
  flexible: 6,
  request: {
    groupId: 'string 1-7',
    topics: {
      $: 'array 1-7 null 2+',
      name: 'string',
      partitionIndexes: 'int32[]',
    },
    groups: {
      $: 'array 8+',
      groupId: 'string',
      memberId: 'string? 9+ = null',
      memberEpoch: 'int32 9+ = -1',
      topics: {
        $: 'array?',
        name: 'string',
        partitionIndexes: 'int32[]',
      },
    },
    requireStable: 'boolean 7+ = false',
  },
  response: {
    throttleTimeMs: 'int32 3+',
    topics: {
      $: 'array 1-7',
      name: 'string',
      partitions: {
        $: 'array',
        partitionIndex: 'int32',
        committedOffset: 'int64',
        committedLeaderEpoch: 'int32 5+ = -1',
        metadata: 'string?',
        errorCode: 'int16',
      },
    },
    errorCode: 'int16 2-7 = 0',
    groups: {
      $: 'array 8+',
      groupId: 'string',
      topics: {
        $: 'array',
        name: 'string',
        partitions: {
          $: 'array',
          partitionIndex: 'int32',
          committedOffset: 'int64',
          committedLeaderEpoch: 'int32 = -1',
          metadata: 'string?',
          errorCode: 'int16',
        },
      },
      errorCode: 'int16 = 0',
    },
  },
} as const;
