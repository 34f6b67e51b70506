/**
 * JoinGroup: makes a member, or takes part in a rebalance. v4 the two-step join (KIP-394) · v5
 * static members (KIP-345) · v7 protocol type in the response (KIP-559) · v8 a reason (KIP-800) ·
 * v9 the leader may keep the assignment (KIP-814).
 */
export const joinGroup = {
  key: 11,
  name: 'JoinGroup',
  versions: [0, 9],
  flexible: 6,
  request: {
    groupId: 'string',
    sessionTimeoutMs: 'int32',
    rebalanceTimeoutMs: 'int32 1+ = -1',
    memberId: 'string',
    groupInstanceId: 'string? 5+ = null',
    protocolType: 'string',
    protocols: {
      $: 'array',
      name: 'string',
      metadata: 'bytes',
    },
    reason: 'string? 8+ = null',
  },
  response: {
    throttleTimeMs: 'int32 2+',
    errorCode: 'int16',
    generationId: 'int32 = -1',
    protocolType: 'string? 7+ = null',
    protocolName: 'string null 7+',
    leader: 'string',
    skipAssignment: 'boolean 9+ = false',
    memberId: 'string',
    members: {
      $: 'array',
      memberId: 'string',
      groupInstanceId: 'string? 5+ = null',
      metadata: 'bytes',
    },
  },
} as const;
