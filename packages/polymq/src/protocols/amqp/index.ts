import type { Protocol } from '../../net/protocol.ts';
import { amqpFormat } from './message-format.ts';
import { AmqpServer } from './server.ts';

/** AMQP 0-9-1 as RabbitMQ speaks it. */
export const amqp: Protocol = {
  scheme: 'amqp',
  defaultPort: 5672,
  guarded: true,
  messageFormat: amqpFormat,
  open: (context) => new AmqpServer(context),
};
