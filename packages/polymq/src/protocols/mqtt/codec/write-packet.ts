import type { AckPacket, ProtocolVersion } from './packets.ts';
import type { Properties } from './property-table.ts';

/** What all writers of packets of MQTT 5 may be told; 3.x has nothing of it. */
export interface WriteOptions<Place> {
  properties?: Place;
  /** The client's maximum packet size: reason string and user properties are left out if they do not fit. */
  packetBytesMax?: number;
}

/** Reason codes are those of MQTT 5; 3.x gets its return codes. */
export function connack(
  _version: ProtocolVersion,
  _sessionPresent: boolean,
  _reasonCode: number,
  _options?: WriteOptions<Properties<'connack'>>,
): Buffer {
  throw new Error('not there yet');
}

/** One reason code for each filter, in order. */
export function suback(
  _version: ProtocolVersion,
  _packetId: number,
  _reasonCodes: readonly number[],
  _options?: WriteOptions<Properties<'suback'>>,
): Buffer {
  throw new Error('not there yet');
}

/** One reason code for each filter, in order. */
export function unsuback(
  _version: ProtocolVersion,
  _packetId: number,
  _reasonCodes: readonly number[],
  _options?: WriteOptions<Properties<'unsuback'>>,
): Buffer {
  throw new Error('not there yet');
}

/** An acknowledgement that says more than `writeAck` can; MQTT 5 only. */
export function ack(
  _type: AckPacket['type'],
  _packetId: number,
  _reasonCode: number,
  _options?: WriteOptions<Properties<'puback'>>,
): Buffer {
  throw new Error('not there yet');
}

/** MQTT 5 only. */
export function disconnect(
  _reasonCode: number,
  _options?: WriteOptions<Properties<'disconnect'>>,
): Buffer {
  throw new Error('not there yet');
}

/** MQTT 5 only. */
export function auth(_reasonCode: number, _options?: WriteOptions<Properties<'auth'>>): Buffer {
  throw new Error('not there yet');
}

export const PINGRESP: Buffer = Buffer.from([0xd0, 0]);

/** The properties of a PUBLISH as bytes, in the order of the table, without their length. */
export function publishProperties(_properties: Properties<'publish'>): Buffer {
  throw new Error('not there yet');
}
