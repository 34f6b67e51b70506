/**
 * Produce: record batches for partitions. Versions below 3 carried older record formats and are
 * only read to be refused. v3 transactional id · v8 errors of single records (KIP-467) · v10 the
 * new leader in the response (KIP-951).
 */
export const produce = {
  key: 0,
  name: 'Produce',
  versions: [0, 11],
  flexible: 9,
  request: {
    transactionalId: 'string? 3+ = null',
    acks: 'int16',
    timeoutMs: 'int32',
    topicData: {
      $: 'array',
      name: 'string',
      partitionData: {
        $: 'array',
        index: 'int32',
        records: 'records?',
      },
    },
  },
  response: {
    responses: {
      $: 'array',
      name: 'string',
      partitionResponses: {
        $: 'array',
        index: 'int32',
        errorCode: 'int16',
        baseOffset: 'int64',
        logAppendTimeMs: 'int64 2+ = -1',
        logStartOffset: 'int64 5+ = -1',
        recordErrors: {
          $: 'array 8+',
          batchIndex: 'int32',
          batchIndexErrorMessage: 'string? = null',
        },
        errorMessage: 'string? 8+ = null',
        currentLeader: {
          $: 'struct 10+ tag 0',
          leaderId: 'int32 = -1',
          leaderEpoch: 'int32 = -1',
        },
      },
    },
    throttleTimeMs: 'int32 1+ = 0',
    nodeEndpoints: {
      $: 'array 10+ tag 0',
      nodeId: 'int32',
      host: 'string',
      port: 'int32',
      rack: 'string? = null',
    },
  },
} as const;
