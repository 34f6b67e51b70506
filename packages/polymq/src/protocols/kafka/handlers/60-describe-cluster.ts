import { AUTHORIZED_OPERATIONS_UNKNOWN } from '../authorized-operations.ts';
import { kafkaCode, NONE } from '../errors.ts';
import { type Handler, handler } from '../handler.ts';
import { describeCluster } from '../schema/60-describe-cluster.ts';

const ENDPOINT_BROKERS = 1;

/** DescribeCluster (KIP-700). There are no separate controllers to ask for (KIP-919). */
export const describeClusterHandler: Handler<typeof describeCluster> = handler(
  describeCluster,
  (request, context) => {
    const { broker, advertised } = context;
    const supported = request.endpointType === ENDPOINT_BROKERS;
    return {
      throttleTimeMs: 0,
      errorCode: supported ? NONE : kafkaCode('UNSUPPORTED_ENDPOINT_TYPE'),
      errorMessage: supported ? null : 'this broker has no separate controller endpoint',
      endpointType: ENDPOINT_BROKERS,
      clusterId: broker.clusterId,
      controllerId: broker.nodeId,
      brokers: [
        { brokerId: broker.nodeId, host: advertised.host, port: advertised.port, rack: null },
      ],
      clusterAuthorizedOperations: AUTHORIZED_OPERATIONS_UNKNOWN,
    };
  },
);
