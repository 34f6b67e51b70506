/**
 * DescribeGroups: state and members of groups. v3 authorized operations (KIP-430) · v4 static
 * members (KIP-345).
 */
export const describeGroups = {
  key: 15,
  name: 'DescribeGroups',
  versions: [0, 5],
  flexible: 5,
  request: {
    groups: 'string[]',
    includeAuthorizedOperations: 'boolean 3+',
  },
  response: {
    throttleTimeMs: 'int32 1+',
    groups: {
      $: 'array',
      errorCode: 'int16',
      groupId: 'string',
      groupState: 'string',
      protocolType: 'string',
      protocolData: 'string',
      members: {
        $: 'array',
        memberId: 'string',
        groupInstanceId: 'string? 4+ = null',
        clientId: 'string',
        clientHost: 'string',
        memberMetadata: 'bytes',
        memberAssignment: 'bytes',
      },
      authorizedOperations: 'int32 3+ = -2147483648',
    },
  },
} as const;
