import { type DisconnectPacket, MqttError, REASON } from '../codec/index.ts';
import type { MqttConnection } from '../connection.ts';
import { grantedExpiryS } from '../session-expiry.ts';

/** The client goes. Without a reason code its will is forgotten; with 0x04, and with those of errors, it is published. */
export function handleDisconnect(connection: MqttConnection, packet: DisconnectPacket): void {
  const { sessionExpiryS } = packet.properties;
  const session = connection.session!;
  if (sessionExpiryS !== undefined) {
    // [MQTT-3.14.2-2]
    if (sessionExpiryS > 0 && session.expiryS === 0) {
      const text = 'a DISCONNECT asks to keep a session that its CONNECT has not asked to keep';
      throw new MqttError('protocolError', text);
    }
    session.expiryS = grantedExpiryS(sessionExpiryS, connection.server.options);
  }
  connection.finish(packet.reasonCode === REASON.normalDisconnection ? 'normal' : 'lost');
}
