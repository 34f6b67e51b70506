/**
 * What every packet starts with, and where one ends.
 *
 *   type and flags  u8       type in the high four bits
 *   remaining       varint   bytes that follow, 1 to 4 bytes long and as short as it can be [MQTT-1.5.5-1]
 */
import { MqttError, malformed } from './mqtt-error.ts';
import type { ProtocolVersion } from './packets.ts';
import { VARINT_BYTES_MAX } from './varint.ts';

/** The first byte of a SUBSCRIBE, UNSUBSCRIBE and PUBREL has this in its low half, of others 0 (§2.1.3). */
const ACKNOWLEDGED_FLAGS = 0x02;
const PUBREL = 6;
const SUBSCRIBE = 8;
const UNSUBSCRIBE = 10;

/**
 * The size of the whole packet that starts at `start`; 0 if `[start, end)` does not show it yet. Throws `MqttError` if
 * it is above `bytesMax`, or if no packet starts like that.
 */
export function packetBytes(buffer: Buffer, start: number, end: number, bytesMax: number): number {
  if (end - start < 2) return 0;
  if (buffer[start]! < 0x10) malformed('packet type 0 is reserved');
  let remaining = 0;
  for (let index = 0; index < VARINT_BYTES_MAX; index++) {
    const at = start + 1 + index;
    if (at >= end) return 0;
    const byte = buffer[at]!;
    remaining |= (byte & 0x7f) << (7 * index);
    if (byte >= 0x80) continue;
    if (byte === 0 && index > 0) malformed('the remaining length is longer than it needs to be');
    const bytes = remaining + index + 2;
    if (bytes > bytesMax) tooLarge(bytes, bytesMax);
    return bytes;
  }
  return malformed(`the remaining length is longer than ${VARINT_BYTES_MAX} bytes`);
}

function tooLarge(bytes: number, bytesMax: number): never {
  throw new MqttError(
    'packetTooLarge',
    `a packet of ${bytes} bytes is larger than the ${bytesMax} bytes that are accepted`,
  );
}

/** Where the fixed header of a packet ends whose size `packetBytes` has found. */
export function bodyStart(buffer: Buffer, start: number): number {
  let at = start + 1;
  while (buffer[at]! >= 0x80) at += 1;
  return at + 1;
}

/** Throws unless the low half of the first byte is what it must be [MQTT-2.1.3-1]. Not for PUBLISH. */
export function checkFlags(first: number, version: ProtocolVersion): void {
  // MQTT 3.1 has DUP there when something is sent again, and calls the rest unused.
  if (version === 3) return;
  const type = first >>> 4;
  const acknowledged = type === PUBREL || type === SUBSCRIBE || type === UNSUBSCRIBE;
  if ((first & 0x0f) !== (acknowledged ? ACKNOWLEDGED_FLAGS : 0)) {
    malformed(`a packet of type ${type} has the flags ${first & 0x0f}`);
  }
}
