import { PUBACK, PUBCOMP, PUBREC, PUBREL } from '../codec/index.ts';
import type { MqttConnection } from '../connection.ts';

/** From here on a reason code says that something failed. */
const FAILURE_MIN = 0x80;

/** One of the four answers that a PUBLISH may lead to, either way. `first` is its first byte. */
export function handleAck(
  connection: MqttConnection,
  first: number,
  packetId: number,
  reason: number,
): void {
  const { session, server } = connection;
  switch (first) {
    case PUBACK:
      session!.outbound.puback(packetId);
      break;
    case PUBREC:
      session!.outbound.pubrec(packetId, reason >= FAILURE_MIN);
      break;
    case PUBREL:
      server.publishing.release(connection, packetId);
      break;
    case PUBCOMP:
      session!.outbound.pubcomp(packetId);
      break;
  }
}
