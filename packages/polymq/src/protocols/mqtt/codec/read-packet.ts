import type { Packet, ProtocolVersion } from './packets.ts';

/**
 * The packet that a client has sent in `[start, end)`, whole, except PUBLISH (`PublishScan`). Copies what it keeps. The
 * version does not matter to CONNECT. Throws `MqttError`.
 */
export function readPacket(
  _buffer: Buffer,
  _start: number,
  _end: number,
  _version: ProtocolVersion,
  _userPropertiesMax?: number,
): Packet {
  throw new Error('not there yet');
}

/** The protocol level that a CONNECT names, as far as the bytes go: how to answer if it is malformed. */
export function connectVersion(
  _buffer: Buffer,
  _start: number,
  _end: number,
): ProtocolVersion | undefined {
  return undefined;
}
