import { groupFailureOf, NONE } from '../errors.ts';
import { type Handler, handler } from '../handler.ts';
import { syncGroup } from '../schema/14-sync-group.ts';

/** SyncGroup: the leader hands in the assignment, everybody gets their share of it. */
export const syncGroupHandler: Handler<typeof syncGroup> = handler(
  syncGroup,
  async (request, context) => {
    try {
      const synced = await context.broker.groups.sync({
        groupId: request.groupId,
        memberId: request.memberId,
        generation: request.generationId,
        instanceId: request.groupInstanceId ?? undefined,
        protocolType: request.protocolType ?? undefined,
        protocolName: request.protocolName ?? undefined,
        // The group keeps these, but not the memory that the request was read into.
        assignments: request.assignments.map(({ memberId, assignment }) => ({
          memberId,
          assignment: Buffer.from(assignment),
        })),
        signal: context.closed,
      });
      return { throttleTimeMs: 0, errorCode: NONE, ...synced };
    } catch (error) {
      const { errorCode } = groupFailureOf(error);
      return { throttleTimeMs: 0, errorCode, assignment: Buffer.alloc(0) };
    }
  },
);
