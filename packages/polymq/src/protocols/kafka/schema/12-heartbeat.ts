/** Heartbeat: keeps a member alive and tells it of a rebalance. v3 static members (KIP-345). */
export const heartbeat = {
  key: 12,
  name: 'Heartbeat',
  versions: [0, 4],
  flexible: 4,
  request: {
    groupId: 'string',
    generationId: 'int32',
    memberId: 'string',
    groupInstanceId: 'string? 3+ = null',
  },
  response: {
    throttleTimeMs: 'int32 1+',
    errorCode: 'int16',
  },
} as const;
