import { failureOf, kafkaCode, NONE } from '../errors.ts';
import { type Handler, handler } from '../handler.ts';
import { initProducerId } from '../schema/22-init-producer-id.ts';

const REFUSED = { throttleTimeMs: 0, producerId: -1, producerEpoch: -1 };

/**
 * InitProducerId for idempotent producers. One that asks again with its own id gets a new id, which ends its old
 * sequence numbers (KIP-360 allows that). Transactions are not offered.
 */
export const initProducerIdHandler: Handler<typeof initProducerId> = handler(
  initProducerId,
  async (request, context) => {
    if (request.transactionalId !== null) {
      return { ...REFUSED, errorCode: kafkaCode('TRANSACTIONAL_ID_AUTHORIZATION_FAILED') };
    }
    try {
      const producerId = await context.broker.producerIds.next();
      return { throttleTimeMs: 0, errorCode: NONE, producerId, producerEpoch: 0 };
    } catch (error) {
      return { ...REFUSED, errorCode: failureOf(error).errorCode };
    }
  },
);
