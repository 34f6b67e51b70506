import { groupFailureOf, NONE } from '../errors.ts';
import { type Handler, handler } from '../handler.ts';
import { heartbeat } from '../schema/12-heartbeat.ts';

/** Heartbeat: the member is alive; a rebalance is announced by REBALANCE_IN_PROGRESS. */
export const heartbeatHandler: Handler<typeof heartbeat> = handler(
  heartbeat,
  async (request, context) => {
    try {
      await context.broker.groups.heartbeat({
        groupId: request.groupId,
        memberId: request.memberId,
        generation: request.generationId,
        instanceId: request.groupInstanceId ?? undefined,
      });
      return { throttleTimeMs: 0, errorCode: NONE };
    } catch (error) {
      return { throttleTimeMs: 0, errorCode: groupFailureOf(error).errorCode };
    }
  },
);
