import { groupFailureOf, NONE } from '../errors.ts';
import { type Handler, handler } from '../handler.ts';
import { deleteGroups } from '../schema/42-delete-groups.ts';

/** DeleteGroups: groups without members, with their offsets (KIP-229). */
export const deleteGroupsHandler: Handler<typeof deleteGroups> = handler(
  deleteGroups,
  async (request, context) => ({
    throttleTimeMs: 0,
    results: await Promise.all(
      request.groupsNames.map(async (groupId) => {
        try {
          await context.broker.groups.delete(groupId);
          return { groupId, errorCode: NONE };
        } catch (error) {
          return { groupId, errorCode: groupFailureOf(error).errorCode };
        }
      }),
    ),
  }),
);
