/** FindCoordinator: this broker coordinates every group. Transactions are not offered. */
import type { RequestOf, ResponseOf } from '../codec/spec.ts';
import { kafkaCode, NONE } from '../errors.ts';
import { type Context, type Handler, handler } from '../handler.ts';
import { findCoordinator } from '../schema/10-find-coordinator.ts';

type Coordinator = NonNullable<ResponseOf<typeof findCoordinator>['coordinators']>[number];

const KEY_TYPE_GROUP = 0;
const KEY_TYPE_TRANSACTION = 1;
const REFUSED_TRANSACTION = 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED';
/** Versions that ask for many keys at once (KIP-699). */
const BATCHED_SINCE = 4;

export const findCoordinatorHandler: Handler<typeof findCoordinator> = handler(
  findCoordinator,
  (request, context) => {
    if (context.version >= BATCHED_SINCE) {
      const keys = request.coordinatorKeys;
      return { coordinators: keys.map((key) => coordinator(key, request.keyType, context)) };
    }
    const { errorCode, errorMessage, nodeId, host, port } = coordinator(
      request.key,
      request.keyType,
      context,
    );
    return { errorCode, errorMessage, nodeId, host, port };
  },
);

function coordinator(
  key: string,
  keyType: RequestOf<typeof findCoordinator>['keyType'],
  context: Context,
): Coordinator {
  if (keyType !== KEY_TYPE_GROUP) {
    // For transactions librdkafka asks again for ever after any other error than this one.
    const error = keyType === KEY_TYPE_TRANSACTION ? REFUSED_TRANSACTION : 'INVALID_REQUEST';
    return {
      key,
      nodeId: -1,
      host: '',
      port: -1,
      errorCode: kafkaCode(error),
      errorMessage: 'this broker does not offer transactions or share groups yet',
    };
  }
  const { host, port } = context.advertised;
  const { nodeId } = context.broker;
  return { key, nodeId, host, port, errorCode: NONE, errorMessage: null };
}
