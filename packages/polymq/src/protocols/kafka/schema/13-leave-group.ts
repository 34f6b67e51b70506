/**
 * LeaveGroup: removes members. v3 several at once, static ones too (KIP-345) · v5 a reason
 * (KIP-800).
 */
export const leaveGroup = {
  key: 13,
  name: 'LeaveGroup',
  versions: [0, 5],
  flexible: 4,
  request: {
    groupId: 'string',
    memberId: 'string 0-2',
    members: {
      $: 'array 3+',
      memberId: 'string',
      groupInstanceId: 'string? = null',
      reason: 'string? 5+ = null',
    },
  },
  response: {
    throttleTimeMs: 'int32 1+',
    errorCode: 'int16',
    members: {
      $: 'array 3+',
      memberId: 'string',
      groupInstanceId: 'string?',
      errorCode: 'int16',
    },
  },
} as const;
