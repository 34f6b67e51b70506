/**
 * ListOffsets: offsets by timestamp, or the first (-2) and next (-1). v2 isolation level · v4
 * leader epochs (KIP-320) · v7 -3 for the largest timestamp (KIP-734) · v8 and v9 -4 and -5 for
 * tiered storage (KIP-405, KIP-1005).
 */
export const listOffsets = {
  key: 2,
  name: 'ListOffsets',
  versions: [1, 9],
  flexible: 6,
  request: {
    replicaId: 'int32',
    isolationLevel: 'int8 2+',
    topics: {
      $: 'array',
      name: 'string',
      partitions: {
        $: 'array',
        partitionIndex: 'int32',
        currentLeaderEpoch: 'int32 4+ = -1',
        timestamp: 'int64',
      },
    },
  },
  response: {
    throttleTimeMs: 'int32 2+',
    topics: {
      $: 'array',
      name: 'string',
      partitions: {
        $: 'array',
        partitionIndex: 'int32',
        errorCode: 'int16',
        timestamp: 'int64 = -1',
        offset: 'int64 = -1',
        leaderEpoch: 'int32 4+ = -1',
      },
    },
  },
} as const;
