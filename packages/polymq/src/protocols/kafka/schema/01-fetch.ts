/**
 * Fetch: record batches from partitions, with a long poll. v7 fetch sessions (KIP-227) · v9 leader
 * epochs (KIP-320) · v11 rack (KIP-392) · v12 diverging epochs (KIP-595) · v13 topic ids (KIP-516)
 * · v15 replica state (KIP-903) · v16 the new leader (KIP-951) · v17 directory ids (KIP-853).
 */
export const fetch = {
  key: 1,
  name: 'Fetch',
  versions: [4, 17],
  flexible: 12,
  request: {
    clusterId: 'string? 12+ tag 0 = null',
    replicaId: 'int32 4-14 = -1',
    replicaState: {
      $: 'struct 15+ tag 1',
      replicaId: 'int32 = -1',
      replicaEpoch: 'int64 = -1',
    },
    maxWaitMs: 'int32',
    minBytes: 'int32',
    maxBytes: 'int32 = 2147483647',
    isolationLevel: 'int8 = 0',
    sessionId: 'int32 7+ = 0',
    sessionEpoch: 'int32 7+ = -1',
    topics: {
      $: 'array',
      topic: 'string 4-12',
      topicId: 'uuid 13+',
      partitions: {
        $: 'array',
        partition: 'int32',
        currentLeaderEpoch: 'int32 9+ = -1',
        fetchOffset: 'int64',
        lastFetchedEpoch: 'int32 12+ = -1',
        logStartOffset: 'int64 5+ = -1',
        partitionMaxBytes: 'int32',
        replicaDirectoryId: 'uuid 17+ tag 0',
      },
    },
    forgottenTopicsData: {
      $: 'array 7+',
      topic: 'string 7-12',
      topicId: 'uuid 13+',
      partitions: 'int32[]',
    },
    rackId: 'string 11+',
  },
  response: {
    throttleTimeMs: 'int32',
    errorCode: 'int16 7+',
    sessionId: 'int32 7+ = 0',
    responses: {
      $: 'array',
      topic: 'string 4-12',
      topicId: 'uuid 13+',
      partitions: {
        $: 'array',
        partitionIndex: 'int32',
        errorCode: 'int16',
        highWatermark: 'int64',
        lastStableOffset: 'int64 = -1',
        logStartOffset: 'int64 5+ = -1',
        divergingEpoch: {
          $: 'struct 12+ tag 0',
          epoch: 'int32 = -1',
          endOffset: 'int64 = -1',
        },
        currentLeader: {
          $: 'struct 12+ tag 1',
          leaderId: 'int32 = -1',
          leaderEpoch: 'int32 = -1',
        },
        snapshotId: {
          $: 'struct 12+ tag 2',
          endOffset: 'int64 = -1',
          epoch: 'int32 = -1',
        },
        abortedTransactions: {
          $: 'array?',
          producerId: 'int64',
          firstOffset: 'int64',
        },
        preferredReadReplica: 'int32 11+ = -1',
        records: 'records?',
      },
    },
    nodeEndpoints: {
      $: 'array 16+ tag 0',
      nodeId: 'int32',
      host: 'string',
      port: 'int32',
      rack: 'string? = null',
    },
  },
} as const;
