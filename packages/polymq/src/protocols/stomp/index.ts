import type { Protocol } from '../../net/protocol.ts';
import { stompFormat } from './message-format.ts';
import { StompServer } from './server.ts';

/** STOMP 1.0, 1.1 and 1.2 as RabbitMQ speaks them. */
export const stomp: Protocol = {
  scheme: 'stomp',
  defaultPort: 61_613,
  guarded: true,
  messageFormat: stompFormat,
  webSocket: {
    scheme: 'ws+stomp',
    defaultPort: 15_674,
    subprotocols: ['v12.stomp', 'v11.stomp', 'v10.stomp'],
    mayBeText: true,
  },
  open: (context) => new StompServer(context),
};
