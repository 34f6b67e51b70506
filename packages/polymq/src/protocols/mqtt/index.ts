import type { Protocol } from '../../net/protocol.ts';
import { mqttFormat } from './message-format.ts';
import { MqttServer } from './server.ts';
import { SYSTEM_EXCHANGE } from './topics.ts';

/** MQTT 3.1, 3.1.1 and 5.0. */
export const mqtt: Protocol = {
  scheme: 'mqtt',
  defaultPort: 1883,
  guarded: true,
  messageFormat: mqttFormat,
  exchanges: [{ name: SYSTEM_EXCHANGE, type: 'topic' }],
  webSocket: {
    scheme: 'ws+mqtt',
    defaultPort: 15_675,
    subprotocols: ['mqtt', 'mqttv3.1'],
    mayBeText: false,
  },
  open: (context) => new MqttServer(context),
};
