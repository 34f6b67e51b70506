/** DeleteRecords: removes the records before an offset; -1 stands for all there are. */
export const deleteRecords = {
  key: 21,
  name: 'DeleteRecords',
  versions: [0, 2],
  flexible: 2,
  request: {
    topics: {
      $: 'array',
      name: 'string',
      partitions: {
        $: 'array',
        partitionIndex: 'int32',
        offset: 'int64',
      },
    },
    timeoutMs: 'int32',
  },
  response: {
    throttleTimeMs: 'int32',
    topics: {
      $: 'array',
      name: 'string',
      partitions: {
        $: 'array',
        partitionIndex: 'int32',
        lowWatermark: 'int64',
        errorCode: 'int16',
      },
    },
  },
} as const;
