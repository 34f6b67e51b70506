/** What the rest of the protocol needs of the codec. */
export { MqttError } from './mqtt-error.ts';
export type {
  AckPacket,
  AuthPacket,
  ConnectPacket,
  DisconnectPacket,
  Packet,
  PacketType,
  PingreqPacket,
  ProtocolVersion,
  QoS,
  SubscribePacket,
  SubscribeRequest,
  UnsubscribePacket,
  Will,
} from './packets.ts';
export type { Properties } from './property-table.ts';
export { REASON, type ReasonName, reasonMayBeIn } from './reason-codes.ts';
