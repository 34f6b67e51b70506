/**
 * Metadata: brokers, topics and their partitions. A null list of topics means all of them; v0 had
 * an empty list for that. v4 asks for auto-creation · v7 leader epochs (KIP-320) · v10 topic ids
 * (KIP-516), v12 asks by them.
 */
export const metadata = {
  key: 3,
  name: 'Metadata',
  versions: [0, 12],
  flexible: 9,
  request: {
    topics: {
      $: 'array null 1+',
      topicId: 'uuid 10+',
      name: 'string null 10+',
    },
    allowAutoTopicCreation: 'boolean 4+ = true',
    includeClusterAuthorizedOperations: 'boolean 8-10',
    includeTopicAuthorizedOperations: 'boolean 8+',
  },
  response: {
    throttleTimeMs: 'int32 3+',
    brokers: {
      $: 'array',
      nodeId: 'int32',
      host: 'string',
      port: 'int32',
      rack: 'string? 1+ = null',
    },
    clusterId: 'string? 2+ = null',
    controllerId: 'int32 1+ = -1',
    topics: {
      $: 'array',
      errorCode: 'int16',
      name: 'string null 12+',
      topicId: 'uuid 10+',
      isInternal: 'boolean 1+ = false',
      partitions: {
        $: 'array',
        errorCode: 'int16',
        partitionIndex: 'int32',
        leaderId: 'int32',
        leaderEpoch: 'int32 7+ = -1',
        replicaNodes: 'int32[]',
        isrNodes: 'int32[]',
        offlineReplicas: 'int32[] 5+',
      },
      topicAuthorizedOperations: 'int32 8+ = -2147483648',
    },
    clusterAuthorizedOperations: 'int32 8-10 = -2147483648',
  },
} as const;
