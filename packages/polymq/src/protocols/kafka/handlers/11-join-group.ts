/**
 * JoinGroup: a member asks to be part of the next generation (KIP-62, 345, 394, 814). Here the request is put into
 * the core's words and its outcome into Kafka's, by version; the waiting is the core's.
 */
import { BrokerError } from '../../../core/errors.ts';
import type { Joined, JoinRequest } from '../../../core/group/groups.ts';
import type { RequestOf, ResponseOf } from '../codec/spec.ts';
import { groupFailureOf, NONE } from '../errors.ts';
import { type Context, type Handler, handler } from '../handler.ts';
import { joinGroup } from '../schema/11-join-group.ts';

/** From here on a first join is repeated with the id that the broker assigned (KIP-394). */
const MEMBER_ID_REQUIRED_SINCE = 4;
/** From here on a static leader can be told to keep the assignment (KIP-814). */
const SKIP_ASSIGNMENT_SINCE = 9;
const NO_GENERATION = -1;

/** JoinGroup: answers when the generation has formed, which may take the rebalance timeout. */
export const joinGroupHandler: Handler<typeof joinGroup> = handler(
  joinGroup,
  async (request, context) => {
    try {
      return answer(await context.broker.groups.join(toCore(request, context)));
    } catch (error) {
      return refused(error, request.memberId);
    }
  },
);

function toCore(request: RequestOf<typeof joinGroup>, context: Context): JoinRequest {
  return {
    groupId: request.groupId,
    memberId: request.memberId,
    instanceId: request.groupInstanceId ?? undefined,
    protocolType: request.protocolType,
    // The group keeps these: a slice would keep the whole memory that the request was read into.
    protocols: request.protocols.map(({ name, metadata }) => ({
      name,
      metadata: Buffer.from(metadata),
    })),
    sessionTimeoutMs: request.sessionTimeoutMs,
    // Version 0 had one timeout for both. Clients that set none send 0, which nobody could meet.
    rebalanceTimeoutMs:
      request.rebalanceTimeoutMs <= 0 ? request.sessionTimeoutMs : request.rebalanceTimeoutMs,
    memberIdRequired: context.version >= MEMBER_ID_REQUIRED_SINCE,
    canSkipAssignment: context.version >= SKIP_ASSIGNMENT_SINCE,
    clientId: context.clientId,
    clientHost: `/${context.clientHost}`,
    reason: request.reason ?? undefined,
    signal: context.closed,
  };
}

function answer(joined: Joined): ResponseOf<typeof joinGroup> {
  return {
    throttleTimeMs: 0,
    errorCode: NONE,
    generationId: joined.generation,
    protocolType: joined.protocolType,
    protocolName: joined.protocolName,
    leader: joined.leaderId,
    skipAssignment: joined.skipAssignment,
    memberId: joined.memberId,
    members: joined.members.map((member) => ({
      memberId: member.memberId,
      groupInstanceId: member.instanceId ?? null,
      metadata: member.metadata,
    })),
  };
}

function refused(error: unknown, askedId: string): ResponseOf<typeof joinGroup> {
  const { errorCode } = groupFailureOf(error);
  const assigned = error instanceof BrokerError ? assignedMemberId(error) : undefined;
  return {
    throttleTimeMs: 0,
    errorCode,
    generationId: NO_GENERATION,
    protocolType: null,
    // A null here crashes clients of version 7 and later that expect a name in every answer but success.
    protocolName: '',
    leader: '',
    skipAssignment: false,
    memberId: assigned ?? askedId,
    members: [],
  };
}

/** The id that comes with `member-id-required`. */
function assignedMemberId(error: BrokerError): string | undefined {
  return 'memberId' in error && typeof error.memberId === 'string' ? error.memberId : undefined;
}
