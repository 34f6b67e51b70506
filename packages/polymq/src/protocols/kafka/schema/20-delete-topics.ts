/** DeleteTopics: removes topics by name, since v6 by id too (KIP-516). */
export const deleteTopics = {
  key: 20,
  name: 'DeleteTopics',
  versions: [1, 6],
  flexible: 4,
  request: {
    topics: {
      $: 'array 6+',
      name: 'string? = null',
      topicId: 'uuid',
    },
    topicNames: 'string[] 1-5',
    timeoutMs: 'int32',
  },
  response: {
    throttleTimeMs: 'int32',
    responses: {
      $: 'array',
      name: 'string null 6+',
      topicId: 'uuid 6+',
      errorCode: 'int16',
      errorMessage: 'string? 5+ = null',
    },
  },
} as const;
