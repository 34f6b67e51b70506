/** DeleteGroups: removes groups that have no members. */
export const deleteGroups = {
  key: 42,
  name: 'DeleteGroups',
  versions: [0, 2],
  flexible: 2,
  request: {
    groupsNames: 'string[]',
  },
  response: {
    throttleTimeMs: 'int32',
    results: {
      $: 'array',
      groupId: 'string',
      errorCode: 'int16',
    },
  },
} as const;
