import type { GroupDescription } from '../../../core/group/groups.ts';
import { AUTHORIZED_OPERATIONS_UNKNOWN } from '../authorized-operations.ts';
import type { ResponseOf } from '../codec/spec.ts';
import { groupFailureOf, NONE } from '../errors.ts';
import { GROUP_STATE } from '../group-state.ts';
import { type Context, type Handler, handler } from '../handler.ts';
import { describeGroups } from '../schema/15-describe-groups.ts';

type Group = ResponseOf<typeof describeGroups>['groups'][number];

/** DescribeGroups: a group that does not exist is described as dead, not as an error, before version 6. */
export const describeGroupsHandler: Handler<typeof describeGroups> = handler(
  describeGroups,
  async (request, context) => ({
    throttleTimeMs: 0,
    groups: await Promise.all(request.groups.map((groupId) => describe(groupId, context))),
  }),
);

async function describe(groupId: string, context: Context): Promise<Group> {
  try {
    return present(await context.broker.groups.describe(groupId));
  } catch (error) {
    return {
      errorCode: groupFailureOf(error).errorCode,
      groupId,
      groupState: '',
      protocolType: '',
      protocolData: '',
      members: [],
      authorizedOperations: AUTHORIZED_OPERATIONS_UNKNOWN,
    };
  }
}

function present(group: GroupDescription): Group {
  return {
    errorCode: NONE,
    groupId: group.groupId,
    groupState: GROUP_STATE[group.state],
    protocolType: group.protocolType,
    protocolData: group.protocolName,
    members: group.members.map((member) => ({
      memberId: member.memberId,
      groupInstanceId: member.instanceId ?? null,
      clientId: member.clientId,
      clientHost: member.clientHost,
      memberMetadata: member.metadata,
      memberAssignment: member.assignment,
    })),
    authorizedOperations: AUTHORIZED_OPERATIONS_UNKNOWN,
  };
}
