import type { Protocol } from '../../net/protocol.ts';
import { subscribedTopics } from './consumer-subscription.ts';
import { KafkaServer } from './server.ts';

/** The Kafka protocol, as the composition root takes it up. */
export const kafka: Protocol = {
  scheme: 'kafka',
  defaultPort: 9092,
  subscribedStreams: subscribedTopics,
  open: (context) => new KafkaServer(context),
};
