/**
 * CONNECT (§3.1):
 *
 *   protocol name u16+n │ level u8 │ flags u8 │ keep alive u16 │ properties, MQTT 5 │ client id │ will │ user │ password
 *   flags: 80 user name, 40 password, 20 will retain, 18 will QoS, 04 will, 02 clean, 01 reserved
 */

import { bodyStart, checkFlags } from './fixed-header.ts';
import { MqttError, malformed, protocolError } from './mqtt-error.ts';
import { PacketReader } from './packet-reader.ts';
import type { ConnectPacket, ProtocolVersion, QoS, Will } from './packets.ts';
import type { Properties } from './property-table.ts';
import { readProperties } from './read-properties.ts';
import { textAt } from './text.ts';
import { publishProperties } from './write-properties.ts';

const FLAG = { username: 0x80, password: 0x40, willRetain: 0x20, will: 0x04, clean: 0x02 } as const;
const WILL_QOS_SHIFT = 3;
const RESERVED = 0x01;

export function readConnect(
  buffer: Buffer,
  start: number,
  end: number,
  userPropertiesMax: number,
): ConnectPacket {
  const reader = new PacketReader(buffer, bodyStart(buffer, start), end);
  const protocolVersion = readVersion(reader);
  checkFlags(buffer[start]!, protocolVersion);
  const flags = reader.uint8();
  checkConnectFlags(flags, protocolVersion);
  const keepAliveS = reader.uint16();
  const properties: Properties<'connect'> =
    protocolVersion === 5 ? readProperties(reader, 'connect', userPropertiesMax) : {};
  if (properties.authenticationData && properties.authenticationMethod === undefined) {
    protocolError('a CONNECT has authentication data without a method');
  }
  const clientId = reader.text();
  const will =
    (flags & FLAG.will) === 0
      ? undefined
      : readWill(reader, flags, protocolVersion, userPropertiesMax);
  // MQTT 3.1 §3.1: a server must allow a user name or password that is announced and missing.
  const mayLack = protocolVersion === 3;
  const has = (flag: number) => (flags & flag) !== 0 && !(mayLack && reader.remaining === 0);
  const username = has(FLAG.username) ? reader.text() : undefined;
  const password = has(FLAG.password) ? reader.binary() : undefined;
  reader.finish();
  const clean = (flags & FLAG.clean) !== 0;
  return {
    type: 'connect',
    protocolVersion,
    clientId,
    clean,
    keepAliveS,
    will,
    username,
    password,
    properties,
  };
}

/**
 * The protocol level that a CONNECT names: how to answer it if it is refused. Undefined if it has not one that is known,
 * or is no CONNECT. Never throws.
 */
export function connectVersion(
  buffer: Buffer,
  start: number,
  end: number,
): ProtocolVersion | undefined {
  if (end - start < 4 || buffer[start]! >>> 4 !== 1) return undefined;
  const nameAt = bodyStart(buffer, start) + 2;
  const levelAt = nameAt + ((buffer[nameAt - 2]! << 8) | buffer[nameAt - 1]!);
  if (!(levelAt < end)) return undefined;
  return versionOf(textAt(buffer, nameAt, levelAt) ?? '', buffer[levelAt]!);
}

function versionOf(name: string, level: number): ProtocolVersion | undefined {
  if (name === 'MQTT') return level === 4 || level === 5 ? level : undefined;
  return name === 'MQIsdp' && level === 3 ? 3 : undefined;
}

function readVersion(reader: PacketReader): ProtocolVersion {
  const name = reader.text();
  if (name !== 'MQTT' && name !== 'MQIsdp') malformed('a CONNECT is of another protocol than MQTT');
  const level = reader.uint8();
  const version = versionOf(name, level);
  if (version !== undefined) return version;
  throw new MqttError(
    'unsupportedProtocolVersion',
    `a client speaks ${name} of level ${level}; MQTT 3.1, 3.1.1 and 5.0 are served`,
  );
}

function checkConnectFlags(flags: number, version: ProtocolVersion): void {
  // [MQTT-3.1.2-3]; MQTT 3.1 does not use the bit.
  if ((flags & RESERVED) !== 0 && version !== 3) malformed('the reserved flag of a CONNECT is set');
  const willQos = (flags >>> WILL_QOS_SHIFT) & 3;
  if ((flags & FLAG.will) === 0) {
    // [MQTT-3.1.2-11, MQTT-3.1.2-13]
    if (version !== 3 && (willQos !== 0 || (flags & FLAG.willRetain) !== 0)) {
      malformed('a CONNECT without a will has flags for one');
    }
  } else if (willQos === 3) malformed('a will has QoS 3');
  // [MQTT-3.1.2-22] of 3.1.1; MQTT 5 allows it.
  if (version !== 5 && (flags & FLAG.password) !== 0 && (flags & FLAG.username) === 0) {
    malformed('a CONNECT has a password without a user name');
  }
}

function readWill(
  reader: PacketReader,
  flags: number,
  version: ProtocolVersion,
  userPropertiesMax: number,
): Will {
  const properties: Properties<'will'> =
    version === 5 ? readProperties(reader, 'will', userPropertiesMax) : {};
  const topic = reader.text();
  if (topic === '') protocolError('a will has no topic');
  if (/[+#]/.test(topic))
    throw new MqttError('topicNameInvalid', 'the topic of a will has a wildcard');
  if (properties.responseTopic !== undefined && !/^[^+#]+$/u.test(properties.responseTopic)) {
    protocolError('the response topic of a will is empty or has a wildcard');
  }
  const payload = reader.binary();
  const { payloadFormat, contentType, responseTopic, correlationData, userProperties } = properties;
  return {
    topic,
    payload,
    qos: ((flags >>> WILL_QOS_SHIFT) & 3) as QoS,
    retain: (flags & FLAG.willRetain) !== 0,
    properties,
    forwarded: publishProperties({
      payloadFormat,
      contentType,
      responseTopic,
      correlationData,
      userProperties,
    }),
  };
}
