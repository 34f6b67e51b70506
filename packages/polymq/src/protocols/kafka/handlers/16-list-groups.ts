import { groupFailureOf, NONE } from '../errors.ts';
import { GROUP_STATE, GROUP_TYPE } from '../group-state.ts';
import { type Handler, handler } from '../handler.ts';
import { listGroups } from '../schema/16-list-groups.ts';

/** ListGroups, filtered by state (KIP-518) and type (KIP-848) without regard to case. */
export const listGroupsHandler: Handler<typeof listGroups> = handler(
  listGroups,
  async (request, context) => {
    try {
      const groups = await context.broker.groups.list();
      const states = new Set(request.statesFilter.map((state) => state.toLowerCase()));
      const types = new Set(request.typesFilter.map((type) => type.toLowerCase()));
      const wanted = groups
        .map((group) => ({
          groupId: group.groupId,
          protocolType: group.protocolType,
          groupState: GROUP_STATE[group.state],
          groupType: GROUP_TYPE,
        }))
        .filter((group) => states.size === 0 || states.has(group.groupState.toLowerCase()))
        .filter((group) => types.size === 0 || types.has(group.groupType));
      return { throttleTimeMs: 0, errorCode: NONE, groups: wanted };
    } catch (error) {
      return { throttleTimeMs: 0, errorCode: groupFailureOf(error).errorCode, groups: [] };
    }
  },
);
