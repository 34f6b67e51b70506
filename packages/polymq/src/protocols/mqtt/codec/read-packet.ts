/** Reads what clients send, but for PUBLISH (`publish-scan.ts`) and CONNECT (`read-connect.ts`). */

import { bodyStart, checkFlags } from './fixed-header.ts';
import { MqttError, malformed, protocolError } from './mqtt-error.ts';
import { PacketReader } from './packet-reader.ts';
import {
  type AckPacket,
  type AuthPacket,
  type DisconnectPacket,
  PACKET_TYPE,
  type Packet,
  type ProtocolVersion,
  type QoS,
  type SubscribePacket,
  type SubscribeRequest,
  type UnsubscribePacket,
} from './packets.ts';
import type { Properties } from './property-table.ts';
import { USER_PROPERTIES_MAX } from './publish-scan.ts';
import { readConnect } from './read-connect.ts';
import { readProperties } from './read-properties.ts';
import { type ReasonPlace, reasonMayBeIn } from './reason-codes.ts';

/** A filter of one byte becomes an object of fifty. */
const FILTERS_MAX = 10_000;

/** What all readers of one packet share. */
interface Source {
  readonly reader: PacketReader;
  readonly version: ProtocolVersion;
  readonly userPropertiesMax: number;
}

/**
 * The packet that a client has sent in `[start, end)`, whole, except PUBLISH (`PublishScan`). Copies what it keeps. The
 * version does not matter to CONNECT. Throws `MqttError`.
 */
export function readPacket(
  buffer: Buffer,
  start: number,
  end: number,
  version: ProtocolVersion,
  userPropertiesMax: number = USER_PROPERTIES_MAX,
): Packet {
  const first = buffer[start]!;
  const type = first >>> 4;
  if (type === PACKET_TYPE.connect) return readConnect(buffer, start, end, userPropertiesMax);
  checkFlags(first, version);
  const reader = new PacketReader(buffer, bodyStart(buffer, start), end);
  const source: Source = { reader, version, userPropertiesMax };
  const packet = readBody(type, source);
  reader.finish();
  return packet;
}

function readBody(type: number, source: Source): Packet {
  switch (type) {
    case PACKET_TYPE.puback:
      return readAck('puback', source);
    case PACKET_TYPE.pubrec:
      return readAck('pubrec', source);
    case PACKET_TYPE.pubrel:
      return readAck('pubrel', source);
    case PACKET_TYPE.pubcomp:
      return readAck('pubcomp', source);
    case PACKET_TYPE.subscribe:
      return readSubscribe(source);
    case PACKET_TYPE.unsubscribe:
      return readUnsubscribe(source);
    case PACKET_TYPE.pingreq:
      return { type: 'pingreq' };
    case PACKET_TYPE.disconnect:
      return readDisconnect(source);
    case PACKET_TYPE.auth:
      return readAuth(source);
    case PACKET_TYPE.publish:
      throw new Error('a PUBLISH is read by PublishScan');
    default:
      return protocolError(`a client sent a packet of type ${type}, which only servers send`);
  }
}

function readAck(
  type: AckPacket['type'],
  { reader, version, userPropertiesMax }: Source,
): AckPacket {
  const packetId = reader.packetId();
  if (version !== 5 || reader.remaining === 0) {
    return { type, packetId, reasonCode: 0, properties: {} };
  }
  const reasonCode = readReason(reader, type);
  // §3.4.2.2.1: all four have the same properties.
  const properties = reader.remaining === 0 ? {} : readProperties(reader, type, userPropertiesMax);
  return { type, packetId, reasonCode, properties: properties as Properties<'puback'> };
}

function readReason(reader: PacketReader, place: ReasonPlace): number {
  const reasonCode = reader.uint8();
  if (!reasonMayBeIn(reasonCode, place)) {
    protocolError(`reason code 0x${reasonCode.toString(16)} may not stand in ${place}`);
  }
  return reasonCode;
}

