import {
  MqttError,
  type Packet,
  PINGRESP,
  PUBACK,
  PUBCOMP,
  PUBREC,
  PUBREL,
} from '../codec/index.ts';
import type { MqttConnection } from '../connection.ts';
import { handleAck } from './acks.ts';
import { handleConnect } from './connect.ts';
import { handleDisconnect } from './disconnect.ts';
import { handleSubscribe } from './subscribe.ts';
import { handleUnsubscribe } from './unsubscribe.ts';

const FIRST = { puback: PUBACK, pubrec: PUBREC, pubrel: PUBREL, pubcomp: PUBCOMP } as const;

/** Any packet but PUBLISH. What follows waits for the promise, if there is one. */
export function handlePacket(
  connection: MqttConnection,
  packet: Packet,
): Promise<void> | undefined {
  switch (packet.type) {
    case 'connect':
      // [MQTT-3.1.0-2]
      if (connection.state === 'running') {
        throw new MqttError('protocolError', 'a client has sent a second CONNECT');
      }
      return handleConnect(connection, packet);
    case 'puback':
    case 'pubrec':
    case 'pubrel':
    case 'pubcomp':
      handleAck(connection, FIRST[packet.type], packet.packetId, packet.reasonCode);
      return undefined;
    case 'subscribe':
      return handleSubscribe(connection, packet);
    case 'unsubscribe':
      return handleUnsubscribe(connection, packet);
    case 'pingreq':
      connection.send(PINGRESP);
      return undefined;
    case 'disconnect':
      handleDisconnect(connection, packet);
      return undefined;
    case 'auth':
      // [MQTT-4.12.0-6]: the CONNECT had no method, or there would be no connection.
      throw new MqttError('protocolError', 'an AUTH without an authentication method');
  }
}
