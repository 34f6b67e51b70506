import { ProtocolError } from '../../../lib/bytes/protocol-error.ts';
import { REASON, type ReasonName } from './reason-codes.ts';

/**
 * The client has broken the rules of MQTT, or asks for more than it may have. Ends the connection: with a DISCONNECT or
 * CONNACK that has the reason code if the client speaks MQTT 5, without a word if not (§4.13).
 */
export class MqttError extends ProtocolError {
  readonly reason: ReasonName;

  constructor(reason: ReasonName, message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }

  get reasonCode(): number {
    return REASON[this.reason];
  }
}

/** Bytes that cannot be parsed (§1.2 Malformed Packet). */
export function malformed(message: string): never {
  throw new MqttError('malformedPacket', message);
}

/** Bytes that can be parsed and are not allowed there (§1.2 Protocol Error). */
export function protocolError(message: string): never {
  throw new MqttError('protocolError', message);
}
