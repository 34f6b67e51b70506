import type { LeavingMember } from '../../../core/group/groups.ts';
import type { RequestOf } from '../codec/spec.ts';
import { groupErrorCodeOf, groupFailureOf, NONE } from '../errors.ts';
import { type Handler, handler } from '../handler.ts';
import { leaveGroup } from '../schema/13-leave-group.ts';

/** From here on several members leave at once, by instance id too (KIP-345). */
const BATCHED_SINCE = 3;

/** LeaveGroup: before version 3 the one member's error is that of the whole request. */
export const leaveGroupHandler: Handler<typeof leaveGroup> = handler(
  leaveGroup,
  async (request, context) => {
    const batched = context.version >= BATCHED_SINCE;
    const leaving = batched ? request.members.map(toCore) : [{ memberId: request.memberId }];
    try {
      const outcomes = await context.broker.groups.leave(request.groupId, leaving);
      if (!batched) return { throttleTimeMs: 0, errorCode: groupErrorCodeOf(outcomes[0]?.error) };
      return {
        throttleTimeMs: 0,
        errorCode: NONE,
        members: outcomes.map((outcome) => ({
          memberId: outcome.memberId,
          groupInstanceId: outcome.instanceId ?? null,
          errorCode: groupErrorCodeOf(outcome.error),
        })),
      };
    } catch (error) {
      return { throttleTimeMs: 0, errorCode: groupFailureOf(error).errorCode, members: [] };
    }
  },
);

function toCore(member: RequestOf<typeof leaveGroup>['members'][number]): LeavingMember {
  return {
    memberId: member.memberId,
    instanceId: member.groupInstanceId ?? undefined,
    reason: member.reason ?? undefined,
  };
}
