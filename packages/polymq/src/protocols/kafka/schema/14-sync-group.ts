/**
 * SyncGroup: the leader gives the assignment, each member gets its part. v3 static members
 * (KIP-345) · v5 protocol type and name (KIP-559).
 */
export const syncGroup = {
  key: 14,
  name: 'SyncGroup',
  versions: [0, 5],
  flexible: 4,
  request: {
    groupId: 'string',
    generationId: 'int32',
    memberId: 'string',
    groupInstanceId: 'string? 3+ = null',
    protocolType: 'string? 5+ = null',
    protocolName: 'string? 5+ = null',
    assignments: {
      $: 'array',
      memberId: 'string',
      assignment: 'bytes',
    },
  },
  response: {
    throttleTimeMs: 'int32 1+',
    errorCode: 'int16',
    protocolType: 'string? 5+ = null',
    protocolName: 'string? 5+ = null',
    assignment: 'bytes',
  },
} as const;
