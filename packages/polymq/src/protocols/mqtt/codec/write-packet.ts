/**
 * Writes what this server sends, but for PUBLISH (`publish-frame.ts`) and the answers to it (`acks.ts`). AUTH is none of it: no
 * client gets so far. Before MQTT 5 there are no properties, and other codes.
 */

import { PACKET_TYPE, type ProtocolVersion } from './packets.ts';
import type { Properties } from './property-table.ts';
import { REASON } from './reason-codes.ts';
import { varintBytes, writeVarint } from './varint.ts';
import { type AnyProperties, propertiesField } from './write-properties.ts';

/** What all writers of packets of MQTT 5 may be told; 3.x has nothing of it. */
export interface WriteOptions<P> {
  properties?: P | undefined;
  /** The client's maximum packet size: reason string and user properties are left out if they do not fit. */
  packetBytesMax?: number | undefined;
}

const NOTHING: Buffer = Buffer.alloc(0);
/** What a reason code of failure is in a SUBACK of 3.1.1. */
const SUBACK_FAILURE = 0x80;

/** CONNACK of 3.x has five ways to refuse (§3.2.2.3 of 3.1.1). */
const RETURN_CODE: ReadonlyMap<number, number> = new Map([
  [REASON.success, 0],
  [REASON.unsupportedProtocolVersion, 1],
  [REASON.clientIdNotValid, 2],
  [REASON.badUserNameOrPassword, 4],
  [REASON.notAuthorized, 5],
  [REASON.banned, 5],
  [REASON.badAuthenticationMethod, 5],
]);
const RETURN_UNAVAILABLE = 3;

/** The reason code is one of MQTT 5; 3.x gets its return codes. */
export function connack(
  version: ProtocolVersion,
  sessionPresent: boolean,
  reasonCode: number,
  options: WriteOptions<Properties<'connack'>> = {},
): Buffer {
  const first = PACKET_TYPE.connack << 4;
  if (version === 5) {
    return packet(first, Buffer.of(sessionPresent ? 1 : 0, reasonCode), options, NOTHING);
  }
  // MQTT 3.1 has no such flag yet.
  const flags = sessionPresent && version === 4 ? 1 : 0;
  return Buffer.of(first, 2, flags, RETURN_CODE.get(reasonCode) ?? RETURN_UNAVAILABLE);
}

/** One reason code for each filter, in order. */
export function suback(
  version: ProtocolVersion,
  packetId: number,
  reasonCodes: readonly number[],
  options: WriteOptions<Properties<'suback'>> = {},
): Buffer {
  const first = PACKET_TYPE.suback << 4;
  if (version === 5) return packet(first, uint16(packetId), options, Buffer.from(reasonCodes));
  const codes = reasonCodes.map((code) => Math.min(code, SUBACK_FAILURE));
  return packet(first, uint16(packetId), undefined, Buffer.from(codes));
}

/** One reason code for each filter, in order. */
export function unsuback(
  version: ProtocolVersion,
  packetId: number,
  reasonCodes: readonly number[],
  options: WriteOptions<Properties<'unsuback'>> = {},
): Buffer {
  const first = PACKET_TYPE.unsuback << 4;
  if (version === 5) return packet(first, uint16(packetId), options, Buffer.from(reasonCodes));
  return packet(first, uint16(packetId), undefined, NOTHING);
}

/** MQTT 5 only. */
export function disconnect(
  reasonCode: number,
  options: WriteOptions<Properties<'disconnect'>> = {},
): Buffer {
  return packet(PACKET_TYPE.disconnect << 4, Buffer.of(reasonCode), options, NOTHING);
}

export const PINGRESP: Buffer = Buffer.of(PACKET_TYPE.pingresp << 4, 0);

/** Without options there are no properties, and no length of them either: 3.x. */
function packet(
  first: number,
  head: Buffer,
  options: WriteOptions<AnyProperties> | undefined,
  tail: Buffer,
): Buffer {
  if (options === undefined) return frame(first, [head, tail]);
  const { properties = {}, packetBytesMax = Infinity } = options;
  const whole = withProperties(first, head, properties, tail);
  if (whole.length <= packetBytesMax) return whole;
  const { userProperties: _, ...fewer } = properties;
  const shorter = withProperties(first, head, fewer, tail);
  if (shorter.length <= packetBytesMax) return shorter;
  const { reasonString: __, ...fewest } = fewer;
  return withProperties(first, head, fewest, tail);
}

function withProperties(
  first: number,
  head: Buffer,
  properties: AnyProperties,
  tail: Buffer,
): Buffer {
  const field = propertiesField(properties);
  const length = Buffer.allocUnsafe(varintBytes(field.length));
  writeVarint(length, 0, field.length);
  return frame(first, [head, length, field, tail]);
}

function frame(first: number, pieces: readonly Buffer[]): Buffer {
  const remaining = pieces.reduce((bytes, piece) => bytes + piece.length, 0);
  const header = Buffer.allocUnsafe(1 + varintBytes(remaining));
  header[0] = first;
  writeVarint(header, 1, remaining);
  return Buffer.concat([header, ...pieces]);
}

function uint16(value: number): Buffer {
  return Buffer.of(value >>> 8, value);
}
