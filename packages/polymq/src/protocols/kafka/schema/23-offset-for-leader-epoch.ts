/**
 * OffsetForLeaderEpoch: where a leader epoch ends, by which clients find out what was cut from the
 * log (KIP-320).
 */
export const offsetForLeaderEpoch = {
  key: 23,
  name: 'OffsetForLeaderEpoch',
  versions: [2, 4],
  flexible: 4,
  request: {
    replicaId: 'int32 3+ = -2',
    topics: {
      $: 'array',
      topic: 'string',
      partitions: {
        $: 'array',
        partition: 'int32',
        currentLeaderEpoch: 'int32 = -1',
        leaderEpoch: 'int32',
      },
    },
  },
  response: {
    throttleTimeMs: 'int32',
    topics: {
      $: 'array',
      topic: 'string',
      partitions: {
        $: 'array',
        errorCode: 'int16',
        partition: 'int32',
        leaderEpoch: 'int32 = -1',
        endOffset: 'int64 = -1',
      },
    },
  },
} as const;
