/** CreatePartitions: raises the number of partitions of topics. */
export const createPartitions = {
  key: 37,
  name: 'CreatePartitions',
  versions: [0, 3],
  flexible: 2,
  request: {
    topics: {
      $: 'array',
      name: 'string',
      count: 'int32',
      assignments: {
        $: 'array?',
        brokerIds: 'int32[]',
      },
    },
    timeoutMs: 'int32',
    validateOnly: 'boolean',
  },
  response: {
    throttleTimeMs: 'int32',
    results: {
      $: 'array',
      name: 'string',
      errorCode: 'int16',
      errorMessage: 'string? = null',
    },
  },
} as const;
