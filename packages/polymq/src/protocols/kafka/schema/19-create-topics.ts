/**
 * CreateTopics: makes topics. v4 broker defaults for -1 (KIP-464) · v5 the settings in the response
 * (KIP-525) · v7 topic ids (KIP-516).
 */
export const createTopics = {
  key: 19,
  name: 'CreateTopics',
  versions: [2, 7],
  flexible: 5,
  request: {
    topics: {
      $: 'array',
      name: 'string',
      numPartitions: 'int32',
      replicationFactor: 'int16',
      assignments: {
        $: 'array',
        partitionIndex: 'int32',
        brokerIds: 'int32[]',
      },
      configs: {
        $: 'array',
        name: 'string',
        value: 'string?',
      },
    },
    timeoutMs: 'int32 = 60000',
    validateOnly: 'boolean = false',
  },
  response: {
    throttleTimeMs: 'int32',
    topics: {
      $: 'array',
      name: 'string',
      topicId: 'uuid 7+',
      errorCode: 'int16',
      errorMessage: 'string?',
      topicConfigErrorCode: 'int16 5+ tag 0',
      numPartitions: 'int32 5+ = -1',
      replicationFactor: 'int16 5+ = -1',
      configs: {
        $: 'array? 5+',
        name: 'string',
        value: 'string?',
        readOnly: 'boolean',
        configSource: 'int8 = -1',
        isSensitive: 'boolean',
      },
    },
  },
} as const;