function readSubscribe({ reader, version, userPropertiesMax }: Source): SubscribePacket {
  const packetId = reader.packetId();
  const properties: Properties<'subscribe'> =
    version === 5 ? readProperties(reader, 'subscribe', userPropertiesMax) : {};
  const subscriptions: SubscribeRequest[] = [];
  while (reader.remaining > 0) {
    if (subscriptions.length === FILTERS_MAX) tooMany();
    subscriptions.push(readRequest(reader, version));
  }
  // [MQTT-3.8.3-2]
  if (subscriptions.length === 0) protocolError('a SUBSCRIBE has no topic filter');
  const subscriptionId = properties.subscriptionIds?.[0] ?? 0;
  return { type: 'subscribe', packetId, subscriptions, subscriptionId, properties };
}

/** Filter u16+n │ options u8: 30 retain handling, 08 retain as published, 04 no local, 03 QoS; 3.x has the QoS alone. */
function readRequest(reader: PacketReader, version: ProtocolVersion): SubscribeRequest {
  const filter = readFilter(reader);
  const options = reader.uint8();
  // MQTT 3.1 does not use the upper bits.
  const reserved = version === 5 ? 0xc0 : version === 4 ? 0xfc : 0;
  if ((options & reserved) !== 0) malformed('reserved bits of a subscription are set');
  const qos = options & 3;
  if (qos === 3) protocolError('a subscription asks for QoS 3');
  if (version !== 5) {
    return {
      filter,
      qos: qos as QoS,
      noLocal: false,
      retainAsPublished: false,
      retainHandling: 0,
    };
  }
  const retainHandling = (options >>> 4) & 3;
  if (retainHandling === 3) protocolError('a subscription has retain handling 3');
  const noLocal = (options & 4) !== 0;
  // [MQTT-3.8.3-4]
  if (noLocal && filter.startsWith('$share/')) protocolError('a shared subscription is no-local');
  return {
    filter,
    qos: qos as QoS,
    noLocal,
    retainAsPublished: (options & 8) !== 0,
    retainHandling: retainHandling as 0 | 1 | 2,
  };
}

function readUnsubscribe({ reader, version, userPropertiesMax }: Source): UnsubscribePacket {
  const packetId = reader.packetId();
  const properties: Properties<'unsubscribe'> =
    version === 5 ? readProperties(reader, 'unsubscribe', userPropertiesMax) : {};
  const filters: string[] = [];
  while (reader.remaining > 0) {
    if (filters.length === FILTERS_MAX) tooMany();
    filters.push(readFilter(reader));
  }
  // [MQTT-3.10.3-2]
  if (filters.length === 0) protocolError('an UNSUBSCRIBE has no topic filter');
  return { type: 'unsubscribe', packetId, filters, properties };
}

function tooMany(): never {
  throw new MqttError('quotaExceeded', `a packet has more than ${FILTERS_MAX} topic filters`);
}

/** [MQTT-4.7.3-1] */
function readFilter(reader: PacketReader): string {
  const filter = reader.text();
  if (filter === '') protocolError('a topic filter is empty');
  return filter;
}

function readDisconnect({ reader, version, userPropertiesMax }: Source): DisconnectPacket {
  if (version !== 5 || reader.remaining === 0) {
    return { type: 'disconnect', reasonCode: 0, properties: {} };
  }
  const reasonCode = readReason(reader, 'clientDisconnect');
  const properties: Properties<'disconnect'> =
    reader.remaining === 0 ? {} : readProperties(reader, 'disconnect', userPropertiesMax);
  // §3.14.2.2.5 is the server's.
  if (properties.serverReference !== undefined) {
    protocolError('a client sent a server reference');
  }
  return { type: 'disconnect', reasonCode, properties };
}

function readAuth({ reader, version, userPropertiesMax }: Source): AuthPacket {
  if (version !== 5) malformed('packet type 15 is reserved before MQTT 5');
  // §3.15.2.1: nothing at all is success.
  if (reader.remaining === 0) return { type: 'auth', reasonCode: 0, properties: {} };
  const reasonCode = readReason(reader, 'auth');
  const properties: Properties<'auth'> =
    reader.remaining === 0 ? {} : readProperties(reader, 'auth', userPropertiesMax);
  return { type: 'auth', reasonCode, properties };
}
