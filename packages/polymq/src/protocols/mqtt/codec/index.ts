/** What the rest of the protocol needs of the codec. */
export { ACK_BYTES_MAX, ackPacketId, PUBACK, PUBCOMP, PUBREC, PUBREL, writeAck } from './acks.ts';
export { packetBytes } from './fixed-header.ts';
export { MqttError } from './mqtt-error.ts';
export { PacketReader } from './packet-reader.ts';
export {
  type AckPacket,
  type AuthPacket,
  type ConnectPacket,
  type DisconnectPacket,
  PACKET_TYPE,
  type Packet,
  type PacketType,
  type PingreqPacket,
  type ProtocolVersion,
  type QoS,
  type SubscribePacket,
  type SubscribeRequest,
  type UnsubscribePacket,
  type Will,
} from './packets.ts';
export type { Properties, UserProperty } from './property-table.ts';
export { NO_TOPIC, PublishFrame, subscriptionIdsField, topicField } from './publish-frame.ts';
export { PublishScan, STORED_FLAG, USER_PROPERTIES_MAX } from './publish-scan.ts';
export { connectVersion } from './read-connect.ts';
export { readPacket } from './read-packet.ts';
export { readPropertyList } from './read-properties.ts';
export { REASON, type ReasonName, reasonMayBeIn } from './reason-codes.ts';
export { textAt } from './text.ts';
export {
  connack,
  disconnect,
  PINGRESP,
  suback,
  unsuback,
  type WriteOptions,
} from './write-packet.ts';
export { publishProperties } from './write-properties.ts';
